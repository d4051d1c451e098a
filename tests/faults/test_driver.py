"""Faults 2 and 18: the process that runs a run is killed or asked to stop."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.conftest import Start, wait_for_samples

from benchmarks.chaos import children_of

OPTIONS = "GenerateOptions(workers=2, factory='pipeline_fakes:open_slow')"


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until_gone(pids: list[int]) -> None:
    for _ in range(400):
        if not any(is_running(pid) for pid in pids):
            return
        time.sleep(0.05)
    raise AssertionError(f"still running: {[pid for pid in pids if is_running(pid)]}")


@pytest.mark.parametrize(
    ("signals", "code"),
    [
        ([signal.SIGKILL], -9),
        ([signal.SIGINT], 130),
        ([signal.SIGTERM], 143),
        ([signal.SIGINT, signal.SIGINT], 130),
        ([signal.SIGTERM, signal.SIGTERM], 143),  # a queueing system asks once, then again
    ],
)
def test_a_stopped_driver_leaves_whole_files_and_no_process(
    tmp_path: Path,
    start_run: Start,
    assert_survived: Callable[..., None],
    signals: list[signal.Signals],
    code: int,
) -> None:
    out = tmp_path / "out"
    run = start_run(out, OPTIONS)
    wait_for_samples(run, 96)
    workers = children_of(run.pid)
    assert len(workers) == 2
    for number in signals:
        run.send_signal(number)
        time.sleep(0.02)
    assert run.wait(30) in (code, -signals[0])  # a second signal may come before Python can tidy the first
    wait_until_gone(workers)
    assert not list(Path("/dev/shm").glob("*synthgen*"))
    assert_survived(out)


def test_the_command_line_says_how_to_go_on(tmp_path: Path) -> None:
    """Exit code 130 and one line to paste, from the real command with the real renderer."""
    import sys

    root = Path(__file__).parents[2]
    command = [
        sys.executable,
        "-m",
        "synthgen",
        "generate",
        str(root / "recipes/bench.yaml"),
        "-o",
        str(tmp_path / "o"),
    ]
    run = subprocess.Popen([*command, "--count", "5000"], cwd=root, stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        if (tmp_path / "o" / "dataset.json").exists():
            break
        time.sleep(0.1)
    run.send_signal(signal.SIGINT)
    _, text = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "stopped; finish it with: synthgen generate" in text and "--resume" in text
    assert "Traceback" not in text
