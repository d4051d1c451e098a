"""Variables of MATLAB 5 files (`save -v5`, `-v6`, `-v7`): real arrays, cells of text, single structs. None is believed.

scipy.io.loadmat reads these files too, but damaged ones can take the whole process down with a segmentation fault
(seen with scipy 1.17), and a folder of 61,225 files must not end so. Layout: a header of 128 bytes, then data elements
of a type, a length and that many bytes, compressed one by one since version 7.
"""

import math
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
_KINDS = {_CELL: "a cell", _STRUCT: "a struct", 3: "an object", _CHAR: "text", 5: "sparse"}
_NOTHING = (0, memoryview(b""), 0)
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


def read_mat(
    path: str | Path, keys: Collection[str], max_bytes: int, struct_name: str | None = None
) -> dict[str, Variable]:
    """The variables named `keys` that a file holds: arrays of their own dtype and shape, and cells of text as tuples.

    max_bytes: larger files, and files that decompress to more, are refused. struct_name: look among the fields of this
    struct, which must be 1 x 1, instead.
    Raises AssetError, naming the file, when it is missing, too large, damaged or of another version, and naming the
    variable when it is neither a real array nor a cell of text.
    """
    wanted = keys if struct_name is None else (struct_name,)
    found: dict[str, Variable] = {}
    with _damage_named(path):
        for matrix in _matrices(memoryview(_content(path, max_bytes)), max_bytes, wanted):
            if struct_name is None:
                found[matrix.name] = _values(path, matrix)
            else:
                found = {field.name: _values(path, field) for field in _fields(matrix) if field.name in keys}
            if struct_name is not None or len(found) == len(keys):
                break
    return found


def list_mat(path: str | Path, max_bytes: int) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and kind ("numbers", "complex", "struct", "cell", "char" ...) of every variable, by name, from their
    headers. Raises AssetError as `read_mat` does."""
    with _damage_named(path):
        found = list(_matrices(memoryview(_content(path, max_bytes)), max_bytes, None))
    return {matrix.name: (matrix.shape, _kind_of(matrix)) for matrix in found}


@contextmanager
def _damage_named(path: str | Path) -> Iterator[None]:
    try:
        yield
    except (_DamagedError, struct.error, zlib.error, ValueError, UnicodeDecodeError, MemoryError) as error:
        raise AssetError(f"{path}: not a readable MATLAB 5 file ({error}); copy it again or leave it out") from error


def _content(path: str | Path, max_bytes: int) -> bytes:
    try:
        return read_bounded(path, max_bytes)
    except FileNotFoundError as error:
        raise AssetError(f"{path}: the file does not exist") from error
    except OSError as error:
        raise AssetError(f"{path}: the file cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise AssetError(f"{path}: {error}") from error


def _matrices(data: memoryview, max_bytes: int, keys: Collection[str] | None) -> Iterator[_Matrix]:
    """The variables called `keys` in order; None: every variable, of which compressed ones come without content."""
    order = {b"IM": "<", b"MI": ">"}.get(bytes(data[126:_HEADER_BYTES]))
    if order is None or struct.unpack_from(order + "H", data, 124)[0] != 0x0100:
        hint = ", but HDF5: save it with -v7" if bytes(data[:10]) == b"MATLAB 7.3" else ""
        raise _DamagedError(f"its header is not that of version 5{hint}")
    for kind, content, _ in _elements(data[_HEADER_BYTES:], order, padded=False):
        if kind == _COMPRESSED:
            start = zlib.decompressobj().decompress(content, _NAME_BYTES)
            matrix = _matrix_of_stream(start, order)
            if keys is not None and matrix.name in keys:
                matrix = _matrix(_decompressed(content, order, max_bytes), order)
        elif kind == _MATRIX:
            matrix = _matrix(content, order)
        else:
            continue
        if keys is None or matrix.name in keys:
            yield matrix


def _decompressed(content: memoryview, order: str, max_bytes: int) -> memoryview:
    """What the matrix element inside a compressed one holds."""
    stream = zlib.decompressobj()
    plain = stream.decompress(content, max_bytes)
    if not stream.eof:
        raise _DamagedError("a compressed variable is cut off, or larger than it may be")
    kind, inside, _ = next(_elements(memoryview(plain), order), (0, content, 0))
    if kind != _MATRIX:
        raise _DamagedError("a compressed element is no variable")
    return inside


def _fields(matrix: _Matrix) -> Iterator[_Matrix]:
    """The fields of a 1 x 1 struct."""
    if matrix.kind != _STRUCT or math.prod(matrix.shape) != 1:
        raise _DamagedError(f"{matrix.name} is no single struct")
    elements = _elements(matrix.content, matrix.order)
    (_, width, _), (_, names, _) = next(elements, _NOTHING), next(elements, _NOTHING)
    size = struct.unpack(matrix.order + "i", width)[0] if len(width) == 4 else 0
    if size < 1 or len(names) % size or len(names) // size > MOST_MAT_FIELDS:
        raise _DamagedError(f"{matrix.name} is a struct without names of its fields")
    for start in range(0, len(names), size):
        kind, content, _ = next(elements, _NOTHING)
        if kind != _MATRIX:
            raise _DamagedError(f"{matrix.name} is a struct with fewer fields than names")
        name = bytes(names[start : start + size]).partition(b"\0")[0].decode("ascii")
        yield replace(_matrix(content, matrix.order), name=name)


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
    if matrix.kind not in _CLASSES or matrix.is_complex:
        raise AssetError(f"{path}: {matrix.name} is {_kind_of(matrix)}, expected an array of real numbers")
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


def _kind_of(matrix: _Matrix) -> str:
    kind = "numbers" if matrix.kind in _CLASSES else _KINDS.get(matrix.kind, f"of class {matrix.kind}")
    return "complex" if kind == "numbers" and matrix.is_complex else kind


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
