"""One run per output folder: a lock file that dies with its process.

The kernel's file lock tells whether the owner is alive on this computer; the file's text tells who it is. On a file
system that several computers share, a lock of another computer counts while its heartbeat is fresh.
"""

import fcntl
import json
import os
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from synthgen.core.errors import DatasetError, LockError

LOCK_FILE = ".lock"
HEARTBEAT_S = 30.0
# A computer that has not touched its lock for this long is taken to be gone.
STALE_S = 300.0


class RunLock:
    """Context manager that holds the lock of a folder. Entering raises LockError when another run holds it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK_FILE
        self._handle = -1
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        try:
            self._acquire()
        except OSError as error:
            raise DatasetError(f"{self._path} cannot be written: {error.strerror}") from error
        self._thread = threading.Thread(target=self._beat, name="lock-heartbeat", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._path.unlink(missing_ok=True)
        os.close(self._handle)

    def _acquire(self) -> None:
        while True:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = _owner(handle)
                os.close(handle)
                raise LockError(_held_message(self._path, owner)) from None
            if _is_same_file(handle, self._path):
                break
            os.close(handle)  # the last owner deleted the file between our open and our lock
        owner = _owner(handle)
        age = time.time() - os.fstat(handle).st_mtime
        if owner.get("host") not in (None, socket.gethostname()) and age < STALE_S:
            os.close(handle)
            raise LockError(_held_message(self._path, {**owner, "age": age}))
        text = json.dumps({"pid": os.getpid(), "host": socket.gethostname()})
        os.ftruncate(handle, 0)
        os.pwrite(handle, text.encode(), 0)
        self._handle = handle

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_S):
            os.utime(self._handle)


def lock_owner(folder: Path) -> dict[str, Any] | None:
    """Who holds a folder, {"pid", "host", "age"}; None when no run of this computer does."""
    try:
        handle = os.open(folder / LOCK_FILE, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        owner = _owner(handle)
        elsewhere = owner.get("host", socket.gethostname()) != socket.gethostname()
        return owner if elsewhere and owner["age"] < STALE_S else None
    except BlockingIOError:
        return _owner(handle)
    finally:
        os.close(handle)


def _owner(handle: int) -> dict[str, Any]:
    """What the lock file says about its owner; empty when it says nothing sensible."""
    try:
        owner = json.loads(os.pread(handle, 4096, 0))
        return {**owner, "age": time.time() - os.fstat(handle).st_mtime}
    except (ValueError, TypeError):
        return {}


def _is_same_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _held_message(path: Path, owner: dict[str, Any]) -> str:
    pid, host, age = owner.get("pid", "?"), owner.get("host", "?"), owner.get("age", 0.0)
    who = f"process {pid} on {host}, last sign of life {age:.0f} s ago"
    return f"{path.parent} is in use by another run ({who}); wait for it, stop it, or choose another output folder"
