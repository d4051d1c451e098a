"""A few correspondences that stand for all of them, in equal parts over the picture of the mean face."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.core.seeds import ALIGNMENT_KEY, rng_from_key

Array = NDArray[np.float64]
_INDEX_BITS = 32


@dataclass(frozen=True)
class Selection:
    """rows: (C,) numbers of chosen correspondences, whose beginnings are spread as evenly as the whole; share: (C,),
    how many of all correspondences each stands for, M in total."""

    rows: NDArray[np.intp]
    share: Array


def stratified(place: NDArray[np.floating], count: int, seed: int, index: int = 0) -> Selection:
    """At most `count` of M correspondences whose places (M, 2) px in the mean face's picture lie evenly.

    The part of the picture that they cover is cut into about `count` square cells; each cell gives one before any
    gives a second. Chosen ones carry the number of all that share their cell, so that a weighted sum over them
    estimates the sum over all. A function of its arguments alone; seed and index: of the fit and of the picture.
    """
    total = len(place)
    random = rng_from_key((seed << _INDEX_BITS) + index, ALIGNMENT_KEY)
    mixed = random.permutation(total)
    if total <= count:
        return Selection(mixed, np.ones(total))
    covered = np.count_nonzero(np.bincount(_cells(place, 1.0)))  # px of the picture
    cell = _cells(place, np.sqrt(covered / count))[mixed]
    by_cell = np.argsort(cell, kind="stable")
    sizes = np.bincount(cell)
    turn = np.empty(total, np.int64)
    turn[by_cell] = np.arange(total) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    # Every cell's first, then every cell's second, ..., the cells in an order that does not know how full they are.
    turn = turn * len(sizes) + random.permutation(len(sizes))[cell]
    chosen = np.argpartition(turn, count - 1)[:count]
    chosen = chosen[np.argsort(turn[chosen])]
    picks = np.bincount(cell[chosen], minlength=len(sizes))
    share = sizes[cell[chosen]] / picks[cell[chosen]]
    return Selection(mixed[chosen], share * (total / share.sum()))


def _cells(place: NDArray[np.floating], side: float) -> NDArray[np.integer]:
    """(M,) number of the square cell of `side` px that each place lies in."""
    grid = np.floor(place / side).astype(np.int64)
    grid -= grid.min(axis=0)
    number = grid[:, 1] * (grid[:, 0].max() + 1) + grid[:, 0]
    return number.astype(np.uint16) if number.max() < 1 << 16 else number
