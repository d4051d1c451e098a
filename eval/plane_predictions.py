"""Predictions of any system for the samples of a synthgen dataset: arrays named like its labels, in one NPZ file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.npz_arrays import read_arrays
from synthgen.core.errors import DatasetError

Arrays = dict[str, NDArray[Any]]
# Name -> shape of one sample's array, None for any length, "H" and "W" for the picture's.
SHAPES: dict[str, tuple[str | int, ...]] = {
    "landmarks_2d": (68, 2),
    "uv": ("H", "W", 2),
    "parts": ("H", "W"),
    "depth": ("H", "W"),
    "normals": ("H", "W", 3),
    "rotation": (3, 3),
    "parameters_62": (62,),
    "flow": ("H", "W", 2),
    "matchability": ("H", "W"),
}
# Arrays that say something of every point or pixel; in the others NaN is background.
COMPLETE = ("landmarks_2d", "rotation", "parameters_62", "flow", "matchability")
IDS = "ids"


class PlanePredictions:
    """Sample number -> its predicted arrays; `names`: what is predicted at all; `numbers`: of which samples."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], rows: dict[int, int]) -> None:
        self._arrays, self._rows = arrays, rows
        self.names = tuple(arrays)
        self.numbers = tuple(rows)

    def get(self, sample: int) -> Arrays | None:
        """The arrays of a sample, None where it is not predicted."""
        row = self._rows.get(sample)
        return None if row is None else {name: array[row] for name, array in self._arrays.items()}

    def stacked(self, name: str) -> NDArray[np.float64]:
        """(N, ...) one array of all `numbers`, in their order."""
        return np.asarray(self._arrays[name][[self._rows[number] for number in self.numbers]], np.float64)


def load_plane_predictions(path: Path, size: tuple[int, int]) -> PlanePredictions:
    """The predictions in an .npz file for a dataset of pictures of `size` (H, W).

    Arrays are named in SHAPES, with the sample first: landmarks_2d (N, 68, 2) px, centre of the first pixel (0.5, 0.5);
    uv and parts, NaN and 0 for background; depth mm; normals in camera space; rotation (world axes) or parameters_62;
    flow px and matchability, a mask or a probability, of pairs. ids (N,) are sample numbers; without them the rows are
    samples 0, 1, 2 and so on. Raises DatasetError naming the array and what was expected.
    """
    arrays = read_arrays(path, "plain arrays")
    ids = arrays.pop(IDS, None)
    known = {name: array for name, array in arrays.items() if name in SHAPES}
    if not known:
        raise DatasetError(f"{path} holds none of the arrays {', '.join(SHAPES)}; it has {', '.join(arrays) or 'none'}")
    unknown = sorted(set(arrays) - set(SHAPES))
    if unknown:
        raise DatasetError(f"{path}: unknown arrays {', '.join(unknown)}; expected some of {', '.join(SHAPES)}")
    for name, array in known.items():
        check_array(f"{path}: {name}", name, array, size)
    count = {len(array) for array in known.values()}
    if len(count) > 1:
        raise DatasetError(f"{path}: arrays of {', '.join(map(str, sorted(count)))} samples; expected equally many")
    return PlanePredictions(known, _rows(path, ids, count.pop()))


def check_numbers(where: str, predictions: PlanePredictions, known: Sequence[int]) -> None:
    """Raise DatasetError when a sample is predicted that is not there: another dataset, or another order."""
    unknown = sorted(set(predictions.numbers) - set(known))
    if unknown:
        some = ", ".join(map(str, unknown[:5])) + (", ..." if len(unknown) > 5 else "")
        raise DatasetError(
            f"{where}: {len(unknown)} of {len(predictions.numbers)} predictions are of no sample ({some}); expected "
            f"numbers from {min(known)} to {max(known)}, as `ids` or in their order"
        )


def check_array(where: str, name: str, array: NDArray[Any], size: tuple[int, int]) -> None:
    """Raise DatasetError when an array (N, ...) does not have the shape or kind of numbers of its name."""
    sides: dict[str | int, str | int] = {"H": size[0], "W": size[1]}
    expected = tuple(sides.get(side, side) for side in SHAPES[name])
    if array.ndim != len(expected) + 1 or array.shape[1:] != expected:
        hint = " (it has the axes in another order)" if sorted(array.shape[1:]) == sorted(expected) else ""
        raise DatasetError(f"{where} is {array.shape}, expected (N, {', '.join(map(str, expected))}){hint}")
    kinds = {"parts": "iu", "matchability": "fb"}.get(name, "f")
    if array.dtype.kind not in kinds:
        raise DatasetError(f"{where} holds {array.dtype}, expected {'integers' if kinds == 'iu' else 'floats'}")
    if name in COMPLETE and not np.isfinite(array).all():
        row = int(np.argmin(np.isfinite(array).reshape(len(array), -1).all(axis=1)))
        raise DatasetError(f"{where}: row {row} is not finite; leave samples without a prediction out, with ids")


def _rows(path: Path, ids: NDArray[Any] | None, count: int) -> dict[int, int]:
    if ids is None:
        return {row: row for row in range(count)}
    if ids.shape != (count,) or ids.dtype.kind not in "iu":
        raise DatasetError(f"{path}: ids is {ids.dtype} {ids.shape}, expected {count} whole numbers")
    numbers = ids.tolist()
    if len(set(numbers)) < count:
        twice = next(number for number in numbers if numbers.count(number) > 1)
        raise DatasetError(f"{path}: sample {twice} is predicted more than once")
    return {int(number): row for row, number in enumerate(numbers)}
