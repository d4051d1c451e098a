"""Landmark sets in terms of each other, as the protocols define them."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# AFLW's 21 points as means of iBUG's (0-based): 3DDFA's benchmark_aflw.py, CONVENTIONS.md C3.
AFLW21_FROM_IBUG68: tuple[tuple[int, ...], ...] = (
    (17,), (19,), (21,), (22,), (24,), (26,), (36,), tuple(range(36, 42)), (39,), (42,), tuple(range(42, 48)), (45,),
    (2,), (31,), (30,), (35,), (14,), (48,), tuple(range(60, 68)), (54,), (8,),
)  # fmt: skip
_EARS = (12, 16)


def aflw19_from_ibug68(points: Array) -> Array:
    """(N, 19, D) of iBUG's points (N, 68, D): AFLW's 21 without the ears."""
    return np.delete(aflw21_from_ibug68(points), _EARS, axis=1)


def aflw21_from_ibug68(points: Array) -> Array:
    """(N, 21, D) of iBUG's points (N, 68, D)."""
    return np.stack([points[:, list(group)].mean(axis=1) for group in AFLW21_FROM_IBUG68], axis=1)
