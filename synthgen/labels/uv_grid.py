"""The nearest template coordinate of one fixed picture, exactly and fast: dfc section 3.3 against the mean face."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.core.errors import UsageError
from synthgen.raster.check import check_tensor
from synthgen.raster.fragments import Fragments
from synthgen.raster.interpolate import interpolate
from synthgen.raster.kernel_choice import takes_cuda_kernels

Array = NDArray[np.float64]

MOST_SIDE = 1024
LANES = 8
AWAY = 1e18
# float32 distances are off by 2e-7 of themselves: a pixel this much farther cannot come out nearest.
_MARGIN = 4e-6


@dataclass(frozen=True)
class UvGrid:
    """For each of side x side cells of the chart, the pixels of a picture that can be nearest to a point in the cell.

    size: (H, W) of the picture. side: cells per side of the unit square, row-major, u to the right. offset:
    (side^2 + 1,) int32, where the blocks of each cell begin. block: (B, 3, LANES) float32, u, v and number in row order
    of LANES pixels, in row order: beside each other in memory, which is what the search waits for, and compared at
    once. Lanes that hold none are AWAY from every point.
    """

    size: tuple[int, int]
    side: int
    offset: torch.Tensor
    block: torch.Tensor


@dataclass(frozen=True)
class ChartedFragments:
    """Fragments on the CPU and the template coordinates uv (T, 3, 2) float32 of their triangles' corners."""

    fragments: Fragments
    uv: torch.Tensor


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
    order = np.lexsort((candidate, cell))
    rows = candidate[order]
    count = np.bincount(cell, minlength=side * side)
    offset = np.concatenate([[0], np.cumsum(-(-count // LANES))])
    block = np.full((max(int(offset[-1]), 1), 3, LANES), AWAY, np.float32)  # Warp takes no empty array
    # Where each candidate goes: the lanes of its cell's blocks in turn.
    turn = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    at, lane = offset[cell[order]] + turn // LANES, turn % LANES
    block[at, 0, lane], block[at, 1, lane] = uv[rows].T
    block[at, 2, lane] = pixel[rows]
    return UvGrid(
        (int(target_uv.shape[0]), int(target_uv.shape[1])),
        side,
        torch.from_numpy(offset.astype(np.int32)),
        torch.from_numpy(block),
    )


def match_uv_grid(
    source: torch.Tensor | ChartedFragments,
    grid: UvGrid,
    threshold: float,
    ignore_mask: torch.Tensor | None = None,
    invented_mask: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """flow (N, H, W, 2) float32 px and matchability (N, H, W) uint8: `match_nearest_uv` against the picture of `grid`.

    source: template coordinates (N, H, W, 2) float32, NaN without face surface, or fragments on the CPU, whose
    coordinates are looked up on the way. Of equally near pixels the first in row order counts; distances are compared
    in float32. ignore_mask, invented_mask: (N, H, W) bool; face pixels in them have code 7, and no flow, or 6.
    Computed on the CPU. Raises UsageError as match_nearest_uv does.
    """
    if not threshold > 0:
        raise UsageError(f"`threshold` must be positive, got {threshold}")
    given: torch.Tensor | tuple[Fragments, torch.Tensor]
    if isinstance(source, ChartedFragments):
        check_tensor("fragments.triangle_id", source.fragments.triangle_id, (None, None, None), torch.int32)
        check_tensor("uv", source.uv, (None, 3, 2), torch.float32)
        shape, device, given = source.fragments.triangle_id.shape, source.uv.device, (source.fragments, source.uv)
    else:
        if source.ndim != 4 or source.shape[3] != 2 or source.dtype != torch.float32:
            raise UsageError(f"source_uv must be (N, H, W, 2) float32, got {tuple(source.shape)} {source.dtype}")
        shape, device, given = source.shape[:3], source.device, source.cpu().contiguous()
    masks = []
    for name, mask in (("ignore_mask", ignore_mask), ("invented_mask", invented_mask)):
        if mask is not None:
            check_tensor(name, mask, tuple(shape), torch.bool)
        masks.append(torch.zeros((0, 0, 0), dtype=torch.bool) if mask is None else mask.cpu().contiguous())
    from synthgen.labels.warp_uv_grid import launch_nearest

    flow, code = launch_nearest(given, grid, threshold, masks)
    return flow.to(device), code.to(device)


def chart_coordinates(fragments: Fragments, uv: torch.Tensor) -> torch.Tensor:
    """(N, H, W, 2) float32, NaN without surface: `interpolate` of uv (T, 3, 2), one coordinate per triangle corner."""
    check_tensor("fragments.triangle_id", fragments.triangle_id, (None, None, None), torch.int32)
    check_tensor("uv", uv, (None, 3, 2), torch.float32)
    if takes_cuda_kernels(uv):
        return interpolate(fragments, torch.zeros((len(uv), 3), dtype=torch.int32, device=uv.device), uv)
    from synthgen.labels.warp_uv_grid import launch_chart

    return launch_chart(fragments, uv)


def _quarters(
    cell: NDArray[np.int64], candidate: NDArray[np.int64], side: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cell and candidate of each pair again for the four quarters of its cell, of 2 side cells per side."""
    row, column = np.divmod(cell, side)
    children = [(2 * row + down) * 2 * side + 2 * column + right for down in (0, 1) for right in (0, 1)]
    return np.concatenate(children), np.tile(candidate, 4)


def _can_be_nearest(u: Array, v: Array, cell: NDArray[np.int64], side: int) -> NDArray[np.bool_]:
    """Which pairs of a point (M,) and a cell (M,) survive: those that neither the point nearest to the cell's middle
    nor one nearest to a corner beats at every corner. Where a point is nearer than another at all corners it is nearer
    inside, because the places that are nearer to one of two points form a half-plane."""
    row, column = np.divmod(cell, side)
    # From the cell's low corner, in cells.
    x, y = u * side - column, v * side - row
    corners = [(x - right) ** 2 + (y - down) ** 2 for right in (0.0, 1.0) for down in (0.0, 1.0)]
    kept = np.ones(len(cell), np.bool_)
    for distance in ((x - 0.5) ** 2 + (y - 0.5) ** 2, *corners):
        least = np.full(side * side, np.inf)
        np.minimum.at(least, cell, distance)
        nearest = np.flatnonzero(distance == least[cell])
        winner = np.zeros(side * side, np.int64)
        winner[cell[nearest]] = nearest
        rival = winner[cell]
        stays = np.zeros(len(cell), np.bool_)
        for corner in corners:
            stays |= corner <= (1.0 + _MARGIN) * corner[rival]
        kept &= stays
    return kept
