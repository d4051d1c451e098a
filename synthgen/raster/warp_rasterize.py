"""Rasteriser kernels: one thread per image on the CPU, one thread per triangle with a packed atomic minimum on CUDA.

Both share the functions that decide coverage and nearness, so they draw the same pixels. `reference.py` says in slow
words what they do.
"""

import torch
import warp as wp

from synthgen.raster.fragments import Fragments
from synthgen.raster.warp_start import EXACT_FLOATS, start_warp

wp.set_module_options(EXACT_FLOATS)

NOTHING = wp.constant(wp.uint64(0xFFFFFFFFFFFFFFFF))


@wp.struct
class Edge:
    """Edge function of one triangle side: sign * ((x - x0) * dy - (y - y0) * dx), positive inside.

    (x0, y0) is the end with the lower vertex index, (dx, dy) points to the other end, sign is +1 when the triangle
    runs that way and -1 otherwise: two neighbours compute the same number with opposite signs.
    owned: a centre exactly on this side belongs to this triangle (the side is a left or a top one).
    """

    x0: wp.float32
    y0: wp.float32
    dx: wp.float32
    dy: wp.float32
    sign: wp.float32
    owned: wp.bool


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
    """What the pixel loop needs. a, b, c: edges opposite the corners of the same name.

    nearness: per corner, larger is nearer: 1 / depth in perspective, -depth otherwise; linear over the image.
    """

    a: Edge
    b: Edge
    c: Edge
    nearness: wp.vec3


@wp.func
def corners_of(vertices: wp.array2d(dtype=wp.vec3), triangles: wp.array(dtype=wp.vec3i), n: int, t: int) -> Corners:  # type: ignore[valid-type]
    triangle = triangles[t]
    corners = Corners()
    corners.ia = triangle[0]
    corners.ib = triangle[1]
    corners.ic = triangle[2]
    corners.a = vertices[n, corners.ia]
    corners.b = vertices[n, corners.ib]
    corners.c = vertices[n, corners.ic]
    return corners


@wp.func
def faces_camera(k: Corners) -> wp.bool:
    """Counter-clockwise on the screen, where y points down. False for NaN and for zero area."""
    area = (k.b[1] - k.a[1]) * (k.c[0] - k.a[0]) - (k.b[0] - k.a[0]) * (k.c[1] - k.a[1])
    return area > 0.0


@wp.func
def is_drawable(k: Corners, perspective: wp.bool, near: wp.float32) -> wp.bool:
    # Zero for finite numbers, NaN otherwise.
    total = 0.0 * (k.a[0] + k.b[0] + k.c[0] + k.a[1] + k.b[1] + k.c[1] + k.a[2] + k.b[2] + k.c[2])
    if not (total == 0.0):
        return False
    return (not perspective) or wp.min(k.a[2], wp.min(k.b[2], k.c[2])) >= near


@wp.func
def first_centre(lowest: wp.float32) -> wp.int32:
    """Index of the first pixel whose centre is at or beyond a coordinate, at least 0."""
    return int(wp.ceil(wp.clamp(lowest - 0.5, 0.0, 1.0e6)))


@wp.func
def last_centre(highest: wp.float32, size: wp.int32) -> wp.int32:
    """Index of the last pixel whose centre is at or before a coordinate, at most size - 1."""
    return int(wp.floor(wp.clamp(highest - 0.5, -1.0, float(size - 1))))


@wp.func
def edge_between(p: wp.vec3, ip: wp.int32, q: wp.vec3, iq: wp.int32) -> Edge:
    edge = Edge()
    dx = q[0] - p[0]
    dy = q[1] - p[1]
    edge.owned = dy > 0.0 or (dy == 0.0 and dx < 0.0)
    forward = ip < iq
    edge.x0 = wp.where(forward, p[0], q[0])
    edge.y0 = wp.where(forward, p[1], q[1])
    edge.dx = wp.where(forward, dx, -dx)
    edge.dy = wp.where(forward, dy, -dy)
    edge.sign = wp.where(forward, 1.0, -1.0)
    return edge


@wp.func
def edge_value(edge: Edge, x: wp.float32, y: wp.float32) -> wp.float32:
    return edge.sign * ((x - edge.x0) * edge.dy - (y - edge.y0) * edge.dx)


@wp.func
def setup_triangle(k: Corners, perspective: wp.bool) -> Setup:
    s = Setup()
    s.a = edge_between(k.b, k.ib, k.c, k.ic)
    s.b = edge_between(k.c, k.ic, k.a, k.ia)
    s.c = edge_between(k.a, k.ia, k.b, k.ib)
    if perspective:
        s.nearness = wp.vec3(1.0 / k.a[2], 1.0 / k.b[2], 1.0 / k.c[2])
    else:
        s.nearness = wp.vec3(-k.a[2], -k.b[2], -k.c[2])
    return s


@wp.func
def edge_values(s: Setup, x: wp.float32, y: wp.float32) -> wp.vec3:
    return wp.vec3(edge_value(s.a, x, y), edge_value(s.b, x, y), edge_value(s.c, x, y))


@wp.func
def covers(s: Setup, e: wp.vec3) -> wp.bool:
    return (
        (e[0] > 0.0 or (e[0] == 0.0 and s.a.owned))
        and (e[1] > 0.0 or (e[1] == 0.0 and s.b.owned))
        and (e[2] > 0.0 or (e[2] == 0.0 and s.c.owned))
    )


@wp.func
def nearness_at(s: Setup, e: wp.vec3) -> wp.float32:
    return (e[0] * s.nearness[0] + e[1] * s.nearness[1] + e[2] * s.nearness[2]) / (e[0] + e[1] + e[2])


@wp.func
def barycentric_at(s: Setup, e: wp.vec3, perspective: wp.bool) -> wp.vec3:
    w = e
    if perspective:
        w = wp.vec3(e[0] * s.nearness[0], e[1] * s.nearness[1], e[2] * s.nearness[2])
    total = w[0] + w[1] + w[2]
    return wp.vec3(w[0] / total, w[1] / total, w[2] / total)


@wp.kernel
def draw_image(
    vertices: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    triangles: wp.array(dtype=wp.vec3i),  # type: ignore[valid-type]
    perspective: wp.bool,
    near: wp.float32,
    triangle_id: wp.array3d(dtype=wp.int32),  # type: ignore[valid-type]
    nearest: wp.array3d(dtype=wp.float32),  # type: ignore[valid-type]
):
    """CPU: one thread draws all triangles of one image in order, so the first of equally near ones stays."""
    n = wp.tid()
    height = triangle_id.shape[1]
    width = triangle_id.shape[2]
    for t in range(triangles.shape[0]):
        k = corners_of(vertices, triangles, n, t)
        if faces_camera(k):
            x0 = first_centre(wp.min(k.a[0], wp.min(k.b[0], k.c[0])))
            x1 = last_centre(wp.max(k.a[0], wp.max(k.b[0], k.c[0])), width)
            y0 = first_centre(wp.min(k.a[1], wp.min(k.b[1], k.c[1])))
            y1 = last_centre(wp.max(k.a[1], wp.max(k.b[1], k.c[1])), height)
            if x0 <= x1 and y0 <= y1:
                if is_drawable(k, perspective, near):
                    s = setup_triangle(k, perspective)
                    for row in range(y0, y1 + 1):
                        for column in range(x0, x1 + 1):
                            e = edge_values(s, float(column) + 0.5, float(row) + 0.5)
                            if covers(s, e):
                                q = nearness_at(s, e)
                                if q > nearest[n, row, column]:
                                    nearest[n, row, column] = q
                                    triangle_id[n, row, column] = t


@wp.func
def packed(q: wp.float32, t: wp.int32) -> wp.uint64:
    """Smaller is nearer, then lower triangle index: the bits of q in the order of floats, reversed, then t."""
    bits = wp.cast(q, wp.uint32)
    ordered = wp.where(q < 0.0, bits, wp.uint32(0x7FFFFFFF) - bits)
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
    k = corners_of(vertices, triangles, n, t)
    if faces_camera(k):
        x0 = first_centre(wp.min(k.a[0], wp.min(k.b[0], k.c[0])))
        x1 = last_centre(wp.max(k.a[0], wp.max(k.b[0], k.c[0])), nearest.shape[2])
        y0 = first_centre(wp.min(k.a[1], wp.min(k.b[1], k.c[1])))
        y1 = last_centre(wp.max(k.a[1], wp.max(k.b[1], k.c[1])), nearest.shape[1])
        if x0 <= x1 and y0 <= y1:
            if is_drawable(k, perspective, near):
                s = setup_triangle(k, perspective)
                for row in range(y0, y1 + 1):
                    for column in range(x0, x1 + 1):
                        e = edge_values(s, float(column) + 0.5, float(row) + 0.5)
                        if covers(s, e):
                            # Adding zero makes one of the two zeros, whose bits differ.
                            q = nearness_at(s, e) + 0.0
                            wp.atomic_min(nearest, n, row, column, packed(q, t))


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
    span: wp.int32,
):
    """Barycentrics and depth of the drawn pixels; one thread takes `span` pixels of a row."""
    n, row, part = wp.tid()
    for column in range(part * span, wp.min((part + 1) * span, triangle_id.shape[2])):
        t = triangle_id[n, row, column]
        if t < 0:
            barycentric[n, row, column] = wp.vec3(wp.nan, wp.nan, wp.nan)
            depth[n, row, column] = wp.nan
        else:
            k = corners_of(vertices, triangles, n, t)
            s = setup_triangle(k, perspective)
            e = edge_values(s, float(column) + 0.5, float(row) + 0.5)
            q = nearness_at(s, e)
            barycentric[n, row, column] = barycentric_at(s, e, perspective)
            depth[n, row, column] = wp.where(perspective, 1.0 / q, -q)


def launch_rasterize(
    vertices_image: torch.Tensor, triangles: torch.Tensor, size: tuple[int, int], perspective: bool, near: float
) -> Fragments:
    """Fragments of checked input; see `raster.rasterize`."""
    start_warp()
    count = len(vertices_image)
    shape = (count, *size)
    place = vertices_image.device
    device = wp.device_from_torch(place)
    triangle_id = torch.full(shape, -1, dtype=torch.int32, device=place)
    barycentric = torch.empty((*shape, 3), dtype=torch.float32, device=place)
    depth = torch.empty(shape, dtype=torch.float32, device=place)
    vertices = wp.from_torch(vertices_image.detach(), dtype=wp.vec3)
    corners = wp.from_torch(triangles, dtype=wp.vec3i)
    ids = wp.from_torch(triangle_id)
    if place.type == "cuda":
        nearest = torch.full(shape, -1, dtype=torch.int64, device=place)
        keys = wp.from_torch(nearest, dtype=wp.uint64)
        inputs = [vertices, corners, perspective, near, keys]
        wp.launch(draw_triangle, dim=(count, len(triangles)), inputs=inputs, device=device)
        wp.launch(unpack, dim=shape, inputs=[keys, ids], device=device)
    else:
        farthest = torch.full(shape, -float("inf"), dtype=torch.float32)
        inputs = [vertices, corners, perspective, near, ids, wp.from_torch(farthest)]
        wp.launch(draw_image, dim=count, inputs=inputs, device=device)
    span = 1 if place.type == "cuda" else size[1]
    outputs = [ids, wp.from_torch(barycentric, dtype=wp.vec3), wp.from_torch(depth), span]
    grid = (count, size[0], size[1] // span)
    wp.launch(resolve, dim=grid, inputs=[vertices, corners, perspective, *outputs], device=device)
    return Fragments(triangle_id, barycentric, depth)
