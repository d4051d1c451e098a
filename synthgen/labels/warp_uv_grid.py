"""Kernel of `labels.uv_grid`."""

import torch
import warp as wp

from synthgen.core import conventions
from synthgen.labels.uv_grid import LANES, UvGrid
from synthgen.raster.fragments import Fragments
from synthgen.raster.warp_start import EXACT_FLOATS, start_warp

wp.set_module_options(EXACT_FLOATS)


# For so many pixels at once the blocks are fetched from memory before they are searched.
AHEAD = 32

# What follows is C: a pixel takes less than half of the time that it takes in Warp's own language, which looks up sizes
# and strides of every array for every pixel. Floats are added and multiplied one by one, as in NumPy.
#
# For each pixel of a row of `source` the nearest one among the blocks of its cell, the first of equally near ones.
# Rounding may have put a coordinate beyond the chart, where all cells have to be asked; of equally near pixels the
# lowest counts there too.
NEAREST_OF_ROW = f"""
    typedef float lanes __attribute__((ext_vector_type({LANES}), aligned(4)));
    typedef int numbers __attribute__((ext_vector_type({LANES}), aligned(4)));
    const numbers in_turn = {{{", ".join(str(lane) for lane in range(LANES))}}};
    const numbers none = {LANES};
    const int* starts = offset.data;
    const float* blocks = block.data;
    const int count = flow.shape[2];
    const int cells = side * side;
    const float nan = __builtin_nanf("");
    const float* q = (const float*)((const char*)source.data + source_row * source.strides[0]);
    float* move = (float*)((char*)flow.data + n * flow.strides[0] + row * flow.strides[1]);
    unsigned char* reason = (unsigned char*)code.data + n * code.strides[0] + row * code.strides[1];
    const bool* is_ignored = nullptr;
    const bool* is_invented = nullptr;
    if (ignored.shape[0] > 0)
        is_ignored = (const bool*)((const char*)ignored.data + n * ignored.strides[0] + row * ignored.strides[1]);
    if (invented.shape[0] > 0)
        is_invented = (const bool*)((const char*)invented.data + n * invented.strides[0] + row * invented.strides[1]);
    int firsts[{AHEAD}], lasts[{AHEAD}];
    for (int column = 0; column < count; ++column) {{
        if (column % {AHEAD} == 0)
            for (int next = column; next < count && next < column + {AHEAD}; ++next) {{
                const float u = q[2 * next], v = q[2 * next + 1];
                int first = 0, last = starts[cells];
                if (u >= 0.0f && v >= 0.0f && u <= 1.0f && v <= 1.0f) {{
                    const int i = (int)(u * side), j = (int)(v * side);
                    const int cell = (j < side ? j : side - 1) * side + (i < side ? i : side - 1);
                    first = starts[cell];
                    last = starts[cell + 1];
                    __builtin_prefetch(blocks + {3 * LANES} * first);
                    __builtin_prefetch(blocks + {3 * LANES} * first + {2 * LANES});
                }}
                firsts[next - column] = first;
                lasts[next - column] = last;
            }}
        const float u = q[2 * column], v = q[2 * column + 1];
        float x = nan, y = nan;
        unsigned char why = {conventions.NO_FACE};
        if (u == u && v == v) {{
            why = {conventions.NO_NEAR_UV};
            const int first = firsts[column % {AHEAD}], last = lasts[column % {AHEAD}];
            const bool inside = u >= 0.0f && v >= 0.0f && u <= 1.0f && v <= 1.0f;
            float least = 3.0e38f, pixel = -1.0f;
            for (int at = first; at < last; ++at) {{
                const float* here = blocks + {3 * LANES} * at;
                const lanes du = *(const lanes*)here - u;
                const lanes dv = *(const lanes*)(here + {LANES}) - v;
                const lanes distance = du * du + dv * dv;
                const float nearest = __builtin_reduce_min(distance);
                if (nearest < least || (!inside && nearest == least)) {{
                    const numbers lane = distance == nearest ? in_turn : none;
                    const float found = here[{2 * LANES} + __builtin_reduce_min(lane)];
                    pixel = nearest < least || found < pixel ? found : pixel;
                    least = nearest;
                }}
            }}
            if (pixel >= 0.0f) {{
                const int there = (int)pixel, down = there / width;
                x = (float)(there - down * width - column);
                y = (float)(down - row);
                if (__builtin_sqrtf(least) < threshold)
                    why = {conventions.MATCHABLE};
            }}
            if (is_invented && is_invented[column])
                why = {conventions.INVENTED};
            if (is_ignored && is_ignored[column]) {{
                why = {conventions.IGNORED};
                x = y = nan;
            }}
        }}
        move[2 * column] = x;
        move[2 * column + 1] = y;
        reason[column] = why;
    }}
"""

# Template coordinates of a row of fragments, into row 0 of `chart`.
CHART_OF_ROW = """
    const int count = triangle_id.shape[2];
    const int* own =
        (const int*)((const char*)triangle_id.data + n * triangle_id.strides[0] + row * triangle_id.strides[1]);
    const float* weights =
        (const float*)((const char*)barycentric.data + n * barycentric.strides[0] + row * barycentric.strides[1]);
    const float* corners = (const float*)uv.data;
    float* place = (float*)chart.data;
    const float nan = __builtin_nanf("");
    for (int column = 0; column < count; ++column) {
        const int t = own[column];
        const float* w = weights + 3 * column;
        const float* c = corners + 6 * (t < 0 ? 0 : t);
        place[2 * column] = t < 0 ? nan : w[0] * c[0] + w[1] * c[2] + w[2] * c[4];
        place[2 * column + 1] = t < 0 ? nan : w[0] * c[1] + w[1] * c[3] + w[2] * c[5];
    }
"""


@wp.func_native(NEAREST_OF_ROW)
def nearest_of_row(
    source: wp.array2d(dtype=wp.vec2),  # type: ignore[valid-type]
    source_row: wp.int32,
    offset: wp.array(dtype=wp.int32),  # type: ignore[valid-type]
    block: wp.array3d(dtype=wp.float32),  # type: ignore[valid-type]
    side: wp.int32,
    width: wp.int32,
    threshold: wp.float32,
    ignored: wp.array3d(dtype=wp.bool),  # type: ignore[valid-type]
    invented: wp.array3d(dtype=wp.bool),  # type: ignore[valid-type]
    n: wp.int32,
    row: wp.int32,
    flow: wp.array3d(dtype=wp.vec2),  # type: ignore[valid-type]
    code: wp.array3d(dtype=wp.uint8),  # type: ignore[valid-type]
): ...


@wp.func_native(CHART_OF_ROW)
def chart_of_row(
    triangle_id: wp.array3d(dtype=wp.int32),  # type: ignore[valid-type]
    barycentric: wp.array3d(dtype=wp.vec3),  # type: ignore[valid-type]
    uv: wp.array2d(dtype=wp.vec2),  # type: ignore[valid-type]
    n: wp.int32,
    row: wp.int32,
    chart: wp.array2d(dtype=wp.vec2),  # type: ignore[valid-type]
): ...


@wp.struct
class Cells:
    """UvGrid as arrays; width: of its picture, px; threshold: uv distance."""

    offset: wp.array(dtype=wp.int32)  # type: ignore[valid-type]
    block: wp.array3d(dtype=wp.float32)  # type: ignore[valid-type]
    side: wp.int32
    width: wp.int32
    threshold: wp.float32


@wp.struct
class Masks:
    """Pixels (N, H, W) whose flow is of no use; without rows where there are none."""

    ignored: wp.array3d(dtype=wp.bool)  # type: ignore[valid-type]
    invented: wp.array3d(dtype=wp.bool)  # type: ignore[valid-type]


@wp.kernel
def match_charts(
    source: wp.array2d(dtype=wp.vec2),  # type: ignore[valid-type]
    cells: Cells,
    masks: Masks,
    flow: wp.array3d(dtype=wp.vec2),  # type: ignore[valid-type]
    code: wp.array3d(dtype=wp.uint8),  # type: ignore[valid-type]
):
    """One thread per row of a picture; source: (N H, W) template coordinates."""
    n, row = wp.tid()
    nearest_of_row(
        source, n * flow.shape[1] + row, cells.offset, cells.block, cells.side, cells.width, cells.threshold,
        masks.ignored, masks.invented, n, row, flow, code,
    )  # fmt: skip


@wp.kernel
def match_fragments(
    triangle_id: wp.array3d(dtype=wp.int32),  # type: ignore[valid-type]
    barycentric: wp.array3d(dtype=wp.vec3),  # type: ignore[valid-type]
    uv: wp.array2d(dtype=wp.vec2),  # type: ignore[valid-type]
    chart: wp.array2d(dtype=wp.vec2),  # type: ignore[valid-type]
    cells: Cells,
    masks: Masks,
    flow: wp.array3d(dtype=wp.vec2),  # type: ignore[valid-type]
    code: wp.array3d(dtype=wp.uint8),  # type: ignore[valid-type]
):
    """The same with the coordinates of a row in `chart` (1, W), which stays in the cache: on the CPU, threads follow
    one another."""
    n, row = wp.tid()
    chart_of_row(triangle_id, barycentric, uv, n, row, chart)
    nearest_of_row(
        chart, 0, cells.offset, cells.block, cells.side, cells.width, cells.threshold,
        masks.ignored, masks.invented, n, row, flow, code,
    )  # fmt: skip


def launch_nearest(
    source: torch.Tensor | tuple[Fragments, torch.Tensor], grid: UvGrid, threshold: float, masks: list[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """flow and code of checked input on the CPU. source: charts (N, H, W, 2), or fragments and the chart's corners
    (T, 3, 2); masks: ignored, invented."""
    start_warp()
    charted = isinstance(source, torch.Tensor)
    shape = tuple(source.shape[:3]) if isinstance(source, torch.Tensor) else tuple(source[0].triangle_id.shape)
    flow = torch.empty((*shape, 2))
    code = torch.empty(shape, dtype=torch.uint8)
    if isinstance(source, torch.Tensor):
        surface = [wp.from_torch(source.view(-1, shape[2], 2), dtype=wp.vec2)]
    else:
        fragments, uv = source
        surface = [
            wp.from_torch(fragments.triangle_id),
            wp.from_torch(fragments.barycentric, dtype=wp.vec3),
            wp.from_torch(uv, dtype=wp.vec2),
            wp.from_torch(torch.empty((1, shape[2], 2)), dtype=wp.vec2),
        ]
    cells, covers = Cells(), Masks()
    cells.offset, cells.block = wp.from_torch(grid.offset), wp.from_torch(grid.block)
    cells.side, cells.width, cells.threshold = grid.side, grid.size[1], threshold
    covers.ignored, covers.invented = (wp.from_torch(mask) for mask in masks)
    outputs = [wp.from_torch(flow, dtype=wp.vec2), wp.from_torch(code)]
    kernel = match_charts if charted else match_fragments
    wp.launch(kernel, dim=shape[:2], inputs=[*surface, cells, covers, *outputs], device="cpu")
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
