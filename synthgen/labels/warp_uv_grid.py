"""Kernel of `labels.uv_grid`."""

import torch
import warp as wp

from synthgen.core import conventions
from synthgen.labels.uv_grid import UvGrid
from synthgen.raster.warp_start import EXACT_FLOATS, start_warp

wp.set_module_options(EXACT_FLOATS)

NO_FACE = wp.constant(wp.uint8(conventions.NO_FACE))
MATCHABLE = wp.constant(wp.uint8(conventions.MATCHABLE))
NO_NEAR_UV = wp.constant(wp.uint8(conventions.NO_NEAR_UV))


@wp.struct
class Cells:
    """UvGrid as arrays; width: of the picture, px; threshold: uv distance."""

    offset: wp.array(dtype=wp.int32)  # type: ignore[valid-type]
    uv: wp.array(dtype=wp.vec2)  # type: ignore[valid-type]
    pixel: wp.array(dtype=wp.int32)  # type: ignore[valid-type]
    side: wp.int32
    width: wp.int32
    threshold: wp.float32


@wp.func
def squared_distance(a: wp.vec2, b: wp.vec2) -> wp.float32:
    du = a[0] - b[0]
    dv = a[1] - b[1]
    return du * du + dv * dv


@wp.func
def nearest_between(cells: Cells, q: wp.vec2, first: wp.int32, last: wp.int32) -> wp.int32:
    """Row of cells.uv in first .. last - 1 that is nearest to q, that of the lowest pixel of equally near ones."""
    best = int(-1)
    least = float(3.0e38)
    for k in range(first, last):
        d = squared_distance(cells.uv[k], q)
        if d < least or (d == least and cells.pixel[k] < cells.pixel[best]):
            least = d
            best = k
    return best


@wp.func
def nearest_row(cells: Cells, q: wp.vec2) -> wp.int32:
    """Row of cells.uv that is nearest to q, -1 if there is none. Rounding may have put q beyond the chart, where all
    have to be asked."""
    if q[0] >= 0.0 and q[1] >= 0.0 and q[0] <= 1.0 and q[1] <= 1.0:
        i = wp.min(int(q[0] * float(cells.side)), cells.side - 1)
        j = wp.min(int(q[1] * float(cells.side)), cells.side - 1)
        cell = i * cells.side + j
        return nearest_between(cells, q, cells.offset[cell], cells.offset[cell + 1])
    return nearest_between(cells, q, 0, cells.uv.shape[0])


@wp.kernel
def find_nearest(
    source: wp.array3d(dtype=wp.vec2),  # type: ignore[valid-type]
    cells: Cells,
    flow: wp.array3d(dtype=wp.vec2),  # type: ignore[valid-type]
    code: wp.array3d(dtype=wp.uint8),  # type: ignore[valid-type]
):
    """One thread per row of a picture."""
    n, row = wp.tid()
    for column in range(source.shape[2]):
        q = source[n, row, column]
        move = wp.vec2(wp.nan, wp.nan)
        reason = NO_FACE
        # False for NaN.
        if q[0] == q[0] and q[1] == q[1]:
            reason = NO_NEAR_UV
            k = nearest_row(cells, q)
            if k >= 0:
                there = cells.pixel[k]
                move = wp.vec2(float(there % cells.width - column), float(there / cells.width - row))
                if wp.sqrt(squared_distance(cells.uv[k], q)) < cells.threshold:
                    reason = MATCHABLE
        flow[n, row, column] = move
        code[n, row, column] = reason


def launch_nearest(source_uv: torch.Tensor, grid: UvGrid, threshold: float) -> tuple[torch.Tensor, torch.Tensor]:
    """flow and code of checked input on the CPU."""
    start_warp()
    cells = Cells()
    cells.offset = wp.from_torch(grid.offset)
    cells.uv = wp.from_torch(grid.uv, dtype=wp.vec2)
    cells.pixel = wp.from_torch(grid.pixel)
    cells.side, cells.width, cells.threshold = grid.side, grid.size[1], threshold
    flow = torch.empty_like(source_uv)
    code = torch.empty(source_uv.shape[:3], dtype=torch.uint8)
    wp.launch(
        find_nearest,
        dim=source_uv.shape[:2],
        inputs=[
            wp.from_torch(source_uv, dtype=wp.vec2),
            cells,
            wp.from_torch(flow, dtype=wp.vec2),
            wp.from_torch(code),
        ],
        device="cpu",
    )
    return flow, code
