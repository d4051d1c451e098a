"""Files appear under their final name only when they are whole, and once.

In a folder: temporary name, fsync, rename, fsync of the folder. In an object store, where an object appears whole:
put-if-absent, so that of two writers of a shard one wins and the other finds equal bytes.
`open_store` gives a folder of this computer or, for a URL, an object store through fsspec.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from synthgen.core.errors import DatasetError
from synthgen.dataset.whole_file import TEMPORARY_PREFIX, create_whole, write_error, writer_token
from synthgen.dataset.writer import ByteSink


class Store(Protocol):
    """Where a dataset's files go. Names have no folders. Every method raises DatasetError when the store fails."""

    location: str

    def create(self, name: str, once: bool = False) -> AbstractContextManager[ByteSink]:
        """A sink; the file appears when the block ends, and not if it raises.

        once: for files that all writers make alike; where the store can, it refuses to replace one by other bytes.
        """

    def read(self, name: str) -> bytes | None:
        """Content of a file, None when there is none."""

    def size(self, name: str) -> int | None:
        """Bytes of a file, None when there is none."""

    def names(self) -> list[str]:
        """Names of all files, temporary ones included."""

    def remove(self, name: str) -> None:
        """Delete a file; nothing happens when there is none."""


class LocalStore:
    """A folder of this computer."""

    def __init__(self, folder: Path) -> None:
        self.location = str(folder)
        self.folder = folder

    @contextmanager
    def create(self, name: str, once: bool = False) -> Iterator[ByteSink]:
        """See `Store.create`; a rename replaces whatever is there, which for equal bytes changes nothing."""
        with create_whole(self.folder / name) as stream:
            yield stream

    def read(self, name: str) -> bytes | None:
        """See `Store.read`."""
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DatasetError(f"{self.folder / name} cannot be read: {error.strerror}") from error

    def size(self, name: str) -> int | None:
        """See `Store.size`."""
        try:
            return (self.folder / name).stat().st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DatasetError(f"{self.folder / name} cannot be read: {error.strerror}") from error

    def names(self) -> list[str]:
        """See `Store.names`."""
        return sorted(entry.name for entry in self.folder.iterdir()) if self.folder.is_dir() else []

    def remove(self, name: str) -> None:
        """See `Store.remove`."""
        with suppress(OSError):
            (self.folder / name).unlink()


# Protocols whose objects appear whole and can be put only if absent.
OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "memory"}


class RemoteStore:
    """A folder of an object store or another file system that fsspec knows."""

    def __init__(self, url: str) -> None:
        import fsspec

        try:
            self._system, root = fsspec.core.url_to_fs(url)
            self._system.makedirs(root, exist_ok=True)
        except (ImportError, ValueError, OSError) as error:
            raise DatasetError(f"{url} cannot be opened: {error}") from error
        self.location = url
        self._root = root.rstrip("/")
        protocol = self._system.protocol
        names = (protocol,) if isinstance(protocol, str) else protocol
        self._puts_whole = bool(OBJECT_STORES & set(names))

    @contextmanager
    def create(self, name: str, once: bool = False) -> Iterator[ByteSink]:
        """See `Store.create`: written here, then put whole, or sent under a temporary name and moved."""
        with tempfile.TemporaryDirectory(prefix="synthgen-") as folder:
            local = Path(folder) / name
            with create_whole(local) as sink:
                yield sink
            try:
                self._send(local, name, once)
            except OSError as error:
                raise write_error(f"{self.location.rstrip('/')}/{name}", error) from error

    def _send(self, local: Path, name: str, once: bool) -> None:
        target = f"{self._root}/{name}"
        if not self._puts_whole:
            sent = f"{self._root}/{TEMPORARY_PREFIX}{name}-{writer_token(os.getpid())}"
            self._system.put_file(str(local), sent)
            self._system.mv(sent, target)
            return
        try:
            self._system.put_file(str(local), target, mode="create" if once else "overwrite")
        except FileExistsError:
            if self.read(name) != local.read_bytes():
                raise DatasetError(
                    f"{self.location.rstrip('/')}/{name} appeared with other content while it was built; "
                    "another program writes there, choose another output"
                ) from None

    def put_if_absent(self, name: str, content: bytes) -> bool:
        """Write a small file unless there is one; returns whether it was written. Raises DatasetError."""
        try:
            self._system.pipe_file(f"{self._root}/{name}", content, mode="create")
        except FileExistsError:
            return False
        except OSError as error:
            raise write_error(f"{self.location.rstrip('/')}/{name}", error) from error
        return True

    def read(self, name: str) -> bytes | None:
        """See `Store.read`."""
        try:
            return bytes(self._system.cat_file(f"{self._root}/{name}"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DatasetError(f"{self.location}/{name} cannot be read: {error}") from error

    def size(self, name: str) -> int | None:
        """See `Store.size`."""
        try:
            return int(self._system.size(f"{self._root}/{name}"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DatasetError(f"{self.location}/{name} cannot be read: {error}") from error

    def names(self) -> list[str]:
        """See `Store.names`."""
        self._system.invalidate_cache()
        return sorted(str(path).rsplit("/", 1)[-1] for path in self._system.ls(self._root, detail=False))

    def remove(self, name: str) -> None:
        """See `Store.remove`."""
        with suppress(FileNotFoundError):
            self._system.rm_file(f"{self._root}/{name}")


def open_store(location: str | Path) -> Store:
    """The store of an output folder or URL; a local folder is made. Raises DatasetError when it cannot be."""
    if "://" in str(location):
        return RemoteStore(str(location))
    folder = Path(location)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(f"{folder} cannot be made: {error.strerror}; choose another output folder") from error
    return LocalStore(folder)


def publish_bytes(store: Store, name: str, content: bytes, once: bool = False) -> None:
    """Write a whole file at once; `once` as in `Store.create`."""
    with store.create(name, once) as stream:
        stream.write(content)


def sweep_temporary(store: Store, pid: int | None = None) -> int:
    """Delete what interrupted runs (or process `pid` of this computer) left under temporary names; returns how many.

    Without pid, call only while holding the lock.
    """
    ending = "" if pid is None else f"-{writer_token(pid)}"
    stale = [name for name in store.names() if name.startswith(TEMPORARY_PREFIX) and name.endswith(ending)]
    for name in stale:
        store.remove(name)
    return len(stale)


def sweep_own(store: Store) -> int:
    """Delete temporary files of processes of this computer that are gone; returns how many."""
    here = writer_token(0).removesuffix("0")
    owned = re.compile(rf"{re.escape(TEMPORARY_PREFIX)}.*-{re.escape(here)}(\d+)")
    stale = [name for name in store.names() if (found := owned.fullmatch(name)) and not is_alive(int(found[1]))]
    for name in stale:
        store.remove(name)
    return len(stale)


def is_alive(pid: int) -> bool:
    """Whether this computer has a process with this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
