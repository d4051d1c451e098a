"""Reading files that nobody vouches for: regular files only, and no more of them than such a file can need."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: str | Path) -> BinaryIO:
    """A file open for reading in binary.

    Raises OSError when it cannot be opened or is no regular file: a pipe would block, a device may never end.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return open(path, "rb")


def read_bounded(path: str | Path, most: int) -> bytes:
    """The content of a file of at most `most` bytes.

    Raises OSError as `open_regular` does, and ValueError for a larger file, before any of it is read.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise ValueError(f"{size:,} bytes, more than the {most:,} that such a file can need")
        return file.read(size)
