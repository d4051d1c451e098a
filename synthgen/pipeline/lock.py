"""One run per output folder: a lock that dies with its process.

On this computer the kernel's file lock tells whether the owner lives. A lock of another computer cannot be tested so:
it counts until its owner is seen to be silent, which `break_lock` watches for. Its heartbeat is a counter, not a time,
because clocks of computers differ.
"""

import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from synthgen.core.errors import DatasetError, LockError
from synthgen.pipeline.publish import LocalStore, RemoteStore, Store, is_alive, publish_bytes

LOCK_FILE = ".lock"
HEARTBEAT_S = 5.0
# An owner that lets this many heartbeats pass while it is watched is taken to be gone.
MISSED_BEATS = 3


class _Heart:
    """Calls `beat` every HEARTBEAT_S seconds, from a thread of its own."""

    def __init__(self, beat: Callable[[int], object]) -> None:
        self._beat = beat
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lock-heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Return when no further beat comes."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        beats = 0
        while not self._stop.wait(HEARTBEAT_S):
            beats += 1
            try:
                self._beat(beats)
            except (OSError, DatasetError):
                continue  # a full disk or a lost connection: the next beat may come through


class RunLock:
    """Context manager that holds the lock of a folder. Entering raises LockError when another run holds it.

    break_lock: take over the lock of another computer after watching it for MISSED_BEATS heartbeats; wait: replaced in
    tests.
    """

    def __init__(self, folder: Path, break_lock: bool = False, wait: Callable[[float], object] = time.sleep) -> None:
        self._path = folder / LOCK_FILE
        self._break = break_lock
        self._wait = wait
        self._handle = -1
        self._heart: _Heart | None = None

    def __enter__(self) -> Self:
        try:
            self._acquire()
        except OSError as error:
            raise DatasetError(f"{self._path} cannot be written: {error.strerror}") from error
        self._heart = _Heart(self._write)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._heart is not None:
            self._heart.stop()
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
                raise LockError(_held_message(str(self._path.parent), owner)) from None
            if _is_same_file(handle, self._path):
                break
            os.close(handle)  # the last owner deleted the file between our open and our lock
        owner = _owner(handle)
        if is_elsewhere(owner):
            try:
                _take_over(str(self._path.parent), owner, lambda: _owner(handle), self._break, self._wait)
            except LockError:
                os.close(handle)
                raise
        self._handle = handle
        self._write(0)

    def _write(self, beats: int) -> None:
        text = json.dumps(_this_process(beats)).encode()
        os.pwrite(self._handle, text, 0)
        os.ftruncate(self._handle, len(text))


class RemoteRunLock:
    """The lock of an object store: a small object, put only if absent. Parameters as those of RunLock."""

    def __init__(
        self, store: RemoteStore, break_lock: bool = False, wait: Callable[[float], object] = time.sleep
    ) -> None:
        self._store = store
        self._break = break_lock
        self._wait = wait
        self._heart: _Heart | None = None

    def __enter__(self) -> Self:
        while not self._store.put_if_absent(LOCK_FILE, json.dumps(_this_process(0)).encode()):
            owner = self._owner()
            if is_elsewhere(owner):
                _take_over(self._store.location, owner, self._owner, self._break, self._wait)
            elif is_alive(int(owner.get("pid", 0))):
                raise LockError(_held_message(self._store.location, owner))
            self._store.remove(LOCK_FILE)
        self._heart = _Heart(
            lambda beats: publish_bytes(self._store, LOCK_FILE, json.dumps(_this_process(beats)).encode())
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._heart is not None:
            self._heart.stop()
        self._store.remove(LOCK_FILE)

    def _owner(self) -> dict[str, Any]:
        return _parsed(self._store.read(LOCK_FILE) or b"{}")


def run_lock(store: Store, break_lock: bool = False) -> RunLock | RemoteRunLock:
    """The lock of a store, to be entered."""
    if isinstance(store, LocalStore):
        return RunLock(store.folder, break_lock)
    assert isinstance(store, RemoteStore)
    return RemoteRunLock(store, break_lock)


def lock_owner(folder: Path) -> dict[str, Any] | None:
    """Who holds a folder, {"pid", "host", "beats", "age"}; None when no run does.

    A run of another computer counts as long as its lock is there.
    """
    try:
        handle = os.open(folder / LOCK_FILE, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        owner = _owner(handle)
        return owner if is_elsewhere(owner) else None
    except BlockingIOError:
        return _owner(handle)
    finally:
        os.close(handle)


def is_elsewhere(owner: dict[str, Any]) -> bool:
    """Whether a lock was written by another computer."""
    return owner.get("host") not in (None, socket.gethostname())


def _this_process(beats: int) -> dict[str, Any]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "beats": beats}


def _take_over(
    place: str,
    owner: dict[str, Any],
    look: Callable[[], dict[str, Any]],
    break_lock: bool,
    wait: Callable[[float], object],
) -> None:
    """Returns when a lock of another computer may be taken. Raises LockError otherwise."""
    if not break_lock:
        raise LockError(
            _held_message(place, owner) + "; if that run is gone, which cannot be seen from here, add --break-lock"
        )
    for _ in range(MISSED_BEATS):
        wait(HEARTBEAT_S)
        now = look()
        if now.get("beats") != owner.get("beats"):
            raise LockError(_held_message(place, now) + "; it is alive, its lock was not broken")


def _owner(handle: int) -> dict[str, Any]:
    """What the lock file says about its owner; empty when it says nothing sensible."""
    owner = _parsed(os.pread(handle, 4096, 0))
    # For people only: clocks differ, so nothing is decided by it.
    return {**owner, "age": max(time.time() - os.fstat(handle).st_mtime, 0.0)} if owner else {}


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        owner = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    known = {"pid": int, "host": str, "beats": int}
    if not isinstance(owner, dict):
        return {}
    return {name: owner[name] for name, kind in known.items() if isinstance(owner.get(name), kind)}


def _is_same_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _held_message(place: str, owner: dict[str, Any]) -> str:
    pid, host = owner.get("pid", "?"), owner.get("host", "?")
    age = f", last sign of life {owner['age']:.0f} s ago" if "age" in owner else ""
    return (
        f"{place} is in use by another run (process {pid} on {host}{age}); "
        "wait for it, stop it, or choose another output folder"
    )
