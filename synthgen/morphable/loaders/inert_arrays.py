"""Arrays out of chumpy and scipy.sparse objects that were read without loading their classes."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import ModelError
from synthgen.core.limits import MOST_CHUMPY_DEPTH, MOST_DENSE_NUMBERS
from synthgen.morphable.loaders.pickle_values import InertObject


def array_of(place: str, value: Any) -> NDArray[Any]:
    """The numbers of an array, a chumpy object or a sparse matrix. `place` names file and key in the ModelError."""
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, InertObject):
        raise ModelError(f"{place} is a {type(value).__name__}, expected an array")
    if value.class_name.startswith("scipy.sparse"):
        return _dense(place, value)
    return _chumpy(place, value, MOST_CHUMPY_DEPTH)


def _chumpy(place: str, value: Any, nesting: int) -> NDArray[Any]:
    """The value of chumpy's variables and of the objects that only pick or reshape their items."""
    if isinstance(value, np.ndarray):
        return value
    state = value.state if isinstance(value, InertObject) else {}
    kind = value.class_name.rpartition(".")[2] if isinstance(value, InertObject) else type(value).__name__
    try:
        if nesting and kind == "Ch" and isinstance(state.get("x"), np.ndarray):
            return state["x"]
        if nesting and kind == "Reshape":
            return _chumpy(place, state["a"], nesting - 1).reshape(state["newshape"])
        if nesting and kind == "Select":
            picked = _chumpy(place, state["a"], nesting - 1).ravel()[state["idxs"]]
            return picked.reshape(state.get("preferred_shape", picked.shape))
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise ModelError(f"{place} is a damaged chumpy object of type {kind}: {error}") from error
    raise ModelError(f"{place} is a chumpy object of type {kind}, whose value is not stored in the file")


def _dense(place: str, value: InertObject) -> NDArray[Any]:
    """A csc or csr matrix, written out."""
    kind = value.class_name.rpartition(".")[2][:3]
    shape: Any = value.state.get("_shape", value.state.get("shape"))
    parts = [value.state.get(key) for key in ("data", "indices", "indptr")]
    is_whole = all(isinstance(part, np.ndarray) and part.ndim == 1 for part in parts)
    is_shaped = isinstance(shape, tuple) and len(shape) == 2 and all(type(size) is int and size >= 0 for size in shape)
    if kind not in ("csc", "csr") or not is_whole or not is_shaped or math.prod(shape) > MOST_DENSE_NUMBERS:
        raise ModelError(f"{place} is a damaged or unknown sparse matrix ({value.class_name})")
    data, minor, starts = (np.asarray(part) for part in parts)
    lines, width = shape if kind == "csr" else shape[::-1]
    ends = starts.astype(np.int64)
    counts: NDArray[np.int64] = ends[1:] - ends[:-1]
    fits = len(starts) == lines + 1 and len(data) == len(minor) == counts.sum() and (counts >= 0).all()
    if not fits or (len(minor) and (minor.min() < 0 or minor.max() >= width)):
        raise ModelError(f"{place} is a damaged sparse matrix")
    matrix = np.zeros((lines, width), data.dtype)
    np.add.at(matrix, (np.arange(lines).repeat(counts), minor), data)
    return matrix if kind == "csr" else matrix.T
