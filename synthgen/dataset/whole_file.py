"""Files that appear under their final name only when they are whole: temporary name, fsync, rename, folder fsync."""

import errno
import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from synthgen.core.errors import DatasetError

TEMPORARY_PREFIX = ".tmp-"
_NO_SPACE = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


def writer_token(pid: int) -> str:
    """What temporary names of a process of this computer end with; computers that share a folder do not collide."""
    return f"{re.sub(r'[^A-Za-z0-9.]', '-', socket.gethostname())[:64]}-{pid}"


@contextmanager
def create_whole(path: Path) -> Iterator["_Sink"]:
    """A stream whose file appears at `path` when the block ends, and not if it raises.

    Raises DatasetError when the file cannot be written, with the free space when that is the reason.
    """
    temporary = path.parent / f"{TEMPORARY_PREFIX}{path.name}-{writer_token(os.getpid())}"
    try:
        with closing(_Sink(path, temporary)) as sink:
            yield sink
            sink.publish()
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


class _Sink:
    """Writes `temporary` and turns failures of writing, but no other error, into DatasetError about `path`."""

    def __init__(self, path: Path, temporary: Path) -> None:
        self._path = path
        self._temporary = temporary
        if path.exists() and not path.is_file():
            # A rename would replace a device such as /dev/null by a file.
            raise DatasetError(f"{path} cannot be written: it is a folder or a device; choose the name of a file")
        with self._explained():
            self._stream = temporary.open("wb", buffering=1 << 20)

    def write(self, data: bytes, /) -> None:
        try:
            self._stream.write(data)
        except OSError as error:
            raise write_error(self._path, error) from error

    def publish(self) -> None:
        with self._explained():
            self._stream.flush()
            os.fsync(self._stream.fileno())
            os.replace(self._temporary, self._path)
            _sync_folder(self._path.parent)

    def close(self) -> None:
        with suppress(OSError):  # what was not written by now belongs to a file that is thrown away
            self._stream.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise write_error(self._path, error) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a whole file at once. Raises DatasetError as `create_whole` does."""
    with create_whole(path) as stream:
        stream.write(content)


@contextmanager
def create_whole_folder(path: Path) -> Iterator[Path]:
    """A folder to fill; what is in it appears at `path` when the block ends, and nothing if it raises.

    path: a new or an empty folder; its parents are made. Raises DatasetError when it is not, or cannot be written.
    """
    temporary = Path()
    try:
        exists = path.exists()
        if exists and any(path.iterdir()):
            raise DatasetError(f"{path} is not empty; choose an empty or new folder")
        temporary = (path if exists else path.parent) / f"{TEMPORARY_PREFIX}{path.name}-{os.getpid()}"
        temporary.mkdir(parents=True)
        yield temporary
        _sync_tree(temporary)
        if exists:
            for entry in sorted(temporary.iterdir()):
                entry.rename(path / entry.name)
            temporary.rmdir()
        else:
            temporary.rename(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        if temporary.name.startswith(TEMPORARY_PREFIX):
            shutil.rmtree(temporary, ignore_errors=True)


def write_error(target: str | Path, error: OSError) -> DatasetError:
    """What to tell a user when a file cannot be written."""
    reason = f"{target} cannot be written: {error.strerror or error}"
    if error.errno not in _NO_SPACE:
        return DatasetError(reason)
    free = ""
    with suppress(OSError):
        free = f" ({shutil.disk_usage(Path(target).parent).free:,} bytes free there)"
    return DatasetError(f"{reason}{free}; make room or choose another folder, then run again (generate: with --resume)")


def _sync_folder(folder: Path) -> None:
    """Make a rename inside the folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_tree(folder: Path) -> None:
    """Make all files below a folder survive a power cut."""
    for place, _, names in os.walk(folder):
        for name in names:
            with open(Path(place) / name, "rb") as stream:
                os.fsync(stream.fileno())
        _sync_folder(Path(place))
