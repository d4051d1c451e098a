"""Numbers from MATLAB files, checked by key and shape."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthgen.asset_io.mat5 import Variable
from synthgen.core.errors import AssetError

Array = NDArray[np.float64]


def vector(path: str | Path, values: Mapping[str, Variable], key: str, length: int | None = None) -> Array:
    """(n,) of a variable that is a row or a column. Raises AssetError when it is missing or of another shape."""
    array = _numbers(path, values, key)
    if array.ndim > 2 or array.size == 0 or array.size != max(array.shape) or length not in (None, array.size):
        wanted = "one row or column" if length is None else f"{length} numbers in one row or column"
        raise AssetError(f"{path}: {key} has shape {array.shape}, expected {wanted}")
    return array.ravel()


def matrix(path: str | Path, values: Mapping[str, Variable], key: str, shape: tuple[int, int]) -> Array:
    """An array of exactly this shape. Raises AssetError when it is missing or of another shape."""
    array = _numbers(path, values, key)
    if array.shape != shape:
        raise AssetError(f"{path}: {key} has shape {array.shape}, expected {shape}")
    return array


def _numbers(path: str | Path, values: Mapping[str, Variable], key: str) -> Array:
    if key not in values:
        raise AssetError(f"{path}: the variable {key} is missing")
    array = values[key]
    if isinstance(array, tuple):
        raise AssetError(f"{path}: {key} is a cell of text, expected an array of real numbers")
    return array.astype(np.float64)
