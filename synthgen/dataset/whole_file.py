"""Files that appear under their final name only when they are whole: temporary name, fsync, rename, folder fsync."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from synthgen.core.errors import DatasetError

TEMPORARY_PREFIX = ".tmp-"
_NO_SPACE = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


@contextmanager
def create_whole(path: Path) -> Iterator[BinaryIO]:
    """A stream whose file appears at `path` when the block ends, and not if it raises.

    Raises DatasetError when the file cannot be written, with the free space when that is the reason.
    """
    temporary = path.parent / f"{TEMPORARY_PREFIX}{path.name}-{os.getpid()}"
    try:
        with open(temporary, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        _remove_quietly(temporary)
        raise write_error(path, error) from error
    except BaseException:
        _remove_quietly(temporary)
        raise


def write_whole(path: Path, content: bytes) -> None:
    """Write a whole file at once. Raises DatasetError as `create_whole` does."""
    with create_whole(path) as stream:
        stream.write(content)


def write_error(target: str | Path, error: OSError) -> DatasetError:
    """What to tell a user when a file cannot be written."""
    reason = f"{target} cannot be written: {error.strerror or error}"
    if error.errno not in _NO_SPACE:
        return DatasetError(reason)
    free = ""
    with suppress(OSError):
        free = f" ({shutil.disk_usage(Path(target).parent).free:,} bytes free there)"
    return DatasetError(f"{reason}{free}; make room or choose another folder, then run again with --resume")


def _sync_folder(folder: Path) -> None:
    """Make a rename inside the folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_quietly(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
