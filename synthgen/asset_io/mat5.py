"""Variables of MATLAB 5 files (`save -v5`, `-v6`, `-v7`): real arrays, cells of text, and 1 x 1 structs of them.

Nothing in them is believed. A field of a struct goes by the name MATLAB gives it: `model.tri`.

scipy.io.loadmat reads these files too, but damaged ones can take the whole process down with a segmentation fault
(seen with scipy 1.17), and a folder of 61,225 files must not end so. Layout: a header of 128 bytes, then data elements
of a type, a length and that many bytes, compressed one by one since version 7.
"""

import struct
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthgen.core.bounded_file import read_bounded
from synthgen.core.errors import AssetError
from synthgen.core.limits import MOST_MAT_DIMENSIONS, MOST_MAT_FIELDS

Variable = NDArray[np.generic] | tuple[str, ...]

_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _CHAR = 1, 2, 4
_KINDS = {_CELL: "cell", _STRUCT: "struct", 3: "object", _CHAR: "text", 5: "sparse", 16: "function", 17: "object"}
_COMPLEX = 0x0800
_NAME_BYTES = 512  # of a decompressed variable: more than flags, dimensions and a name of 63 characters need
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_ENCODINGS = {1: "ascii", 2: "latin1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}


class _DamagedError(Exception):
    """Why the bytes cannot be read; becomes an AssetError that names the file."""


@dataclass(frozen=True)
class _Matrix:
    """A variable before its values are read. order: "<" or ">"."""

    name: str
    kind: int
    is_complex: bool
    shape: tuple[int, ...]
    content: memoryview
    order: str


@dataclass(frozen=True)
class Listed:
    """A variable by its header. kind: "number", "complex", "text", "cell", "struct", "sparse", "object", "function"."""

    shape: tuple[int, ...]
    kind: str


def list_mat(path: str | Path, max_bytes: int) -> dict[str, Listed]:
    """The variables of a file by name, fields of 1 x 1 structs too, without their values.

    Raises AssetError as read_mat does.
    """
    with _readable(path, max_bytes) as data:
        return {matrix.name: Listed(matrix.shape, _kind(matrix)) for matrix in _matrices(data, None, max_bytes)}


def read_mat(path: str | Path, keys: Collection[str], max_bytes: int) -> dict[str, Variable]:
    """The variables named `keys` that a file holds: arrays of their own dtype and shape, and cells of text as tuples.

    max_bytes: larger files, and files that decompress to more, are refused.
    Raises AssetError, naming the file, when it is missing, too large, damaged or of another version, and naming the
    variable when it is neither a real array nor a cell of text.
    """
    found: dict[str, Variable] = {}
    with _readable(path, max_bytes) as data:
        for matrix in _matrices(data, keys, max_bytes):
            if matrix.name in keys:
                found[matrix.name] = _values(path, matrix)
            if len(found) == len(keys):
                break
    return found


@contextmanager
def _readable(path: str | Path, max_bytes: int) -> Iterator[memoryview]:
    """The bytes of a file; what goes wrong while they are read becomes an AssetError."""
    try:
        data = read_bounded(path, max_bytes)
    except FileNotFoundError as error:
        raise AssetError(f"{path}: the file does not exist") from error
    except OSError as error:
        raise AssetError(f"{path}: the file cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise AssetError(f"{path}: {error}") from error
    try:
        yield memoryview(data)
    except (_DamagedError, struct.error, zlib.error, ValueError, UnicodeDecodeError, MemoryError) as error:
        raise AssetError(f"{path}: not a readable MATLAB 5 file ({error}); copy it again or leave it out") from error


def _matrices(data: memoryview, keys: Collection[str] | None, max_bytes: int) -> Iterator[_Matrix]:
    """The variables of a file, in order, each 1 x 1 struct before its fields.

    keys: those whose content is wanted, None for a list of all; others may come without theirs or not at all.
    """
    order = {b"IM": "<", b"MI": ">"}.get(bytes(data[126:_HEADER_BYTES]))
    if order is None or struct.unpack_from(order + "H", data, 124)[0] != 0x0100:
        hint = ", but HDF5: save it with -v7" if bytes(data[:10]) == b"MATLAB 7.3" else ""
        raise _DamagedError(f"its header is not that of version 5{hint}")
    for kind, content, _ in _elements(data[_HEADER_BYTES:], order, padded=False):
        if kind == _COMPRESSED:
            head = _matrix_of_stream(zlib.decompressobj().decompress(content, _NAME_BYTES), order)
            if not _is_wanted(head, keys):
                yield head
                continue
            stream = zlib.decompressobj()
            plain = stream.decompress(content, max_bytes)
            if not stream.eof:
                raise _DamagedError("a compressed variable is cut off, or larger than it may be")
            kind, content, _ = next(_elements(memoryview(plain), order), (0, content, 0))
        if kind == _MATRIX:
            matrix = _matrix(content, order)
            yield matrix
            if _is_one_struct(matrix) and _is_wanted(matrix, keys):
                yield from _fields(matrix)


def _is_one_struct(matrix: _Matrix) -> bool:
    return matrix.kind == _STRUCT and set(matrix.shape) == {1}


def _is_wanted(matrix: _Matrix, keys: Collection[str] | None) -> bool:
    """Whether a variable is one of the keys, or a struct whose fields are looked for."""
    if keys is None:
        return _is_one_struct(matrix)
    return matrix.name in keys or any(key.startswith(f"{matrix.name}.") for key in keys)


def _fields(matrix: _Matrix) -> Iterator[_Matrix]:
    """The fields of a 1 x 1 struct, named after it. Fields of fields are left alone."""
    parts = _elements(matrix.content, matrix.order)
    (_, width, _), (_, names, _) = next(parts, (0, b"", 0)), next(parts, (0, b"", 0))
    length = struct.unpack(matrix.order + "i", width)[0]
    if length <= 0 or len(names) % length or len(names) // length > MOST_MAT_FIELDS:
        raise _DamagedError(f"the struct {matrix.name} has {len(names)} bytes of field names, {length} each")
    for start in range(0, len(names), length):
        name = bytes(names[start : start + length]).split(b"\0")[0].decode("ascii")
        kind, content, _ = next(parts, (0, memoryview(b""), 0))
        if kind != _MATRIX or not len(content):
            raise _DamagedError(f"the field {matrix.name}.{name} has no value")
        yield replace(_matrix(content, matrix.order), name=f"{matrix.name}.{name}")


def _matrix_of_stream(start: bytes, order: str) -> _Matrix:
    """The variable whose first bytes, with its tag, these are; its content is not whole."""
    if len(start) < 8 or struct.unpack_from(order + "I", start)[0] != _MATRIX:
        raise _DamagedError("a compressed element is no variable")
    return _matrix(memoryview(start)[8:], order)


def _elements(data: memoryview, order: str, padded: bool = True) -> Iterator[tuple[int, memoryview, int]]:
    """(type, bytes, where it ends) of the elements that lie one after the other.

    padded: to 8 bytes, whatever their type; compressed ones of a file are not.
    """
    place = 0
    while place + 8 <= len(data):
        kind, length = struct.unpack_from(order + "II", data, place)
        if kind >> 16:  # up to 4 bytes fit into the tag
            content = _part(data, place + 4, min(kind >> 16, 5))
            place += 8
        else:
            content = _part(data, place + 8, length)
            place += 8 + length + (-length % 8 if padded or kind != _COMPRESSED else 0)
        yield kind & 0xFFFF, content, place


def _part(data: memoryview, start: int, length: int) -> memoryview:
    if start + length > len(data):
        raise _DamagedError("an element is longer than what is left of the file")
    return data[start : start + length]


def _matrix(content: memoryview, order: str) -> _Matrix:
    """Flags, dimensions and name of a variable."""
    parts = list(islice(_elements(content, order), 3))
    if len(parts) < 3:
        raise _DamagedError("a variable without flags, dimensions and name")
    (_, flags, _), (_, dimensions, _), (_, name, end) = parts
    if len(flags) != 8 or len(dimensions) % 4 or not 2 <= len(dimensions) // 4 <= MOST_MAT_DIMENSIONS:
        raise _DamagedError("a variable without flags and dimensions")
    shape = struct.unpack(f"{order}{len(dimensions) // 4}i", dimensions)
    if min(shape) < 0:
        raise _DamagedError(f"a variable of shape {shape}")
    word = struct.unpack_from(order + "I", flags)[0]
    return _Matrix(bytes(name).decode("ascii"), word & 0xFF, bool(word & _COMPLEX), shape, content[end:], order)


def _values(path: str | Path, matrix: _Matrix) -> Variable:
    if matrix.kind == _CELL:
        return tuple(_cell_texts(path, matrix))
    kind = _kind(matrix)
    if kind != "number":
        article = {"object": "an ", "struct": "a ", "function": "a "}.get(kind, "")
        raise AssetError(f"{path}: {matrix.name} is {article}{kind}, expected an array of real numbers")
    stored, part, _ = next(_elements(matrix.content, matrix.order), (0, memoryview(b""), 0))
    if stored not in _STORED:
        raise _DamagedError(f"{matrix.name} has values of type {stored}")
    values = np.frombuffer(part, matrix.order + _STORED[stored])
    count = 1
    for size in matrix.shape:
        count *= size
    if len(values) != count:
        raise _DamagedError(f"{matrix.name} has {len(values)} values for its shape {matrix.shape}")
    return values.astype(_CLASSES[matrix.kind]).reshape(matrix.shape, order="F")


def _kind(matrix: _Matrix) -> str:
    if matrix.kind in _CLASSES:
        return "complex" if matrix.is_complex else "number"
    return _KINDS.get(matrix.kind, f"class {matrix.kind}")


def _cell_texts(path: str | Path, matrix: _Matrix) -> Iterator[str]:
    """The texts of a cell in MATLAB's order."""
    for kind, content, _ in _elements(matrix.content, matrix.order):
        item = _matrix(content, matrix.order) if kind == _MATRIX else None
        if item is None or item.kind != _CHAR:
            raise AssetError(f"{path}: {matrix.name} is a cell of something else than text")
        stored, part, _ = next(_elements(item.content, matrix.order), (2, memoryview(b""), 0))
        encoding = _ENCODINGS.get(stored, "")
        if not encoding:
            raise _DamagedError(f"text of type {stored}")
        wide = (
            encoding
            if encoding in ("ascii", "latin1", "utf-8")
            else encoding + ("-le" if matrix.order == "<" else "-be")
        )
        yield bytes(part).decode(wide)
