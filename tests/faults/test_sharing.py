"""Fault 15: two runs and one folder, on one computer, on two, and by agreement."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.conftest import Start, content, plain, wait_for_samples

from synthgen.core.errors import FingerprintError, LockError, UsageError
from synthgen.pipeline.lock import LOCK_FILE, MISSED_BEATS, RemoteRunLock, RunLock
from synthgen.pipeline.publish import RemoteStore, publish_bytes
from synthgen.pipeline.run import generate
from synthgen.recipe.load import parse_recipe
from synthgen.recipe.schema import Recipe

SLOW = "GenerateOptions(workers=1, factory='pipeline_fakes:open_slow')"


def test_a_second_run_is_refused_with_the_owners_name(
    tmp_path: Path, recipe: Recipe, start_run: Start, assert_survived: Callable[..., None]
) -> None:
    out = tmp_path / "out"
    run = start_run(out, SLOW)
    wait_for_samples(run, 32)
    for options in (plain(resume=True), plain(resume=True, lock="break")):  # a living process keeps its lock
        with pytest.raises(LockError, match=rf"process {run.pid} on .*, last sign of life \d+ s ago") as caught:
            generate(recipe, out, options)
        assert caught.value.exit_code == 5
    run.kill()
    run.wait()
    assert_survived(out)  # the lock of a dead process does not count


def test_joining_a_run_gives_the_same_bytes(tmp_path: Path, recipe: Recipe, calm: Path, start_run: Start) -> None:
    out = tmp_path / "out"
    run = start_run(out, SLOW)
    wait_for_samples(run, 32)
    summary = generate(recipe, out, plain(workers=1, lock="join"))
    assert summary.built_shards >= 1
    assert run.wait(60) == 0
    assert content(out) == content(calm)


def test_joining_needs_the_same_recipe_and_something_to_join(tmp_path: Path, recipe: Recipe, start_run: Start) -> None:
    with pytest.raises(UsageError, match="no dataset to join"):
        generate(recipe, tmp_path / "none", plain(lock="join"))
    run = start_run(tmp_path / "out", SLOW)
    wait_for_samples(run, 32)
    other = parse_recipe("kind: images\nseed: 4\ncount: 200\nshard_size: 40\nsize: [24, 32]\n", "test.yaml")
    with pytest.raises(FingerprintError, match="seed: 3 -> 4"):
        generate(other, tmp_path / "out", plain(lock="join"))


def elsewhere(beats: int) -> bytes:
    return json.dumps({"pid": 1, "host": "node17", "beats": beats}).encode()


def test_a_lock_of_another_computer_is_broken_only_when_it_is_silent(tmp_path: Path) -> None:
    file = tmp_path / LOCK_FILE
    file.write_bytes(elsewhere(5))
    with pytest.raises(LockError, match=r"process 1 on node17.*--break-lock"), RunLock(tmp_path):
        pass
    beats = iter(range(6, 20))
    with (
        pytest.raises(LockError, match="it is alive, its lock was not broken"),
        RunLock(tmp_path, break_lock=True, wait=lambda seconds: file.write_bytes(elsewhere(next(beats)))),
    ):
        pass
    waits: list[float] = []
    with RunLock(tmp_path, break_lock=True, wait=waits.append):
        assert json.loads(file.read_text())["pid"] != 1
    assert len(waits) == MISSED_BEATS
    assert not file.exists()


def test_an_object_store_is_locked_too(tmp_path: Path) -> None:
    store = RemoteStore(f"memory://{tmp_path.name}/locked")
    with RemoteRunLock(store), pytest.raises(LockError, match="in use by another run"), RemoteRunLock(store):
        pass
    assert store.read(LOCK_FILE) is None
    publish_bytes(store, LOCK_FILE, elsewhere(5))
    with pytest.raises(LockError, match=r"node17.*--break-lock"), RemoteRunLock(store):
        pass
    with RemoteRunLock(store, break_lock=True, wait=lambda seconds: None):
        assert json.loads(store.read(LOCK_FILE) or b"")["pid"] != 1
    # A process of this computer that is gone.
    gone = subprocess.run([sys.executable, "-c", "import os, socket; print(os.getpid(), socket.gethostname())"],
                          capture_output=True, text=True).stdout.split()  # fmt: skip
    publish_bytes(store, LOCK_FILE, json.dumps({"pid": int(gone[0]), "host": gone[1], "beats": 0}).encode())
    with RemoteRunLock(store):
        pass


def test_of_two_writers_of_an_object_one_wins(tmp_path: Path) -> None:
    from synthgen.core.errors import DatasetError

    store = RemoteStore(f"memory://{tmp_path.name}/once")
    publish_bytes(store, "shard-000000.tar", b"bytes", once=True)
    publish_bytes(store, "shard-000000.tar", b"bytes", once=True)
    with pytest.raises(DatasetError, match="appeared with other content"):
        publish_bytes(store, "shard-000000.tar", b"other", once=True)
    assert store.read("shard-000000.tar") == b"bytes"
