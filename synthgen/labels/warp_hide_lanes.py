"""Self-occlusion on the CPU, where the rasteriser has listed the front triangles: `LANES` points at a time.

The points are binned by pixel, columns first: the triangles of an upright head are taller than wide, so the points
under a triangle lie in few runs of memory. Only for the CPU: the native function uses Clang's vectors.
"""

from dataclasses import dataclass

import torch
import warp as wp

from synthgen.core.conventions import HIDDEN
from synthgen.raster.fragments import FrontTriangles, tile_shift
from synthgen.raster.warp_rasterize import (
    Corners,
    Edge,
    Fronts,
    barycentric_at,
    box_of,
    corners_of,
    covers,
    depth_at,
    edge_values,
    fronts_struct,
    lowest,
    setup_triangle,
)
from synthgen.raster.warp_start import EXACT_FLOATS

wp.set_module_options(EXACT_FLOATS)

HIDDEN_CODE = wp.constant(wp.uint8(HIDDEN))
LANES = 8
STEP = wp.constant(LANES)
# With fewer points than this a triangle is first asked whether any point is near it.
SPARSE_POINTS = 1024

# Whether an edge triple, a nearest depth and an owner let any of LANES points through; the same roundings as
# `edge_values`, one float operation at a time.
ANY_BEHIND = f"""
    typedef float lanes __attribute__((ext_vector_type({LANES}), aligned(4)));
    typedef int numbers __attribute__((ext_vector_type({LANES}), aligned(4)));
    const int plane = position.strides[0] / sizeof(float);
    const float* point = position.data + first;
    const lanes px = *(const lanes*)point;
    const lanes py = *(const lanes*)(point + plane);
    const lanes pz = *(const lanes*)(point + 2 * plane);
    const numbers owner = *(const numbers*)(own.data + first);
    const lanes ea = (px - a.c[0]) * a.c[3] - (py - a.c[1]) * a.c[2];
    const lanes eb = (px - b.c[0]) * b.c[3] - (py - b.c[1]) * b.c[2];
    const lanes ec = (px - c.c[0]) * c.c[3] - (py - c.c[1]) * c.c[2];
    const numbers hit = (ea >= 0.0f) & (eb >= 0.0f) & (ec >= 0.0f) & (pz >= front) & (owner != t);
    return __builtin_reduce_or(hit) != 0;
"""


@wp.func_native(ANY_BEHIND)
def any_behind(
    position: wp.array2d(dtype=wp.float32),  # type: ignore[valid-type]
    own: wp.array(dtype=wp.int32),  # type: ignore[valid-type]
    first: wp.int32,
    a: wp.vec4,
    b: wp.vec4,
    c: wp.vec4,
    front: wp.float32,
    t: wp.int32,
) -> wp.bool: ...  # type: ignore[empty-body]


@wp.struct
class Bins:
    """Points sorted by pixel, column-major. bound: (N, W H + 1) start of each pixel's points; position: (N, 3, P), x, y
    and depth; own: (N, P), triangle that each lies on; origin: (N, P), index of each. P has LANES spare places."""

    bound: wp.array2d(dtype=wp.int32)  # type: ignore[valid-type]
    position: wp.array3d(dtype=wp.float32)  # type: ignore[valid-type]
    own: wp.array2d(dtype=wp.int32)  # type: ignore[valid-type]
    origin: wp.array2d(dtype=wp.int32)  # type: ignore[valid-type]
    height: wp.int32
    width: wp.int32


@wp.func
def column_cell(point: wp.vec3, height: wp.int32, width: wp.int32) -> wp.int32:
    """Pixel that holds a point, column-major; -1 outside the frame and for NaN."""
    inside = point[0] >= 0.0 and point[1] >= 0.0 and point[0] < float(width) and point[1] < float(height)
    return wp.where(inside, int(point[0]) * height + int(point[1]), -1)


@wp.kernel
def bin_points(
    points: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    own: wp.array2d(dtype=wp.int32),  # type: ignore[valid-type]
    bins: Bins,
):
    """One thread per image fills the bins; bound comes in as zeros."""
    n = wp.tid()
    place = points[n]
    owner = own[n]
    bound = bins.bound[n]
    x = bins.position[n, 0]
    y = bins.position[n, 1]
    z = bins.position[n, 2]
    binned_own = bins.own[n]
    origin = bins.origin[n]
    for i in range(points.shape[1]):
        cell = column_cell(place[i], bins.height, bins.width)
        if cell >= 0:
            bound[cell] = bound[cell] + 1
    total = int(0)
    for cell in range(bins.bound.shape[1]):
        total += bound[cell]
        bound[cell] = total
    # Taking places from the end of each cell leaves its start in bound.
    for i in range(points.shape[1]):
        p = place[i]
        cell = column_cell(p, bins.height, bins.width)
        if cell >= 0:
            slot = bound[cell] - 1
            bound[cell] = slot
            x[slot] = p[0]
            y[slot] = p[1]
            z[slot] = p[2]
            binned_own[slot] = owner[i]
            origin[slot] = i


@wp.kernel
def count_in_tiles(
    points: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    size: wp.vec2i,
    shift: wp.int32,
    before: wp.array3d(dtype=wp.int32),  # type: ignore[valid-type]
):
    """Number of points in the tiles above and left of each corner of a tile, from zeros; size: height, width px."""
    n = wp.tid()
    place = points[n]
    sums = before[n]
    for i in range(points.shape[1]):
        p = place[i]
        if column_cell(p, size[0], size[1]) >= 0:
            row = (int(p[1]) >> shift) + 1
            column = (int(p[0]) >> shift) + 1
            sums[row, column] = sums[row, column] + 1
    for row in range(1, sums.shape[0]):
        total = int(0)
        for column in range(1, sums.shape[1]):
            total += sums[row, column]
            sums[row, column] = sums[row - 1, column] + total


@wp.func
def points_in_box(before: wp.array2d(dtype=wp.int32), box: wp.int32) -> wp.int32:  # type: ignore[valid-type]
    """How many points lie in a box of FrontTriangles."""
    x0 = box & 127
    y0 = (box >> 8) & 127
    x1 = ((box >> 16) & 127) + 1
    y1 = (box >> 24) + 1
    return before[y1, x1] - before[y0, x1] - before[y1, x0] + before[y0, x0]


@wp.func
def numbers_of(edge: Edge) -> wp.vec4:
    return wp.vec4(edge.x0, edge.y0, edge.dx, edge.dy)


@wp.struct
class Rule:
    """tolerance: mm by which a triangle must be nearer to hide."""

    perspective: wp.bool
    tolerance: wp.float32


@wp.func
def hide_behind(
    k: Corners,
    t: wp.int32,
    vertices: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    n: wp.int32,
    bins: Bins,
    rule: Rule,
    code: wp.array2d(dtype=wp.uint8),  # type: ignore[valid-type]
):
    """Mark the points behind triangle t."""
    bound = bins.bound[n]
    position = bins.position[n]
    own = bins.own[n]
    box = box_of(k)
    right = float(bins.width) - 1.0
    bottom = float(bins.height) - 1.0
    column = int(wp.where(box[0] > 0.0, box[0], 0.0))
    end = int(wp.where(box[2] < right, box[2], right))
    first = int(wp.where(box[1] > 0.0, box[1], 0.0))
    last = int(wp.where(box[3] < bottom, box[3], bottom)) + 1
    front = lowest(k.a[2], k.b[2], k.c[2]) + rule.tolerance
    s = setup_triangle(k, vertices, rule.perspective)
    a = numbers_of(s.a)
    b = numbers_of(s.b)
    c = numbers_of(s.c)
    while column <= end:
        j = bound[column * bins.height + first]
        stop = bound[column * bins.height + last]
        while j < stop:
            if any_behind(position, own, j, a, b, c, front, t):
                for i in range(j, wp.min(j + STEP, stop)):
                    e = edge_values(s, position[0, i], position[1, i])
                    if own[i] != t and covers(s, e):
                        if depth_at(s, barycentric_at(s, e)) + rule.tolerance < position[2, i]:
                            code[n, bins.origin[n, i]] = HIDDEN_CODE
            j += STEP
        column += 1


@wp.kernel
def hide_points_listed(
    vertices: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    triangles: wp.array(dtype=wp.vec3i),  # type: ignore[valid-type]
    fronts: Fronts,
    before: wp.array3d(dtype=wp.int32),  # type: ignore[valid-type]
    bins: Bins,
    rule: Rule,
    code: wp.array2d(dtype=wp.uint8),  # type: ignore[valid-type]
):
    """One thread per image. before: of count_in_tiles, or without rows: every triangle looks for its points."""
    n = wp.tid()
    points = vertices[n]
    entries = fronts.entry[n]
    sums = before[n]
    all_look = before.shape[0] == 0
    for i in range(fronts.count[n]):
        entry = entries[i]
        near = all_look
        if not all_look:
            near = points_in_box(sums, entry[1]) > 0
        if near:
            hide_behind(corners_of(points, triangles, entry[0]), entry[0], points, n, bins, rule, code)


@dataclass(frozen=True)
class ListedMesh:
    """arrays: vertices and triangles for kernels; size: height, width; tolerance: mm."""

    arrays: list[wp.array]
    fronts: FrontTriangles
    perspective: bool
    tolerance: float
    size: tuple[int, int]


def launch_hide_listed(points: torch.Tensor, own: torch.Tensor, mesh: ListedMesh, code: torch.Tensor) -> None:
    """Write 2 into code (N, P) uint8 where a listed triangle hides a point; as `launch_mark_hidden`, on the CPU."""
    count, number = own.shape
    height, width = mesh.size
    grid = wp.from_torch(points, dtype=wp.vec3)
    bins = Bins()
    bins.height, bins.width = height, width
    bins.bound = wp.from_torch(torch.zeros((count, height * width + 1), dtype=torch.int32))
    bins.position = wp.from_torch(torch.empty((count, 3, number + LANES)))
    bins.own = wp.from_torch(torch.empty((count, number + LANES), dtype=torch.int32))
    bins.origin = wp.from_torch(torch.empty_like(own))
    wp.launch(bin_points, dim=count, inputs=[grid, wp.from_torch(own), bins], device="cpu")
    shift, tiles = tile_shift(mesh.size), (0, 0, 0)
    if number < SPARSE_POINTS:
        tiles = (count, ((height - 1) >> shift) + 2, ((width - 1) >> shift) + 2)
    before = wp.from_torch(torch.zeros(tiles, dtype=torch.int32))
    if number < SPARSE_POINTS:
        wp.launch(count_in_tiles, dim=count, inputs=[grid, wp.vec2i(height, width), shift, before], device="cpu")
    rule = Rule()
    rule.perspective, rule.tolerance = mesh.perspective, mesh.tolerance
    inputs = [*mesh.arrays, fronts_struct(mesh.fronts, mesh.size), before, bins, rule, wp.from_torch(code)]
    wp.launch(hide_points_listed, dim=count, inputs=inputs, device="cpu")
