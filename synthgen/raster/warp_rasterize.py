"""Rasteriser kernels: one thread per image on the CPU, one thread per triangle with a packed atomic minimum on CUDA.

Both share the functions that decide coverage and nearness, so they draw the same pixels. `reference.py` says in slow
words what they do.
"""

from dataclasses import replace

import torch
import warp as wp

from synthgen.raster.fragments import Fragments, FrontTriangles, tile_shift
from synthgen.raster.kernel_choice import takes_cuda_kernels
from synthgen.raster.warp_start import EXACT_FLOATS, start_warp

wp.set_module_options(EXACT_FLOATS)

NOTHING = wp.constant(wp.uint64(0xFFFFFFFFFFFFFFFF))


@wp.struct
class Edge:
    """Edge function of one triangle side: (x - x0) * dy - (y - y0) * dx, positive inside.

    (dx, dy) runs along the side in the triangle's direction, (x0, y0) is its end with the lower vertex index: two
    neighbours compute the same number with opposite signs.
    """

    x0: wp.float32
    y0: wp.float32
    dx: wp.float32
    dy: wp.float32


@wp.struct
class Corners:
    """Triangle t seen in the image, corners a, b, c: [x px, y px, depth mm] and vertex indices."""

    a: wp.vec3
    b: wp.vec3
    c: wp.vec3
    ia: wp.int32
    ib: wp.int32
    ic: wp.int32


@wp.struct
class Setup:
    """What the pixel loop needs.

    a, b, c: edges opposite the corners of the same name. weight: per corner, factor that turns edge values into
    surface weights: 1 / depth in perspective (times the product of all three depths), 1 otherwise. depth: mm.
    """

    a: Edge
    b: Edge
    c: Edge
    weight: wp.vec3
    depth: wp.vec3


@wp.func
def corners_of(vertices: wp.array(dtype=wp.vec3), triangles: wp.array(dtype=wp.vec3i), t: int) -> Corners:  # type: ignore[valid-type]
    triangle = triangles[t]
    corners = Corners()
    corners.ia = triangle[0]
    corners.ib = triangle[1]
    corners.ic = triangle[2]
    corners.a = vertices[corners.ia]
    corners.b = vertices[corners.ib]
    corners.c = vertices[corners.ic]
    return corners


@wp.func
def faces_camera(k: Corners) -> wp.bool:
    """Counter-clockwise on the screen, where y points down. False for zero area and corners that are not finite."""
    area = (k.b[1] - k.a[1]) * (k.c[0] - k.a[0]) - (k.b[0] - k.a[0]) * (k.c[1] - k.a[1])
    return wp.where(area < 3.0e38, area, 0.0) > 0.0


@wp.func
def is_drawable(k: Corners, perspective: wp.bool, near: wp.float32) -> wp.bool:
    """Finite depths, and none before `near` in perspective."""
    # Zero for finite numbers, NaN otherwise.
    nothing = 0.0 * (k.a[2] + k.b[2] + k.c[2])
    nearest = wp.where(perspective, lowest(k.a[2], k.b[2], k.c[2]), near)
    return nearest + nothing >= near


@wp.func
def lowest(a: wp.float32, b: wp.float32, c: wp.float32) -> wp.float32:
    """Least of three numbers that are not NaN: one instruction per comparison, unlike wp.min."""
    ab = wp.where(a < b, a, b)
    return wp.where(ab < c, ab, c)


@wp.func
def highest(a: wp.float32, b: wp.float32, c: wp.float32) -> wp.float32:
    ab = wp.where(a > b, a, b)
    return wp.where(ab > c, ab, c)


@wp.func
def box_of(k: Corners) -> wp.vec4:
    """x0, y0, x1, y1 px."""
    return wp.vec4(
        lowest(k.a[0], k.b[0], k.c[0]),
        lowest(k.a[1], k.b[1], k.c[1]),
        highest(k.a[0], k.b[0], k.c[0]),
        highest(k.a[1], k.b[1], k.c[1]),
    )


@wp.func
def overlaps(box: wp.vec4, size: wp.vec2) -> wp.bool:
    """Whether a box shares more than an edge with the frame of `size` (width, height)."""
    return box[0] < size[0] and box[2] >= 0.0 and box[1] < size[1] and box[3] >= 0.0


@wp.func
def first_centre(low: wp.float32) -> wp.int32:
    """Index of the first pixel whose centre is at or beyond a coordinate, at least 0."""
    x = wp.where(low > 0.5, low - 0.5, 0.0)
    return int(wp.ceil(wp.where(x < 1.0e6, x, 1.0e6)))


@wp.func
def last_centre(high: wp.float32, size: wp.int32) -> wp.int32:
    """Index of the last pixel whose centre is at or before a coordinate, at most size - 1."""
    end = float(size)
    x = wp.where(high < end, high, end)
    return int(wp.floor(wp.where(x > 0.0, x - 0.5, -1.0)))


@wp.func
def edge_between(p: wp.vec3, q: wp.vec3, anchor: wp.vec3) -> Edge:
    edge = Edge()
    edge.dx = q[0] - p[0]
    edge.dy = q[1] - p[1]
    edge.x0 = anchor[0]
    edge.y0 = anchor[1]
    return edge


@wp.func
def edge_value(edge: Edge, x: wp.float32, y: wp.float32) -> wp.float32:
    return (x - edge.x0) * edge.dy - (y - edge.y0) * edge.dx


@wp.func
def setup_triangle(k: Corners, vertices: wp.array(dtype=wp.vec3), perspective: wp.bool) -> Setup:  # type: ignore[valid-type]
    s = Setup()
    # Reading the anchor again is faster than a branch on the order of indices, which cannot be predicted.
    s.a = edge_between(k.b, k.c, vertices[wp.min(k.ib, k.ic)])
    s.b = edge_between(k.c, k.a, vertices[wp.min(k.ic, k.ia)])
    s.c = edge_between(k.a, k.b, vertices[wp.min(k.ia, k.ib)])
    s.depth = wp.vec3(k.a[2], k.b[2], k.c[2])
    s.weight = wp.vec3(1.0, 1.0, 1.0)
    if perspective:
        s.weight = wp.vec3(k.b[2] * k.c[2], k.c[2] * k.a[2], k.a[2] * k.b[2])
    return s


@wp.func
def edge_values(s: Setup, x: wp.float32, y: wp.float32) -> wp.vec3:
    return wp.vec3(edge_value(s.a, x, y), edge_value(s.b, x, y), edge_value(s.c, x, y))


@wp.func
def claims(edge: Edge, e: wp.float32) -> wp.bool:
    """Whether a centre with this edge value is inside; one on the side itself is when it is a left or a top side."""
    return e > 0.0 or (e == 0.0 and (edge.dy > 0.0 or (edge.dy == 0.0 and edge.dx < 0.0)))


@wp.func
def covers(s: Setup, e: wp.vec3) -> wp.bool:
    # Almost every centre is decided by these two branches, which the processor predicts well.
    least = lowest(e[0], e[1], e[2])
    if least > 0.0:
        return True
    if least < 0.0:
        return False
    return claims(s.a, e[0]) and claims(s.b, e[1]) and claims(s.c, e[2])


@wp.func
def barycentric_at(s: Setup, e: wp.vec3) -> wp.vec3:
    """Weights of the corners at the surface point seen where the edge functions are e."""
    w = wp.vec3(e[0] * s.weight[0], e[1] * s.weight[1], e[2] * s.weight[2])
    scale = 1.0 / (w[0] + w[1] + w[2])
    return wp.vec3(w[0] * scale, w[1] * scale, w[2] * scale)


@wp.func
def depth_at(s: Setup, b: wp.vec3) -> wp.float32:
    """Weights of the surface interpolate depth in either projection: in perspective they already hold 1 / depth."""
    return b[0] * s.depth[0] + b[1] * s.depth[1] + b[2] * s.depth[2]


@wp.struct
class Fronts:
    """FrontTriangles: entry (N, T), count (N,); shift: logarithm of the side of a tile."""

    entry: wp.array2d(dtype=wp.vec2i)  # type: ignore[valid-type]
    count: wp.array(dtype=wp.int32)  # type: ignore[valid-type]
    shift: wp.int32


@wp.func
def packed_box(box: wp.vec4, size: wp.vec2, shift: wp.int32) -> wp.int32:
    """Tiles that a box (x0, y0, x1, y1) px touches which overlaps the frame of `size` (width, height)."""
    x0 = int(wp.where(box[0] > 0.0, box[0], 0.0)) >> shift
    y0 = int(wp.where(box[1] > 0.0, box[1], 0.0)) >> shift
    x1 = int(wp.where(box[2] < size[0] - 1.0, box[2], size[0] - 1.0)) >> shift
    y1 = int(wp.where(box[3] < size[1] - 1.0, box[3], size[1] - 1.0)) >> shift
    return x0 | (y0 << 8) | (x1 << 16) | (y1 << 24)


@wp.kernel
def draw_image(
    vertices: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    triangles: wp.array(dtype=wp.vec3i),  # type: ignore[valid-type]
    perspective: wp.bool,
    near: wp.float32,
    drawn: wp.int32,
    fronts: Fronts,
    triangle_id: wp.array3d(dtype=wp.int32),  # type: ignore[valid-type]
    barycentric: wp.array3d(dtype=wp.vec3),  # type: ignore[valid-type]
    depth: wp.array3d(dtype=wp.float32),  # type: ignore[valid-type]
):
    """CPU: one thread draws all triangles of one image in order, so the first of equally near ones stays.

    Triangles from row `drawn` on are drawn over others alone. The planes come in empty: -1 and NaN.
    """
    n = wp.tid()
    points = vertices[n]
    ids = triangle_id[n]
    weights = barycentric[n]
    front = depth[n]
    entries = fronts.entry[n]
    count = int(0)
    size = wp.vec2(float(triangle_id.shape[2]), float(triangle_id.shape[1]))
    for t in range(triangles.shape[0]):
        k = corners_of(points, triangles, t)
        if faces_camera(k):
            box = box_of(k)
            if overlaps(box, size) and is_drawable(k, perspective, near):
                entries[count] = wp.vec2i(t, packed_box(box, size, fronts.shift))
                count += 1
                x0 = first_centre(box[0])
                x1 = last_centre(box[2], triangle_id.shape[2])
                row = first_centre(box[1])
                y1 = last_centre(box[3], triangle_id.shape[1])
                if wp.min(x1 - x0, y1 - row) >= 0:
                    s = setup_triangle(k, points, perspective)
                    while row <= y1:
                        column = x0
                        while column <= x1:
                            if t < drawn or ids[row, column] >= 0:
                                e = edge_values(s, float(column) + 0.5, float(row) + 0.5)
                                if covers(s, e):
                                    b = barycentric_at(s, e)
                                    d = depth_at(s, b)
                                    # True for the NaN of an empty pixel too.
                                    if not (d >= front[row, column]):
                                        front[row, column] = d
                                        ids[row, column] = t
                                        weights[row, column] = b
                            column += 1
                        row += 1
    fronts.count[n] = count


@wp.func
def packed(d: wp.float32, t: wp.int32) -> wp.uint64:
    """Smaller is nearer, then lower triangle index: the bits of d in the order of floats, then t."""
    bits = wp.cast(d, wp.uint32)
    ordered = wp.where(d < 0.0, ~bits, bits | (wp.uint32(1) << wp.uint32(31)))
    return (wp.uint64(ordered) << wp.uint64(32)) | wp.uint64(t)


@wp.kernel
def draw_triangle(
    vertices: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    triangles: wp.array(dtype=wp.vec3i),  # type: ignore[valid-type]
    perspective: wp.bool,
    near: wp.float32,
    nearest: wp.array3d(dtype=wp.uint64),  # type: ignore[valid-type]
):
    """CUDA: one thread draws one triangle of one image."""
    n, t = wp.tid()
    points = vertices[n]
    k = corners_of(points, triangles, t)
    if faces_camera(k):
        x0 = first_centre(lowest(k.a[0], k.b[0], k.c[0]))
        x1 = last_centre(highest(k.a[0], k.b[0], k.c[0]), nearest.shape[2])
        y0 = first_centre(lowest(k.a[1], k.b[1], k.c[1]))
        y1 = last_centre(highest(k.a[1], k.b[1], k.c[1]), nearest.shape[1])
        if wp.min(x1 - x0, y1 - y0) >= 0:
            if is_drawable(k, perspective, near):
                s = setup_triangle(k, points, perspective)
                for row in range(y0, y1 + 1):
                    for column in range(x0, x1 + 1):
                        e = edge_values(s, float(column) + 0.5, float(row) + 0.5)
                        if covers(s, e):
                            # Adding zero makes one of the two zeros, whose bits differ.
                            d = depth_at(s, barycentric_at(s, e)) + 0.0
                            wp.atomic_min(nearest, n, row, column, packed(d, t))


@wp.kernel
def unpack(nearest: wp.array3d(dtype=wp.uint64), triangle_id: wp.array3d(dtype=wp.int32)):  # type: ignore[valid-type]
    n, row, column = wp.tid()
    value = nearest[n, row, column]
    triangle_id[n, row, column] = wp.where(value == NOTHING, -1, int(value & wp.uint64(0xFFFFFFFF)))


@wp.kernel
def resolve(
    vertices: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    triangles: wp.array(dtype=wp.vec3i),  # type: ignore[valid-type]
    perspective: wp.bool,
    triangle_id: wp.array3d(dtype=wp.int32),  # type: ignore[valid-type]
    barycentric: wp.array3d(dtype=wp.vec3),  # type: ignore[valid-type]
    depth: wp.array3d(dtype=wp.float32),  # type: ignore[valid-type]
):
    """CUDA: barycentrics and depth of the drawn pixels; the planes come in as NaN."""
    n, row, column = wp.tid()
    t = triangle_id[n, row, column]
    if t >= 0:
        points = vertices[n]
        k = corners_of(points, triangles, t)
        s = setup_triangle(k, points, perspective)
        b = barycentric_at(s, edge_values(s, float(column) + 0.5, float(row) + 0.5))
        barycentric[n, row, column] = b
        depth[n, row, column] = depth_at(s, b)


def launch_rasterize(
    vertices_image: torch.Tensor,
    triangles: torch.Tensor,
    size: tuple[int, int],
    perspective: bool,
    near: float,
    per_triangle: bool = False,
    drawn: int | None = None,
) -> Fragments:
    """Fragments of checked input; see `raster.rasterize`. per_triangle: use CUDA's kernels on the CPU too (tests)."""
    start_warp()
    count = len(vertices_image)
    shape = (count, *size)
    place = vertices_image.device
    fragments = Fragments(
        torch.full(shape, -1, dtype=torch.int32, device=place),
        torch.full((*shape, 3), float("nan"), dtype=torch.float32, device=place),
        torch.full(shape, float("nan"), dtype=torch.float32, device=place),
    )
    mesh = [
        wp.from_torch(vertices_image.detach(), dtype=wp.vec3),
        wp.from_torch(triangles, dtype=wp.vec3i),
        perspective,
    ]
    planes = [
        wp.from_torch(fragments.triangle_id),
        wp.from_torch(fragments.barycentric, dtype=wp.vec3),
        wp.from_torch(fragments.depth),
    ]
    device = wp.device_from_torch(place)
    if takes_cuda_kernels(vertices_image) or per_triangle:
        keys = wp.from_torch(torch.full(shape, -1, dtype=torch.int64, device=place), dtype=wp.uint64)
        wp.launch(draw_triangle, dim=(count, len(triangles)), inputs=[*mesh, near, keys], device=device)
        wp.launch(unpack, dim=shape, inputs=[keys, planes[0]], device=device)
        wp.launch(resolve, dim=shape, inputs=[*mesh, *planes], device=device)
    else:
        fronts = FrontTriangles(
            torch.empty((count, len(triangles), 2), dtype=torch.int32), torch.empty(count, dtype=torch.int32)
        )
        drawn = len(triangles) if drawn is None else drawn
        inputs = [*mesh, near, drawn, fronts_struct(fronts, size), *planes]
        wp.launch(draw_image, dim=count, inputs=inputs, device=device)
        return replace(fragments, fronts=fronts)
    return fragments


def fronts_struct(fronts: FrontTriangles, size: tuple[int, int]) -> Fronts:
    """The same for kernels, without a copy."""
    struct = Fronts()
    struct.entry = wp.from_torch(fronts.entry, dtype=wp.vec2i)
    struct.count = wp.from_torch(fronts.count)
    struct.shift = tile_shift(size)
    return struct
