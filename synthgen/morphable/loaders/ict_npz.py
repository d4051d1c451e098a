"""ICT-FaceKit's release packed in one .npz: targets less the neutral mesh, as whoever reads 154 OBJ files often keeps
them. Plain arrays only, compressed or not, each judged by its header before anything is allocated."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.bounded_file import open_regular
from synthgen.core.errors import ModelError
from synthgen.core.limits import MOST_ICT_NPZ_BYTES
from synthgen.core.npz import Shape, read_npz
from synthgen.morphable.loaders import ict_tables as ict
from synthgen.morphable.loaders.array_checks import check_face_size, indices
from synthgen.morphable.loaders.ict_arrays import IctArrays

# Kinds of dtype and shape of each array that is used, None for any length; a file may hold others.
_NUMBERS, _INDICES, _TEXT = "f", "iu", "U"
_ARRAYS: dict[str, tuple[str, tuple[int | None, ...], str]] = {
    "vertices": (_NUMBERS, (ict.VERTEX_COUNT, 3), "the neutral mesh, cm"),
    "id_deltas": (_NUMBERS, (None, ict.VERTEX_COUNT, 3), "identity shapes less the neutral one, cm"),
    "ex_deltas": (_NUMBERS, (None, ict.VERTEX_COUNT, 3), "expression shapes less the neutral one, cm"),
    "expression_names": (_TEXT, (None,), "a name for each of ex_deltas"),
    "faces_quad": (_INDICES, (ict.POLYGON_COUNT, 4), "polygons, 0-based, -1 in the last column for triangles"),
}


def is_ict_npz(path: Path) -> bool:
    """Whether a path is an .npz file with the names of the release's arrays."""
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            return {f"{key}.npy" for key in _ARRAYS} <= set(archive.namelist())
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return False


def read_ict_npz(path: Path) -> IctArrays:
    """The release as arrays. Raises ModelError naming file, array and what was expected for anything else."""

    def judge(key: str, shape: Shape, dtype: np.dtype[Any]) -> None:
        if key in _ARRAYS:
            _check_declared(path, key, shape, dtype)

    try:
        with open_regular(path) as file:
            arrays = read_npz(file, judge, MOST_ICT_NPZ_BYTES, compressed=True)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: file not found") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ModelError(f"{path}: not a whole npz of the ICT-FaceKit release ({error})") from error
    for key, (_, _, meaning) in _ARRAYS.items():
        if key not in arrays:
            raise ModelError(f"{path}: array {key!r} is missing; expected {meaning}")
    for key in ("vertices", "id_deltas", "ex_deltas"):
        if not np.isfinite(arrays[key]).all():
            raise ModelError(f"{path}: {key!r} holds a number that is not finite")
    check_face_size(f"{path}: 'vertices'", ict.MILLIMETRES * arrays["vertices"], "centimetres")
    names = _names(path, arrays["expression_names"], len(arrays["ex_deltas"]))
    polygons = _polygons(path, arrays["faces_quad"])
    return IctArrays(arrays["vertices"], arrays["id_deltas"], arrays["ex_deltas"], names, polygons)


def _check_declared(path: Path, key: str, shape: Shape, dtype: np.dtype[Any]) -> None:
    kinds, expected, meaning = _ARRAYS[key]
    fits = len(shape) == len(expected) and all(
        side >= 1 if wanted is None else side == wanted for side, wanted in zip(shape, expected, strict=True)
    )
    if dtype.kind not in kinds or not fits:
        sides = ", ".join("any" if wanted is None else str(wanted) for wanted in expected)
        kind = {_NUMBERS: "floats", _INDICES: "whole numbers", _TEXT: "text"}[kinds]
        raise ModelError(
            f"{path}: {key!r} is {dtype} {shape}, expected {kind} of shape ({sides}): {meaning}; it is not the full "
            "ICT-FaceKit mesh"
        )


def _names(path: Path, names: NDArray[Any], count: int) -> tuple[str, ...]:
    found = tuple(str(name) for name in names)
    if len(found) != count or len(set(found)) != count or not all(name.isidentifier() for name in found):
        raise ModelError(
            f"{path}: 'expression_names' must be {count} distinct names of letters and digits, one for each shape of "
            "ex_deltas"
        )
    return found


def _polygons(path: Path, polygons: NDArray[Any]) -> NDArray[np.int32]:
    """(P, 4) int32. Raises ModelError for other rows than vertices, or -1 elsewhere than in the last column."""
    place = f"{path}: 'faces_quad'"
    corners, last = polygons[:, :3], polygons[:, 3]
    indices(place, corners, (None, 3), ict.VERTEX_COUNT)
    indices(place, np.where(last == -1, 0, last), (None,), ict.VERTEX_COUNT)
    return np.ascontiguousarray(polygons, np.int32)
