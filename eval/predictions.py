"""Predictions of any system, from NPZ or CSV."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Predictions:
    """ids: of the samples, None when they come in the benchmark's order; points: (N, K, D) as stored; boxes: (N, 4)
    left, top, right, bottom of the given face boxes, None without; where: the file, for messages."""

    ids: tuple[str, ...] | None
    points: NDArray[np.float64]
    boxes: NDArray[np.float64] | None
    where: str
