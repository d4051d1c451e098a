"""NumPy's .npz and .npy files, read without believing them: never a pickle, and nothing is allocated for an array
before its header was judged and compared with the bytes that are there."""

import math
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from synthgen.core.limits import MOST_NPY_HEADER_BYTES

Shape = tuple[int, ...]
Judge = Callable[[str, Shape, np.dtype[Any]], None]

_LONGEST_AXIS = 1 << 48
_LARGEST_CODE_POINT, _SURROGATES = 0x10FFFF, (0xD800, 0xDFFF)
_ENCRYPTED = 1
# What zipfile, zlib and NumPy raise for damaged content; RuntimeError: a password is asked for.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)


def read_npz(file: BinaryIO, judge: Judge, most_bytes: int, compressed: bool = False) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz file by name, in its order.

    judge(name, shape, dtype) sees every header before the first array is read, and raises what it likes about it.
    most_bytes: of all arrays together. compressed: whether deflated arrays are taken; what is stored as it is cannot
    need more memory than the file has bytes.
    Raises ValueError for anything that is no whole .npz of plain arrays, OSError when the file cannot be read.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = _members(archive)
            for name, info in members.items():
                _check_storage(name, info, compressed)
            headers = {name: _member_header(archive, name, info) for name, info in members.items()}
            for name, (shape, dtype) in headers.items():
                judge(name, shape, dtype)
                _check_plain(dtype)
                _check_size(name, math.prod(shape) * dtype.itemsize, members[name].file_size)
            _check_total(members, most_bytes, None if compressed else file.seek(0, 2))
            return {name: _member_array(archive, name, info) for name, info in members.items()}
    except _DAMAGE as error:
        if isinstance(error, ValueError) and not isinstance(error, UnicodeError):
            raise
        raise ValueError(f"not a whole npz file: {error}") from error


def read_npy(file: BinaryIO, most_bytes: int) -> NDArray[Any]:
    """The array of an .npy file. Raises ValueError as `read_npz`, OSError when the file cannot be read."""
    shape, dtype = read_header(file)
    _check_plain(dtype)
    expected, size = math.prod(shape) * dtype.itemsize, file.seek(0, 2)
    file.seek(0)
    if expected > min(most_bytes, size):
        raise ValueError(f"it declares {expected} bytes, more than are there or than it may need ({most_bytes})")
    try:
        return _checked_text(npy.read_array(file, allow_pickle=False))
    except _DAMAGE as error:
        raise ValueError(f"not a whole npy file: {error}") from error


def read_header(stream: IO[bytes]) -> tuple[Shape, np.dtype[Any]]:
    """Shape and dtype that an .npy stream declares. Raises ValueError for anything else.

    NumPy reads damaged headers as if Python 2 had written them, and fails in several ways at that.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            version = npy.read_magic(stream)
            if version not in ((1, 0), (2, 0)):
                raise ValueError(f"version {version}")
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = read(stream)
    except (*_DAMAGE, SyntaxError, tokenize.TokenError, KeyError, RecursionError, Warning) as error:
        raise ValueError(f"not an npy header: {error}") from error
    if any(not 0 <= size < _LONGEST_AXIS for size in shape):
        raise ValueError(f"not an npy header: shape {shape}")
    return shape, dtype


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name in members:
            raise ValueError(f"array {name!r} is there twice")
        members[name] = info
    return members


def _check_storage(name: str, info: zipfile.ZipInfo, compressed: bool) -> None:
    allowed = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) if compressed else (zipfile.ZIP_STORED,)
    if info.compress_type not in allowed or info.flag_bits & _ENCRYPTED:
        raise ValueError(f"array {name!r} is compressed or encrypted")


def _member_header(archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> tuple[Shape, np.dtype[Any]]:
    try:
        with archive.open(info) as stream:
            return read_header(stream)
    except _DAMAGE as error:
        raise ValueError(f"array {name!r} is not an npy array: {error}") from error


def _check_plain(dtype: np.dtype[Any]) -> None:
    if dtype.hasobject or dtype.names is not None:
        raise ValueError(f"items of type {dtype}, expected plain numbers or text")


def _check_size(name: str, expected: int, found: int) -> None:
    if not expected <= found <= expected + MOST_NPY_HEADER_BYTES:
        raise ValueError(f"array {name!r} declares {expected} bytes but the file holds {found}")


def _check_total(members: dict[str, zipfile.ZipInfo], most_bytes: int, file_bytes: int | None) -> None:
    """Raises ValueError unless all members together fit the limits. file_bytes: of the file, None for no limit."""
    total = sum(info.file_size for info in members.values())
    if total > most_bytes:
        raise ValueError(f"its arrays have {total} bytes, more than the {most_bytes} that such a file can need")
    if file_bytes is not None and total > file_bytes:
        raise ValueError("its arrays overlap each other")


def _member_array(archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> NDArray[Any]:
    try:
        with archive.open(info) as stream:
            return _checked_text(npy.read_array(stream, allow_pickle=False))
    except _DAMAGE as error:
        raise ValueError(f"array {name!r} cannot be read: {error}") from error


def _checked_text(array: NDArray[Any]) -> NDArray[Any]:
    """The array itself. Raises ValueError for text that Python could not handle or no file could store."""
    if array.dtype.kind != "U" or not array.size:
        return array
    codes = np.frombuffer(array.tobytes(), np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
    low, high = _SURROGATES
    if ((codes > _LARGEST_CODE_POINT) | ((codes >= low) & (codes <= high))).any():
        raise ValueError("it holds text with characters that do not exist")
    return array
