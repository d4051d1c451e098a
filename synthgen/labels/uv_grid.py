"""The nearest template coordinate of one fixed picture, exactly and fast: dfc section 3.3 against the mean face."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.core.errors import UsageError

Array = NDArray[np.float64]

MOST_SIDE = 1024
# float32 distances are off by 2e-7 of themselves: a pixel this much farther cannot come out nearest.
_MARGIN = 4e-6


@dataclass(frozen=True)
class UvGrid:
    """For each of side x side cells of the chart, the pixels of a picture that can be nearest to a point in the cell.

    size: (H, W) of the picture. side: cells per side of the unit square, row-major with u along rows. offset:
    (side^2 + 1,) int32, where the pixels of each cell begin. uv: (C, 2) float32, pixel: (C,) int32, their template
    coordinates and numbers in row order.
    """

    size: tuple[int, int]
    side: int
    offset: torch.Tensor
    uv: torch.Tensor
    pixel: torch.Tensor


def build_uv_grid(target_uv: NDArray[np.float32]) -> UvGrid:
    """The grid of a picture with template coordinates (H, W, 2) in [0, 1], NaN without face surface.

    Cells about as fine as the pixels, found by halving: a quarter of a cell inherits the candidates of the whole, less
    those that another pixel beats at all four corners, and hence everywhere inside. About a second for 450 x 450
    pixels. Raises UsageError for another shape.
    """
    if target_uv.ndim != 3 or target_uv.shape[2] != 2:
        raise UsageError(f"target_uv must be (H, W, 2), got {target_uv.shape}")
    pixel = np.flatnonzero(np.isfinite(target_uv).all(axis=-1))
    uv = target_uv.reshape(-1, 2)[pixel]
    u, v = uv.astype(np.float64).T.copy()
    side = 1
    cell, candidate = np.zeros(len(pixel), np.int64), np.arange(len(pixel))
    while side < min(max(target_uv.shape), MOST_SIDE):
        cell, candidate = _quarters(cell, candidate, side)
        side *= 2
        kept = _can_be_nearest(u[candidate], v[candidate], cell, side)
        cell, candidate = cell[kept], candidate[kept]
    order = np.argsort(cell, kind="stable")
    offset = np.searchsorted(cell[order], np.arange(side * side + 1)).astype(np.int32)
    rows = candidate[order]
    return UvGrid(
        (int(target_uv.shape[0]), int(target_uv.shape[1])),
        side,
        torch.from_numpy(offset),
        torch.from_numpy(uv[rows].reshape(-1, 2)),
        torch.from_numpy(pixel[rows].astype(np.int32)),
    )


def match_uv_grid(source_uv: torch.Tensor, grid: UvGrid, threshold: float) -> tuple[torch.Tensor, torch.Tensor]:
    """flow (N, H, W, 2) float32 px and matchability (N, H, W) uint8: `match_nearest_uv` against the picture of `grid`.

    source_uv: (N, H, W, 2) float32, NaN without face surface. Of equally near pixels the first in row order counts;
    distances are compared in float32. Computed on the CPU. Raises UsageError as match_nearest_uv does.
    """
    if source_uv.ndim != 4 or source_uv.shape[3] != 2 or source_uv.dtype != torch.float32:
        raise UsageError(f"source_uv must be (N, H, W, 2) float32, got {tuple(source_uv.shape)} {source_uv.dtype}")
    if not threshold > 0:
        raise UsageError(f"`threshold` must be positive, got {threshold}")
    from synthgen.labels.warp_uv_grid import launch_nearest

    flow, code = launch_nearest(source_uv.cpu().contiguous(), grid, threshold)
    return flow.to(source_uv.device), code.to(source_uv.device)


def _quarters(
    cell: NDArray[np.int64], candidate: NDArray[np.int64], side: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cell and candidate of each pair again for the four quarters of its cell, of 2 side cells per side."""
    row, column = np.divmod(cell, side)
    children = [(2 * row + down) * 2 * side + 2 * column + right for down in (0, 1) for right in (0, 1)]
    return np.concatenate(children), np.tile(candidate, 4)


def _can_be_nearest(u: Array, v: Array, cell: NDArray[np.int64], side: int) -> NDArray[np.bool_]:
    """Which pairs of a point (M,) and a cell (M,) survive: those that the cell's most central point does not beat at
    every corner. Where it is nearer at all corners it is nearer inside, because the points that are nearer to one of
    two points form a half-plane."""
    row, column = np.divmod(cell, side)
    # From the cell's low corner, in cells.
    x, y = u * side - row, v * side - column
    distance = (x - 0.5) ** 2 + (y - 0.5) ** 2
    least = np.full(side * side, np.inf)
    np.minimum.at(least, cell, distance)
    nearest = np.flatnonzero(distance == least[cell])
    central_x, central_y = np.zeros(side * side), np.zeros(side * side)
    central_x[cell[nearest]], central_y[cell[nearest]] = x[nearest], y[nearest]
    kept = np.zeros(len(cell), np.bool_)
    for right in (0.0, 1.0):
        for down in (0.0, 1.0):
            limit = (1.0 + _MARGIN) * ((central_x - right) ** 2 + (central_y - down) ** 2)
            kept |= (x - right) ** 2 + (y - down) ** 2 <= limit[cell]
    return kept
