"""One run per folder: the kernel knows whether an owner lives, the file says who it is."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from synthgen.core.errors import LockError
from synthgen.pipeline.lock import LOCK_FILE, RunLock, lock_owner


def test_held_and_released(tmp_path: Path) -> None:
    with RunLock(tmp_path):
        owner = lock_owner(tmp_path)
        assert owner is not None
        assert (owner["pid"], owner["host"]) == (os.getpid(), socket.gethostname())
        with pytest.raises(LockError, match=f"process {os.getpid()} on {socket.gethostname()}"), RunLock(tmp_path):
            pass
        assert (tmp_path / LOCK_FILE).exists()
    assert lock_owner(tmp_path) is None
    assert os.listdir(tmp_path) == []
    with RunLock(tmp_path):
        pass


def test_a_dead_owner_is_taken_over(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from synthgen.pipeline.lock import RunLock; "
        "RunLock(Path(sys.argv[1])).__enter__(); os.kill(os.getpid(), 9)"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=root).returncode == -9
    assert (tmp_path / LOCK_FILE).exists()
    assert lock_owner(tmp_path) is None
    with RunLock(tmp_path):
        assert lock_owner(tmp_path) is not None


@pytest.mark.parametrize("text", ["", "[]", "nonsense", '{"pid": "x"}'])
def test_a_lock_file_without_sense_is_taken_over(tmp_path: Path, text: str) -> None:
    (tmp_path / LOCK_FILE).write_text(text)
    with RunLock(tmp_path):
        pass
