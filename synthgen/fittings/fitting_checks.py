"""Names, paths and boxes that a fittings file may hold."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import AssetError
from synthgen.core.relative_path import path_problem


def check_boxes(where: str, boxes: NDArray[np.float64], may_miss: bool = False) -> None:
    """Raises AssetError unless boxes (B, 4) are finite and have a width and a height.

    may_miss: those that are NaN throughout stand for none.
    """
    wrong = ~(np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1))
    if may_miss:
        wrong &= ~np.isnan(boxes).all(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise AssetError(f"{where}[{row}] is {boxes[row].tolist()}, expected left < right and top < bottom in px")


def check_names(where: str, names: Sequence[str], photos: Sequence[str], masks: Sequence[str]) -> None:
    """Raises AssetError unless names are unique and all are plain relative POSIX paths."""
    if not names:
        raise AssetError(f"{where}: the set holds no fitting")
    seen: set[str] = set()
    for row, (name, photo, mask) in enumerate(zip(names, photos, masks)):
        for key, text in (("name", name), ("photo", photo), ("ignore_mask", mask or "-")):
            problem = path_problem(text)
            if problem:
                raise AssetError(f"{where}: {key} of fitting {row} is {text[:200]!r}: {problem}")
        if name in seen:
            raise AssetError(f"{where}: name {name!r} of fitting {row} occurs twice; give every face its own name")
        seen.add(name)
