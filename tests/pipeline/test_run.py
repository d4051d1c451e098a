"""`generate`: equal bytes for any number of workers and any interruption, and folders it must refuse."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from synthgen.core.errors import AssetError, DatasetError, FingerprintError, LabelError, LockError, UsageError
from synthgen.dataset.index import index_file, shard_file
from synthgen.dataset.reader import open_dataset
from synthgen.pipeline.run import GenerateOptions, Progress, generate
from synthgen.pipeline.status import dataset_status
from synthgen.recipe.schema import Recipe

MakeRecipe = Callable[..., Recipe]
Digest = Callable[[Path], dict[str, str]]


def options(workers: int = 0, resume: bool = False, factory: str = "open_plain", count: int | None = None):  # type: ignore[no-untyped-def]
    return GenerateOptions(count=count, workers=workers, resume=resume, factory=f"pipeline_fakes:{factory}")


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed run of the test recipe."""
    from synthgen.recipe.load import parse_recipe

    path = tmp_path_factory.mktemp("reference") / "out"
    text = "kind: images\nseed: 3\ncount: 100\nshard_size: 40\nsize: [24, 32]\n"
    generate(parse_recipe(text, "test.yaml"), path, options())
    return path


def test_files_of_a_dataset(reference: Path) -> None:
    assert sorted(file.name for file in reference.iterdir()) == [
        "dataset.json",
        "runs",
        "samples.parquet",
        *sorted([*map(shard_file, range(3)), *map(index_file, range(3))]),
        "template.npz",
    ]
    assert dataset_status(reference).complete


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_worker_count_changes_no_byte(
    make_recipe: MakeRecipe, tmp_path: Path, reference: Path, digest: Digest, workers: int
) -> None:
    summary = generate(make_recipe(), tmp_path / "out", options(workers))
    assert digest(tmp_path / "out") == digest(reference)
    assert (summary.built_samples, summary.built_shards, summary.present_shards) == (100, 3, 0)
    assert summary.restarts == 0
    assert set(summary.stage_seconds) == {"render", "encode", "write"}
    assert summary.bytes == sum(file.stat().st_size for file in reference.glob("*.tar"))


def test_progress_counts_up_to_the_end(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    seen: list[Progress] = []
    summary = generate(make_recipe(), tmp_path / "out", options(2), seen.append)
    done = [state.done_samples for state in seen]
    assert done == sorted(done)
    assert (seen[0].done_samples, seen[-1].done_samples, seen[-1].total_samples) == (0, 100, 100)
    assert (seen[-1].done_shards, seen[-1].total_shards, seen[-1].bytes) == (3, 3, summary.bytes)


def test_count_replaces_the_recipes(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    generate(make_recipe(), tmp_path / "out", options(count=5))
    assert len(open_dataset(tmp_path / "out")) == 5


@pytest.mark.parametrize(
    "loss",
    [
        ["shard-000001.json"],
        ["shard-000000.tar", "shard-000002.tar"],
        ["samples.parquet"],
        ["template.npz"],
        ["dataset.json"],
        ["dataset.json", "shard-000002.tar", "template.npz"],
        ["shard-000001.tar", "shard-000001.json", "samples.parquet", "template.npz"],
    ],
)
def test_resume_rebuilds_what_is_lost(
    make_recipe: MakeRecipe, tmp_path: Path, reference: Path, digest: Digest, loss: list[str]
) -> None:
    folder = Path(shutil.copytree(reference, tmp_path / "out"))
    for name in loss:
        (folder / name).unlink()
    (folder / ".tmp-shard-000001.tar-12345").write_bytes(b"torn")
    generate(make_recipe(), folder, options(resume=True))
    assert digest(folder) == digest(reference)


def test_resume_rebuilds_truncated_and_damaged_shards(
    make_recipe: MakeRecipe, tmp_path: Path, reference: Path, digest: Digest
) -> None:
    folder = Path(shutil.copytree(reference, tmp_path / "out"))
    data = (folder / shard_file(0)).read_bytes()
    (folder / shard_file(0)).write_bytes(data[:-512])
    (folder / index_file(1)).write_bytes(b"{}")
    status = dataset_status(folder)
    assert (status.unsound, status.missing, status.samples) == ((0, 1), (), 20)
    summary = generate(make_recipe(), folder, options(resume=True))
    assert (summary.built_shards, summary.present_shards) == (2, 1)
    assert digest(folder) == digest(reference)


def test_resume_of_a_whole_dataset_builds_nothing(
    make_recipe: MakeRecipe, tmp_path: Path, reference: Path, digest: Digest
) -> None:
    folder = Path(shutil.copytree(reference, tmp_path / "out"))
    times = {file.name: file.stat().st_mtime_ns for file in folder.iterdir() if file.is_file()}
    assert generate(make_recipe(), folder, options(resume=True)).built_shards == 0
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir() if file.is_file()} == times


def test_killed_workers_are_replaced(make_recipe: MakeRecipe, tmp_path: Path, digest: Digest) -> None:
    """SIGKILL in the middle of shards: the shards are built again by others, and nothing else changes."""
    marks = tmp_path / "marks"
    marks.mkdir()
    recipe = make_recipe(count=200, background=f"{{kind: folder, images: {marks}}}")
    generate(recipe, tmp_path / "calm", options())
    summary = generate(recipe, tmp_path / "out", options(2, factory="open_fragile"))
    assert summary.restarts == 3  # blocks 1, 3 and 5 of 0..6
    assert digest(tmp_path / "out") == digest(tmp_path / "calm")


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_keep_their_class_and_message(make_recipe: MakeRecipe, tmp_path: Path, workers: int) -> None:
    with pytest.raises(AssetError, match="x.png: the file is not a picture"):
        generate(make_recipe(), tmp_path / "a", options(workers, factory="open_broken"))
    with pytest.raises(LabelError, match="sample 3: label 'depth' is infinite|sample 3: label 'depth'"):
        generate(make_recipe(), tmp_path / "b", options(workers, factory="open_invalid"))
    assert not list((tmp_path / "b").glob(".*"))
    assert not list((tmp_path / "b").glob("shard-*"))
    generate(make_recipe(), tmp_path / "a", options(workers))  # nothing stands in the way of a second try


def test_a_bug_in_a_worker_shows_its_trace(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)samples 0 to 39.*ZeroDivisionError: a bug in block 0"):
        generate(make_recipe(count=40), tmp_path / "out", options(1, factory="open_buggy"))


def test_folders_that_are_refused(make_recipe: MakeRecipe, tmp_path: Path, reference: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(DatasetError, match=r"not empty and is not a synthgen dataset.*thesis\.tex"):
        generate(make_recipe(), tmp_path, options())
    with pytest.raises(DatasetError, match="already holds this dataset; add --resume"):
        generate(make_recipe(), reference, options())
    with pytest.raises(FingerprintError, match=r"seed: 3 -> 4"):
        generate(make_recipe(seed=4), reference, options(resume=True))
    with pytest.raises(FingerprintError, match=r"sensor\.supersampling: 1 -> 2"):
        generate(make_recipe(sensor="{supersampling: 2}"), reference, options(resume=True))
    with pytest.raises(DatasetError, match="planned with count 100, not 80"):
        generate(make_recipe(count=80), reference, options(resume=True))
    with pytest.raises(DatasetError, match="planned with shard_size 40, not 50"):
        generate(make_recipe(shard_size=50), reference, options(resume=True))
    with pytest.raises(UsageError, match="workers is -1"):
        generate(make_recipe(), tmp_path / "x", options(-1))
    (tmp_path / "file").write_text("x")
    with pytest.raises(DatasetError, match="cannot be made"):
        generate(make_recipe(), tmp_path / "file" / "out", options())


def test_other_library_versions_are_refused_with_a_diff(
    make_recipe: MakeRecipe, tmp_path: Path, reference: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from synthgen.pipeline import output_folder

    changed = {**output_folder.library_versions(), "numpy": "9.9"}
    monkeypatch.setattr(output_folder, "library_versions", lambda: changed)
    with pytest.raises(FingerprintError, match=r'numpy: "[\d.]+" -> "9\.9"'):
        generate(make_recipe(), reference, options(resume=True))


def test_manifest_holds_no_machine_path(reference: Path) -> None:
    content = json.loads((reference / "dataset.json").read_text())
    assert "/somewhere" not in (reference / "dataset.json").read_text()
    assert content["plan"] == {"count": 100, "shard_size": 40, "shards": 3}


SCRIPT = """
import sys
sys.path[:0] = {path!r}
from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.recipe.load import parse_recipe
recipe = parse_recipe({text!r}, "test.yaml")
options = GenerateOptions(workers=2, resume={resume}, factory="pipeline_fakes:open_slow")
try:
    generate(recipe, {out!r}, options, lambda state: print(state.done_samples, flush=True))
except KeyboardInterrupt:
    sys.exit(130)
"""
TEXT = "kind: images\nseed: 3\ncount: 200\nshard_size: 40\nsize: [24, 32]\n"


def start_run(out: Path, resume: bool = False) -> "subprocess.Popen[str]":
    """A script without a main guard, as a user would write it."""
    here = Path(__file__).parent
    path = [str(here.parents[1]), str(here.parent / "dataset"), str(here)]
    code = SCRIPT.format(path=path, text=TEXT, out=str(out), resume=resume)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def wait_for_samples(run: "subprocess.Popen[str]", samples: int) -> None:
    assert run.stdout is not None
    for line in run.stdout:
        if int(line) >= samples:
            return
    raise AssertionError("the run ended early")


def children_of(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in text.read_text().split()] if text.exists() else []


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until_gone(pids: list[int]) -> None:
    for _ in range(200):
        if not any(is_running(pid) for pid in pids):
            return
        time.sleep(0.05)
    raise AssertionError(f"still running: {[pid for pid in pids if is_running(pid)]}")


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The undisturbed run of TEXT."""
    from synthgen.recipe.load import parse_recipe

    path = tmp_path_factory.mktemp("calm") / "out"
    generate(parse_recipe(TEXT, "test.yaml"), path, options())
    return path


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_runs_leave_whole_files_and_resume_to_equal_bytes(
    tmp_path: Path, calm: Path, digest: Digest, kind: signal.Signals
) -> None:
    out = tmp_path / "out"
    run = start_run(out)
    wait_for_samples(run, 96)
    workers = children_of(run.pid)
    assert len(workers) == 2
    run.send_signal(kind)
    code = run.wait(30)
    assert code == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[kind]
    wait_until_gone(workers)
    assert run.stdout is not None
    run.stdout.close()
    left = [file.name for file in out.iterdir() if file.name.startswith(".")]
    assert kind == signal.SIGKILL or left == []
    whole = {name: value for name, value in digest(out).items() if not name.startswith(".")}
    complete = {name: value for name, value in digest(calm).items() if name in whole}
    assert whole == complete  # whatever has its final name is whole
    from synthgen.recipe.load import parse_recipe

    generate(parse_recipe(TEXT, "test.yaml"), out, options(2, resume=True))
    assert digest(out) == digest(calm)


def test_two_runs_cannot_share_a_folder(tmp_path: Path) -> None:
    from synthgen.recipe.load import parse_recipe

    out = tmp_path / "out"
    run = start_run(out)
    try:
        wait_for_samples(run, 32)
        recipe = parse_recipe(TEXT, "test.yaml")
        with pytest.raises(LockError, match=f"process {run.pid} on .*wait for it, stop it"):
            generate(recipe, out, options(resume=True))
        running = dataset_status(out).running
        assert running is not None and running["pid"] == run.pid
    finally:
        run.kill()
        run.wait()
        assert run.stdout is not None
        run.stdout.close()
    assert dataset_status(out).running is None
    assert os.path.exists(out / ".lock")
    generate(recipe, out, options(resume=True))  # the dead owner's lock is taken over
    assert not os.path.exists(out / ".lock")
