"""Files appear under their final name only when they are whole: temporary name, fsync, rename, fsync of the folder.

`open_store` gives a folder of this computer or, for a URL, an object store through fsspec.
"""

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from synthgen.core.errors import DatasetError
from synthgen.dataset.whole_file import TEMPORARY_PREFIX, create_whole, write_error
from synthgen.dataset.writer import ByteSink


class Store(Protocol):
    """Where a dataset's files go. Names have no folders. Every method raises DatasetError when the store fails."""

    location: str

    def create(self, name: str) -> AbstractContextManager[ByteSink]:
        """A sink; the file appears when the block ends, and not if it raises."""

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
    def create(self, name: str) -> Iterator[ByteSink]:
        """See `Store.create`."""
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

    @contextmanager
    def create(self, name: str) -> Iterator[ByteSink]:
        """See `Store.create`: written here, sent under a temporary name, then moved."""
        with tempfile.TemporaryDirectory(prefix="synthgen-") as folder:
            local = Path(folder) / name
            with create_whole(local) as sink:
                yield sink
            try:
                sent = f"{self._root}/{TEMPORARY_PREFIX}{name}"
                self._system.put_file(str(local), sent)
                self._system.mv(sent, f"{self._root}/{name}")
            except OSError as error:
                raise write_error(f"{self.location.rstrip('/')}/{name}", error) from error

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


def publish_bytes(store: Store, name: str, content: bytes) -> None:
    """Write a whole file at once."""
    with store.create(name) as stream:
        stream.write(content)


def sweep_temporary(store: Store, pid: int | None = None) -> int:
    """Delete what interrupted runs (or process `pid`) left under temporary names; returns how many.

    Without pid, call only while holding the lock.
    """
    ending = "" if pid is None else f"-{pid}"
    stale = [name for name in store.names() if name.startswith(TEMPORARY_PREFIX) and name.endswith(ending)]
    for name in stale:
        store.remove(name)
    return len(stale)
