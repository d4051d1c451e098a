"""Faults 5 and 20: full disks, few file handles, odd clocks and paths, unwritable caches, no GPU, no terminal."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.conftest import IMPORTS, content, plain, recipe_text

from synthgen.core.errors import DatasetError
from synthgen.pipeline import lock
from synthgen.pipeline.output_folder import wait_until_visible
from synthgen.pipeline.publish import LocalStore
from synthgen.pipeline.run import generate
from synthgen.recipe.schema import Recipe

ROOT = Path(__file__).parents[2]
PLAIN = "GenerateOptions(workers={workers}, factory='pipeline_fakes:open_plain')"


def run_script(lines: str, text: str, out: Path, workers: int = 1) -> "subprocess.CompletedProcess[str]":
    """`generate` in a process that first runs some lines."""
    code = (
        f"import sys; sys.path[:0] = {IMPORTS!r}\n{lines}\n"
        "from synthgen.core.errors import SynthgenError\n"
        "from synthgen.pipeline.run import GenerateOptions, generate\n"
        "from synthgen.recipe.load import parse_recipe\n"
        "try:\n"
        f"    generate(parse_recipe({text!r}, 'test.yaml'), {str(out)!r}, {PLAIN.format(workers=workers)})\n"
        "except SynthgenError as error:\n"
        "    print(error, file=sys.stderr); sys.exit(error.exit_code)\n"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_full_disk_ends_with_one_message_and_whole_files(
    tmp_path: Path, assert_survived: Callable[..., None], workers: int
) -> None:
    """A limit on file size stands in for the disk: no shard of 40 samples fits under 250 kB."""
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (250000, 250000))"  # noqa: E501
    done = run_script(limit, recipe_text(), tmp_path / "out", workers)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "shard-00000" in done.stderr and "bytes free there" in done.stderr and "--resume" in done.stderr
    assert not [name for name in os.listdir(tmp_path / "out") if name.startswith((".tmp", "shard"))]
    assert_survived(tmp_path / "out")


@pytest.mark.skipif(os.getuid() != 0, reason="mounting needs root")
def test_a_full_file_system(tmp_path: Path, recipe: Recipe) -> None:
    """A real one: 1 MB of tmpfs takes two shards of 430 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("tmpfs cannot be mounted here")
    try:
        with pytest.raises(
            DatasetError, match=r"cannot be written: No space left on device \([\d,]+ bytes free there\)"
        ):
            generate(recipe, disk / "out", plain(workers=1))
        assert not list((disk / "out").glob(".tmp*"))
        assert len(list((disk / "out").glob("shard-*.tar"))) == len(list((disk / "out").glob("shard-*.json")))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_few_file_handles(tmp_path: Path, calm: Path) -> None:
    """`ulimit -n 64`, with more shards than that being read for the table."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))"
    text = recipe_text(count=480).replace("shard_size: 40", "shard_size: 4")
    done = run_script(limit, text, tmp_path / "out", workers=2)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").glob("shard-*.tar"))) == 120


@pytest.mark.parametrize("days", [-1, 1])
def test_clocks_decide_nothing(
    tmp_path: Path, recipe: Recipe, calm: Path, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    """Files from the past and the future, and a clock that jumps, change neither a decision nor a byte."""
    out = tmp_path / "out"
    generate(recipe, out, plain(only=frozenset([0, 1])))
    import time

    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + days * 86400)
    monkeypatch.setattr(lock.time, "time", lambda: real() + days * 86400)
    for file in out.iterdir():
        os.utime(file, (real() - days * 86400,) * 2)
    generate(recipe, out, plain(resume=True))
    assert content(out) == content(calm)


@pytest.mark.parametrize(
    "name", ["with space", "ünïcödé-面", "a" * 120 + "/" + "b" * 120, os.fsdecode(b"not-utf8-\xff")]
)
def test_odd_paths(tmp_path: Path, recipe: Recipe, calm: Path, name: str) -> None:
    generate(recipe, tmp_path / name / "out", plain(workers=1))
    assert content(tmp_path / name / "out") == content(calm)


def test_files_that_appear_late(tmp_path: Path) -> None:
    """A network file system shows what another computer wrote after a while; a folder of its own never does."""
    store = LocalStore(tmp_path)
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            (tmp_path / "shard-000000.tar").write_bytes(b"12345")

    wait_until_visible(store, "shard-000000.tar", 5, "node7:12", wait)
    assert len(waits) == 3
    with pytest.raises(
        DatasetError, match=r"worker node7:12 has written shard-000001.tar.*file system that all workers"
    ):
        wait_until_visible(store, "shard-000001.tar", 5, "node7:12", waits.append)
    assert sum(waits[3:]) > 30


def bench_recipe(folder: Path, *more: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """`synthgen generate` of four samples as a command, without a terminal."""
    command = [sys.executable, "-m", "synthgen", "generate", "recipes/bench.yaml", "-o", str(folder / "o")]
    return subprocess.run(
        [*command, "--count", "4", *(more or ("--device", "cpu"))],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_no_gpu_is_said_in_one_line(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this computer has a GPU")
    done = bench_recipe(tmp_path, "--device", "cuda")
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr and "cuda" in done.stderr.lower()
    assert not list(tmp_path.glob("o/shard*"))


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    """Compiled kernels and catalogues are caches: a home folder that is a file must not stop a run."""
    home = tmp_path / "home"
    home.write_text("not a folder")
    done = bench_recipe(tmp_path, HOME=str(home), XDG_CACHE_HOME=str(home))
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 0 or "cache" in done.stderr.lower(), done.stderr


def test_no_terminal_gets_plain_lines(tmp_path: Path) -> None:
    done = bench_recipe(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'o'}\n"
    assert "\x1b" not in done.stderr and "4 of 4 samples" in done.stderr
