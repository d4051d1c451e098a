"""Which triangle of the template chart holds a coordinate: the way back from uv to the surface, for checks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

CELLS = 256  # per side of the chart: a few triangles in each


@dataclass(frozen=True, eq=False)
class ChartSearch:
    """The triangles that reach into each of CELLS x CELLS cells of the chart.

    offset: (CELLS^2 + 1,) int64, where the triangles of each cell begin in `entry`, int64. affine: (T, 2, 3) float64,
    the first two barycentrics of a coordinate (u, v) are affine (u, v, 1); NaN for triangles without area.
    """

    offset: Ints
    entry: Ints
    affine: NDArray[np.float64]


def build_chart_search(uv: NDArray[np.float32]) -> ChartSearch:
    """The search of a chart with corner coordinates uv (T, 3, 2) in [0, 1]; triangles without area are never found."""
    corners = uv.astype(np.float64)
    homogeneous = np.concatenate([corners, np.ones((*corners.shape[:2], 1))], axis=-1)  # (T, 3 corners, u v 1)
    has_area = np.abs(np.linalg.det(homogeneous)) > 0
    affine = np.full((len(corners), 2, 3), np.nan)
    affine[has_area] = np.linalg.inv(homogeneous[has_area]).transpose(0, 2, 1)[:, :2]
    low, high = _cells(corners.min(axis=1)), _cells(corners.max(axis=1))
    columns, rows = (high - low + 1).T
    triangle, place = _spread(columns * rows)
    row, column = place // columns[triangle], place % columns[triangle]
    cell = (low[triangle, 1] + row) * CELLS + low[triangle, 0] + column
    order = np.argsort(cell, kind="stable")
    return ChartSearch(np.searchsorted(cell[order], np.arange(CELLS * CELLS + 1)), triangle[order], affine)


def locate_in_chart(search: ChartSearch, uv: NDArray[np.floating]) -> tuple[Ints, NDArray[np.float64]]:
    """Triangle (P,) and barycentrics (P, 3) of coordinates (P, 2): of the triangle that each is deepest inside, or
    least outside of; -1 and NaN where no triangle is near."""
    wanted = np.asarray(uv, np.float64)
    in_chart: NDArray[np.bool_] = np.all((wanted >= 0) & (wanted <= 1), axis=-1)  # not where it is NaN
    column, row = _cells(np.where(in_chart[:, None], wanted, 0.0)).T
    cell = row * CELLS + column
    first = search.offset[cell]
    count = np.where(in_chart, search.offset[cell + 1] - first, 0)
    point, place = _spread(count)
    triangle = search.entry[first[point] + place]
    (a0, a1, a2), (b0, b1, b2) = search.affine[triangle].transpose(1, 2, 0)
    u, v = wanted[point].T
    a, b = a0 * u + a1 * v + a2, b0 * u + b1 * v + b2
    inwards = np.nan_to_num(np.minimum(np.minimum(a, b), 1.0 - a - b), nan=-np.inf)
    found, weights = np.full(len(wanted), -1), np.full((len(wanted), 3), np.nan)
    near = np.flatnonzero(count)
    if len(near):
        starts = np.cumsum(count[near]) - count[near]
        deepest = np.repeat(np.maximum.reduceat(inwards, starts), count[near])
        best = np.flatnonzero(inwards == deepest)[::-1]
        found[point[best]] = triangle[best]  # of equally deep ones the first, which is assigned last
        weights[point[best]] = np.column_stack([a[best], b[best], 1.0 - a[best] - b[best]])
    return found, weights


def _cells(uv: NDArray[np.float64]) -> Ints:
    """Column and row (..., 2) of the cell of coordinates (..., 2)."""
    return np.clip((uv * CELLS).astype(np.int64), 0, CELLS - 1)


def _spread(count: Ints) -> tuple[Ints, Ints]:
    """Each owner's number as often as `count` (M,) says, and beside it the place 0 .. count - 1."""
    owner = np.repeat(np.arange(len(count)), count)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
