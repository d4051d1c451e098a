"""Checks of arrays that come from a foreign model file."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import ModelError
from synthgen.core.limits import LARGEST_MODEL_NUMBER


def numbers(place: str, value: Any, shape: tuple[int | None, ...]) -> NDArray[np.float64]:
    """The value as finite float64 of a shape; None fits any length. `place` names file and key in the ModelError."""
    array = _array_of_kind(place, value, "fiu", shape, "numbers").astype(np.float64)
    check_believable(place, array)
    return array


def check_believable(place: str, array: NDArray[Any]) -> None:
    """Raises ModelError for numbers that are not finite, or so large that products of them would not be."""
    largest = max(float(array.max(initial=0)), -float(array.min(initial=0)))  # NaN where there is one
    if not largest <= LARGEST_MODEL_NUMBER:
        with np.errstate(invalid="ignore"):
            first = tuple(int(axis) for axis in np.argwhere(~(np.abs(array) <= LARGEST_MODEL_NUMBER))[0])
        problem = f"not finite, or beyond {LARGEST_MODEL_NUMBER:.0e}; every number must be finite"
        raise ModelError(f"{place} holds {array[first]} at {first}: {problem}")


def indices(place: str, value: Any, shape: tuple[int | None, ...], count: int) -> NDArray[np.int64]:
    """The value as int64 from 0 to count - 1, of a shape; None fits any length. Raises ModelError."""
    array = _array_of_kind(place, value, "iu", shape, "0-based indices").astype(np.int64)
    if array.size and (array.min() < 0 or array.max() >= count):
        raise ModelError(f"{place} holds indices {array.min()} to {array.max()}, expected 0 to {count - 1}")
    return array


def triangle_list(place: str, value: Any, vertex_count: int) -> NDArray[np.int64]:
    """(T, 3) 0-based triangles. Raises ModelError, also when they look 1-based: none uses vertex 0."""
    triangles = np.asarray(value)
    if triangles.size and triangles.dtype.kind in "iu" and triangles.min() == 1 and triangles.max() == vertex_count:
        raise ModelError(f"{place} holds indices 1 to {vertex_count}: they are 1-based, expected 0-based ones")
    return indices(place, triangles, (None, 3), vertex_count)


def columns(place: str, value: Any, vertex_count: int) -> NDArray[np.float32]:
    """(K, V, 3): a basis of one column per component, whose 3V rows are x0, y0, z0, x1, ... Raises ModelError."""
    matrix = _array_of_kind(place, value, "fiu", (3 * vertex_count, None), "numbers")
    check_believable(place, matrix)
    return np.ascontiguousarray(matrix.T, np.float32).reshape(-1, vertex_count, 3)


def points(place: str, value: Any) -> NDArray[np.float64]:
    """(V, 3) from 3V numbers x0, y0, z0, x1, ..., given as (3V,) or (3V, 1). Raises ModelError."""
    array = np.asarray(value)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or not array.size or array.size % 3:
        raise ModelError(f"{place} has shape {np.shape(value)}, expected 3 numbers for each vertex")
    return numbers(place, array, (None,)).reshape(-1, 3)


def _array_of_kind(place: str, value: Any, kinds: str, shape: tuple[int | None, ...], what: str) -> NDArray[Any]:
    array = value if isinstance(value, np.ndarray) else None
    if array is None or array.dtype.kind not in kinds:
        found = f"an array of {array.dtype}" if array is not None else f"a {type(value).__name__}"
        raise ModelError(f"{place} is {found}, expected an array of {what}")
    fits = array.ndim == len(shape) and all(
        wanted is None or wanted == size for wanted, size in zip(shape, array.shape, strict=True)
    )
    if not fits:
        expected = ", ".join("any" if wanted is None else str(wanted) for wanted in shape)
        raise ModelError(f"{place} has shape {array.shape}, expected ({expected})")
    return array


def check_face_size(source: str, mean: NDArray[np.floating], unit: str) -> None:
    """Raises ModelError unless the mean (V, 3), mm, is the size of a face or head; `unit` is what the file should use.

    A face alone is 120 mm wide or more; with neck and shoulders it stays under half a metre.
    """
    extent = float(np.ptp(mean, axis=0).max())
    if not 100.0 <= extent <= 600.0:
        raise ModelError(
            f"{source}: read as {unit}, the mean shape is {extent:.3g} mm long, expected a face or head of 100 to 600 "
            "mm; the file uses another unit"
        )


def check_movement(source: str, basis: NDArray[np.floating]) -> None:
    """Raises ModelError unless one standard deviation of an identity basis (I, V, 3), mm, moves a face credibly.

    The first component of the published models moves some vertex by 3 to 20 mm. Variances taken for standard
    deviations give metres, standard deviations taken for variances tenths of a millimetre.
    """
    furthest = np.linalg.norm(basis, axis=2).max(axis=1)
    weakest, strongest = furthest[:1].min(initial=np.inf), furthest.max(initial=0.0)
    if not len(basis) or strongest > 60.0 or weakest < 0.5:
        raise ModelError(
            f"{source}: one standard deviation of the first identity component moves a vertex by {weakest:.3g} mm, of "
            f"the strongest by {strongest:.3g} mm; expected 0.5 to 60 mm: standard deviations, variances or units are "
            "not those of the published file"
        )
