"""Kernel of `labels.uv_grid`."""

import torch
import warp as wp

from synthgen.core import conventions
from synthgen.labels.uv_grid import UvGrid
from synthgen.labels.warp_matchability import IGNORED, INVENTED, MATCHABLE, NO_FACE, is_set
from synthgen.raster.fragments import Fragments
from synthgen.raster.warp_start import EXACT_FLOATS, start_warp

wp.set_module_options(EXACT_FLOATS)

NO_NEAR_UV = wp.constant(wp.uint8(conventions.NO_NEAR_UV))


@wp.struct
class Cells:
    """UvGrid as arrays; width: of the picture, px; threshold: uv distance."""

    offset: wp.array(dtype=wp.int32)  # type: ignore[valid-type]
    entry: wp.array(dtype=wp.vec3)  # type: ignore[valid-type]
    side: wp.int32
    width: wp.int32
    threshold: wp.float32


@wp.func
def squared_distance(entry: wp.vec3, q: wp.vec2) -> wp.float32:
    du = entry[0] - q[0]
    dv = entry[1] - q[1]
    return du * du + dv * dv


@wp.func
def nearest_in_cell(cells: Cells, q: wp.vec2, cell: wp.int32) -> wp.int32:
    """Row of cells.entry that is nearest to q, the first of equally near ones."""
    best = int(0)
    least = float(3.0e38)
    for k in range(cells.offset[cell], cells.offset[cell + 1]):
        d = squared_distance(cells.entry[k], q)
        nearer = d < least
        least = wp.where(nearer, d, least)
        best = wp.where(nearer, k, best)
    return best


@wp.func
def nearest_of_all(cells: Cells, q: wp.vec2) -> wp.int32:
    """The same among all cells, where the first is that of the lowest pixel."""
    best = int(0)
    least = float(3.0e38)
    for k in range(cells.entry.shape[0]):
        d = squared_distance(cells.entry[k], q)
        if d < least or (d == least and cells.entry[k][2] < cells.entry[best][2]):
            least = d
            best = k
    return best


@wp.func
def nearest_row(cells: Cells, q: wp.vec2) -> wp.int32:
    """Row of cells.entry that is nearest to q, -1 if there is none. Rounding may have put q beyond the chart, where all
    have to be asked."""
    if cells.offset[cells.side * cells.side] == 0:
        return -1
    if q[0] >= 0.0 and q[1] >= 0.0 and q[0] <= 1.0 and q[1] <= 1.0:
        i = wp.min(int(q[0] * float(cells.side)), cells.side - 1)
        j = wp.min(int(q[1] * float(cells.side)), cells.side - 1)
        return nearest_in_cell(cells, q, j * cells.side + i)  # neighbours in a picture's row are near in memory
    return nearest_of_all(cells, q)


@wp.kernel
def find_nearest(
    source: wp.array3d(dtype=wp.vec2),  # type: ignore[valid-type]
    cells: Cells,
    ignored: wp.array3d(dtype=wp.bool),  # type: ignore[valid-type]
    invented: wp.array3d(dtype=wp.bool),  # type: ignore[valid-type]
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
                there = int(cells.entry[k][2])
                move = wp.vec2(float(there % cells.width - column), float(there / cells.width - row))
                if wp.sqrt(squared_distance(cells.entry[k], q)) < cells.threshold:
                    reason = MATCHABLE
            if is_set(invented, n, row, column):
                reason = INVENTED
            if is_set(ignored, n, row, column):
                reason = IGNORED
                move = wp.vec2(wp.nan, wp.nan)
        flow[n, row, column] = move
        code[n, row, column] = reason


def launch_nearest(
    source_uv: torch.Tensor, grid: UvGrid, threshold: float, ignored: torch.Tensor, invented: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """flow and code of checked input on the CPU."""
    start_warp()
    cells = Cells()
    cells.offset = wp.from_torch(grid.offset)
    cells.entry = wp.from_torch(grid.entry, dtype=wp.vec3)
    cells.side, cells.width, cells.threshold = grid.side, grid.size[1], threshold
    flow = torch.empty_like(source_uv)
    code = torch.empty(source_uv.shape[:3], dtype=torch.uint8)
    inputs = [wp.from_torch(source_uv, dtype=wp.vec2), cells, wp.from_torch(ignored), wp.from_torch(invented)]
    outputs = [wp.from_torch(flow, dtype=wp.vec2), wp.from_torch(code)]
    wp.launch(find_nearest, dim=source_uv.shape[:2], inputs=[*inputs, *outputs], device="cpu")
    return flow, code


@wp.kernel
def chart_of_pixels(
    triangle_id: wp.array3d(dtype=wp.int32),  # type: ignore[valid-type]
    barycentric: wp.array3d(dtype=wp.vec3),  # type: ignore[valid-type]
    uv: wp.array2d(dtype=wp.vec2),  # type: ignore[valid-type]
    chart: wp.array3d(dtype=wp.vec2),  # type: ignore[valid-type]
):
    """One thread per row of a picture."""
    n, row = wp.tid()
    for column in range(triangle_id.shape[2]):
        t = triangle_id[n, row, column]
        place = wp.vec2(wp.nan, wp.nan)
        if t >= 0:
            b = barycentric[n, row, column]
            place = b[0] * uv[t, 0] + b[1] * uv[t, 1] + b[2] * uv[t, 2]
        chart[n, row, column] = place


def launch_chart(fragments: Fragments, uv: torch.Tensor) -> torch.Tensor:
    """Template coordinates (N, H, W, 2) of checked input on the CPU."""
    start_warp()
    shape = tuple(fragments.triangle_id.shape)
    chart = torch.empty((*shape, 2))
    surface = [wp.from_torch(fragments.triangle_id), wp.from_torch(fragments.barycentric, dtype=wp.vec3)]
    inputs = [*surface, wp.from_torch(uv, dtype=wp.vec2), wp.from_torch(chart, dtype=wp.vec2)]
    wp.launch(chart_of_pixels, dim=shape[:2], inputs=inputs, device="cpu")
    return chart
