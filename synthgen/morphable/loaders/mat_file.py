"""Arrays of MATLAB files up to version 7, each declared, and checked before it is believed.

Nothing in such a file is executed.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from synthgen.asset_io.mat5 import Listed, list_mat
from synthgen.asset_io.mat5 import read_mat as read_variables
from synthgen.core.bounded_file import open_regular
from synthgen.core.errors import AssetError, ModelError
from synthgen.core.limits import MOST_FOREIGN_ARRAY_BYTES, MOST_FOREIGN_MODEL_BYTES
from synthgen.morphable.loaders.array_checks import check_believable

_HDF5 = b"\x89HDF\r\n\x1a\n"
_DOUBLE = 8


@dataclass(frozen=True)
class MatArray:
    """One array of a file.

    shape: numbers, or names of sizes that must agree across the arrays of a file; a trailing 1 also accepts the row
    vector. kind: "number" (real, finite), "positive" (and above 0) or "index" (whole numbers from 1). meaning: for
    messages.
    """

    shape: tuple[int | str, ...]
    kind: Literal["number", "positive", "index"]
    meaning: str


def read_mat(path: Path, wanted: Mapping[str, MatArray]) -> dict[str, NDArray[Any]]:
    """The wanted arrays by key, in the file's own precision; vectors as (N,), indices as int64, still 1-based.

    Shapes are compared before anything is allocated. Raises ModelError, naming file, key, what was found and what was
    expected, for a missing or damaged file, HDF5 (version 7.3), a missing key, a wrong shape or type, a number that is
    not finite, an index below 1 or a standard deviation that is not above 0.
    """
    listed = _list_arrays(path)
    sizes: dict[str, int] = {}
    for key, spec in wanted.items():
        if key not in listed:
            raise ModelError(
                f"{path}: array {key!r} is missing, expected {spec.meaning}; the file holds {', '.join(listed) or '-'}"
            )
        if listed[key].kind != "number":
            raise ModelError(f"{path}: {key!r} is a MATLAB {listed[key].kind}, expected numbers: {spec.meaning}")
        _check_shape(f"{path}: array {key!r}", listed[key].shape, spec, sizes)
    try:
        arrays = read_variables(path, wanted, MOST_FOREIGN_MODEL_BYTES)
    except AssetError as error:
        raise ModelError(str(error)) from error
    sizes.clear()
    return {
        key: check_array(f"{path}: array {key!r}", np.asarray(arrays[key]), spec, sizes) for key, spec in wanted.items()
    }


def read_mat_struct(path: Path, name: str, wanted: Mapping[str, MatArray]) -> dict[str, NDArray[Any]]:
    """The wanted fields of the 1 x 1 struct `name` of a file, checked as by `read_mat`. Raises ModelError."""
    listed = _list_arrays(path)
    if name not in listed or listed[name].kind != "struct" or math.prod(listed[name].shape) != 1:
        raise ModelError(f"{path}: expected one MATLAB struct {name!r}; the file holds {', '.join(listed) or '-'}")
    arrays = read_mat(path, {f"{name}.{key}": spec for key, spec in wanted.items()})
    return {key: arrays[f"{name}.{key}"] for key in wanted}


def check_array(where: str, array: NDArray[Any], spec: MatArray, sizes: dict[str, int]) -> NDArray[Any]:
    """The array, vectors as (N,), indices as int64. `sizes`: the named sizes met so far. Raises ModelError."""
    if array.dtype.kind not in "fiu":
        raise ModelError(f"{where} has type {array.dtype}, expected real numbers: {spec.meaning}")
    _check_shape(where, array.shape, spec, sizes)
    if spec.shape[-1] == 1:
        array = array.reshape(-1)
    check_believable(where, array)
    if spec.kind == "positive" and not (array > 0).all():
        raise ModelError(f"{where} holds {array.min()}, expected numbers above 0: {spec.meaning}")
    if spec.kind == "index":
        whole = array.astype(np.int64)
        if (whole != array).any() or (whole < 1).any():
            raise ModelError(f"{where} holds {array.min()}, expected whole numbers from 1 on: {spec.meaning}")
        array = whole
    return array


def file_sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file's bytes."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_file(path: Path, most: int = MOST_FOREIGN_MODEL_BYTES) -> None:
    """Raises ModelError unless the file can be read and has at most `most` bytes."""
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ModelError(f"{path}: not a file")
        with open(path, "rb"):
            pass
    except FileNotFoundError as error:
        raise ModelError(f"{path}: file not found") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot read: {error.strerror or error}") from error
    if size > most:
        raise ModelError(f"{path}: {size} bytes, more than any known model file ({most}); not imported")


def _list_arrays(path: Path) -> dict[str, Listed]:
    """Shape and kind of every array, fields of structs too, from the file's headers."""
    check_file(path)
    with open_regular(path) as stream:
        head = stream.read(520)
    if _HDF5 in (head[:8], head[512:520]) or head.startswith(b"MATLAB 7.3"):
        raise ModelError(
            f"{path}: a MATLAB 7.3 (HDF5) file; open it in MATLAB or Octave and save it again with save(..., '-v7')"
        )
    try:
        return list_mat(path, MOST_FOREIGN_MODEL_BYTES)
    except AssetError as error:
        raise ModelError(str(error)) from error


def _check_shape(where: str, shape: tuple[int, ...], spec: MatArray, sizes: dict[str, int]) -> None:
    """Raises ModelError unless the shape is as declared; fills `sizes` with the named sizes met so far."""
    if math.prod(shape) * _DOUBLE > MOST_FOREIGN_ARRAY_BYTES:
        raise ModelError(f"{where} of shape {shape} is larger than any known model; expected {spec.meaning}")
    if spec.shape[-1] == 1 and len(shape) == 2 and shape[0] == 1:
        shape = (shape[1], 1)
    fits = len(shape) == len(spec.shape) and min(shape) > 0
    known = [sizes.setdefault(size, actual) if isinstance(size, str) else size
             for size, actual in zip(spec.shape, shape)] if fits else []  # fmt: skip
    if not fits or list(shape) != known:
        raise ModelError(
            f"{where} has shape {shape}, expected ({', '.join(map(str, spec.shape))})"
            + (f" = {tuple(known)}" if fits else "")
            + f": {spec.meaning}"
        )
