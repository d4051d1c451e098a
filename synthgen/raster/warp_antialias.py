"""Kernels of `raster.antialias`: silhouette sides between pixel centres, blending across them, and its gradients.

Every pixel of the result gathers from its four neighbours, so no order of additions is left to chance; only the
gradient by vertices is scattered: by one thread per image on the CPU, with atomics on CUDA. `find_silhouettes` works in
float32, like the rasteriser; the others are generic: float32 and float64.
"""

from typing import Any

import torch
import warp as wp

from synthgen.raster.warp_rasterize import Corners, corners_of, faces_camera
from synthgen.raster.warp_start import EXACT_FLOATS, start_warp
from synthgen.raster.warp_surface_gradient import VECTORS, pixel_spans

wp.set_module_options(EXACT_FLOATS)

# Triangles crossed between two pixel centres before the search is given up; heads of 90,000 triangles need a dozen.
MOST_STEPS = wp.constant(256)
# Pixels. A side through the next centre itself counts, with what float32 may add to it in a picture of 8,192 px.
BEYOND = wp.constant(1.001)


@wp.struct
class Ray:
    """From a pixel centre to the next one along `axis` (0: x, 1: y), forwards or backwards.

    start: where it begins along the axis; line: its coordinate on the other axis; step: 1 or -1.
    """

    axis: wp.int32
    start: wp.float32
    line: wp.float32
    step: wp.float32


@wp.func
def leaves(ray: Ray, p: wp.vec3, q: wp.vec3) -> wp.bool:
    """Whether the ray's line leaves a front-facing triangle through its side from p to q.

    A corner on the line counts as beside it, on the same side for all triangles, as the top-left rule has it.
    """
    other = 1 - ray.axis
    falls = (ray.axis == 0) == (ray.step > 0.0)
    p_above = p[other] > ray.line
    q_above = q[other] > ray.line
    return p_above != q_above and p_above == falls


@wp.func
def leaving_corner(ray: Ray, k: Corners) -> wp.int32:
    """Corner opposite the side through which the ray's line leaves a triangle; -1 if it does not touch it."""
    corner = int(-1)
    if leaves(ray, k.b, k.c):
        corner = 0
    elif leaves(ray, k.c, k.a):
        corner = 1
    elif leaves(ray, k.a, k.b):
        corner = 2
    return corner


@wp.func
def crossed_at(ray: Ray, p: wp.vec3, q: wp.vec3) -> wp.float32:
    """How far along the ray its line crosses the side from p to q, in pixels."""
    along, other = ray.axis, 1 - ray.axis
    place = p[along] + (ray.line - p[other]) * (q[along] - p[along]) / (q[other] - p[other])
    return (place - ray.start) * ray.step


@wp.func
def silhouette_between(
    points: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    triangles: wp.array(dtype=wp.vec3i),  # type: ignore[valid-type]
    neighbours: wp.array2d(dtype=wp.int32),  # type: ignore[valid-type]
    first: wp.int32,
    goal: wp.int32,
    ray: Ray,
) -> wp.vec2i:
    """Vertices of the side where the surface seen at the ray's start, triangle `first`, ends before the next centre.

    Walks from triangle to triangle until the surface turns away or stops, reaches triangle `goal`, or passes the next
    centre; (-1, -1) where it does not end.
    """
    found = wp.vec2i(-1, -1)
    t = int(first)
    steps = int(0)
    while steps < MOST_STEPS:
        corner = leaving_corner(ray, corners_of(points, triangles, t))
        if corner < 0:
            break
        side = wp.vec2i(triangles[t][(corner + 1) % 3], triangles[t][(corner + 2) % 3])
        p = points[side[0]]
        q = points[side[1]]
        if crossed_at(ray, p, q) > BEYOND:
            break
        beyond = neighbours[t, corner]
        ends = beyond < 0
        if not ends:
            ends = not faces_camera(corners_of(points, triangles, beyond))
        if ends:
            found = side
            break
        if beyond == goal:
            break
        t = beyond
        steps += 1
    return found


@wp.kernel
def find_silhouettes(
    vertices: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    triangles: wp.array(dtype=wp.vec3i),  # type: ignore[valid-type]
    neighbours: wp.array2d(dtype=wp.int32),  # type: ignore[valid-type]
    triangle_id: wp.array3d(dtype=wp.int32),  # type: ignore[valid-type]
    depth: wp.array3d(dtype=wp.float32),  # type: ignore[valid-type]
    span: wp.int32,
    sides: wp.array4d(dtype=wp.vec2i),  # type: ignore[valid-type]
):
    """sides (N, H, W, 2): of the pairs of a pixel with its right and its lower neighbour; they come in as (-1, -1)."""
    n, part = wp.tid()
    height, width = triangle_id.shape[1], triangle_id.shape[2]
    points = vertices[n]
    for pixel in range(part * span, wp.min((part + 1) * span, height * width)):
        row = pixel // width
        column = pixel - row * width
        here = triangle_id[n, row, column]
        for axis in range(2):
            other_row = row + axis
            other_column = column + 1 - axis
            if other_row < height and other_column < width:
                there = triangle_id[n, other_row, other_column]
                if here != there:
                    ray = Ray()
                    ray.axis = axis
                    ray.step = 1.0
                    first = here
                    goal = there
                    x = float(column) + 0.5
                    y = float(row) + 0.5
                    # The nearer surface hides the other. A comparison with the NaN of an empty pixel is false.
                    if here < 0 or depth[n, other_row, other_column] < depth[n, row, column]:
                        ray.step = -1.0
                        first = there
                        goal = here
                        x = float(other_column) + 0.5
                        y = float(other_row) + 0.5
                    ray.start = wp.where(axis == 0, x, y)
                    ray.line = wp.where(axis == 0, y, x)
                    sides[n, row, column, axis] = silhouette_between(points, triangles, neighbours, first, goal, ray)


@wp.func
def middle_offset(p: Any, q: Any, row: wp.int32, column: wp.int32, axis: wp.int32):
    """How far beyond the middle of a pixel centre and the next along `axis` the side crosses, in -1/2 .. 1/2 px."""
    half = p.dtype(0.5)
    start = p.dtype(wp.where(axis == 0, column, row))
    line = p.dtype(wp.where(axis == 0, row, column)) + half
    other = 1 - axis
    s = (line - p[other]) / (q[other] - p[other])
    return wp.clamp(p[axis] + s * (q[axis] - p[axis]) - start - half - half, -half, half)


@wp.func
def acrossness(p: Any, q: Any, axis: wp.int32):
    """Squared sine of the angle between the side and the axis: the shares of the two axes add up to 1."""
    u = q[axis] - p[axis]
    v = q[1 - axis] - p[1 - axis]
    return v * v / (u * u + v * v)


@wp.func
def received(
    points: wp.array(dtype=Any),  # type: ignore[valid-type]
    sides: wp.array3d(dtype=wp.vec2i),  # type: ignore[valid-type]
    row: wp.int32,
    column: wp.int32,
    direction: wp.int32,
):
    """Share of its right, lower, left or upper neighbour (direction 0 .. 3) that a pixel receives, if positive, or how
    much of the pixel that neighbour receives, if negative."""
    axis = direction % 2
    backwards = direction // 2
    first_row = row - backwards * axis
    first_column = column - backwards * (1 - axis)
    zero = points[0].dtype(0.0)
    if first_row < 0 or first_column < 0:
        return zero
    side = sides[first_row, first_column, axis]
    if side[0] < 0:
        return zero
    p = points[side[0]]
    q = points[side[1]]
    offset = middle_offset(p, q, first_row, first_column, axis) * acrossness(p, q, axis)
    return wp.where(backwards == 1, offset, -offset)


@wp.kernel
def blend(
    picture: wp.array4d(dtype=Any),  # type: ignore[valid-type]
    vertices: wp.array2d(dtype=Any),  # type: ignore[valid-type]
    sides: wp.array4d(dtype=wp.vec2i),  # type: ignore[valid-type]
    span: wp.int32,
    transposed: wp.bool,
    blended: wp.array4d(dtype=Any),  # type: ignore[valid-type]
):
    """blended = picture + sum over neighbours of share (neighbour - pixel); `transposed`, the transposed map, which
    takes gradients by `blended` to gradients by `picture`."""
    n, part = wp.tid()
    height, width = picture.shape[1], picture.shape[2]
    points = vertices[n]
    for pixel in range(part * span, wp.min((part + 1) * span, height * width)):
        row = pixel // width
        column = pixel - row * width
        for channel in range(picture.shape[3]):
            blended[n, row, column, channel] = picture[n, row, column, channel]
        for direction in range(4):
            share = received(points, sides[n], row, column, direction)
            if share != share.dtype(0.0):
                step = 1 - 2 * (direction // 2)
                other_row = row + step * (direction % 2)
                other_column = column + step * (1 - direction % 2)
                gives = share < share.dtype(0.0)
                for channel in range(picture.shape[3]):
                    here = picture[n, row, column, channel]
                    there = picture[n, other_row, other_column, channel]
                    change = here - here
                    if transposed:
                        change = wp.where(gives, -share * there, -share * here)
                    elif not gives:
                        change = share * (there - here)
                    blended[n, row, column, channel] = blended[n, row, column, channel] + change


@wp.kernel
def move_silhouettes(
    picture: wp.array4d(dtype=Any),  # type: ignore[valid-type]
    vertices: wp.array2d(dtype=Any),  # type: ignore[valid-type]
    sides: wp.array4d(dtype=wp.vec2i),  # type: ignore[valid-type]
    by_blended: wp.array4d(dtype=Any),  # type: ignore[valid-type]
    span: wp.int32,
    by_vertices: wp.array2d(dtype=Any),  # type: ignore[valid-type]
):
    """Gradient by vertices, added to by_vertices: a crossing that moves by one pixel along its axis gives the receiving
    pixel the difference of the two colours."""
    n, part = wp.tid()
    height, width = picture.shape[1], picture.shape[2]
    points = vertices[n]
    for pixel in range(part * span, wp.min((part + 1) * span, height * width)):
        row = pixel // width
        column = pixel - row * width
        for axis in range(2):
            side = sides[n, row, column, axis]
            if side[0] >= 0:
                p = points[side[0]]
                q = points[side[1]]
                offset = middle_offset(p, q, row, column, axis)
                zero = offset.dtype(0.0)
                second_row = row + axis
                second_column = column + 1 - axis
                total = offset.dtype(0.0)
                for channel in range(picture.shape[3]):
                    receiver = by_blended[n, row, column, channel]
                    if offset > zero:
                        receiver = by_blended[n, second_row, second_column, channel]
                    first = picture[n, row, column, channel]
                    total += receiver * (first - picture[n, second_row, second_column, channel])
                other = 1 - axis
                u = q[axis] - p[axis]
                v = q[other] - p[other]
                squared = u * u + v * v
                line = zero.dtype(wp.where(axis == 0, row, column)) + zero.dtype(0.5)
                s = (line - p[other]) / v
                # Moving an end moves the crossing and turns the side, which changes the share of this axis.
                turn = zero.dtype(2.0) * offset * u * v / (squared * squared)
                by_p = p - p
                by_p[axis] = total * ((zero.dtype(1.0) - s) * v * v / squared + turn * v)
                by_p[other] = -total * ((zero.dtype(1.0) - s) * u * v / squared + turn * u)
                by_q = p - p
                by_q[axis] = total * (s * v * v / squared - turn * v)
                by_q[other] = -total * (s * u * v / squared - turn * u)
                wp.atomic_add(by_vertices, n, side[0], by_p)
                wp.atomic_add(by_vertices, n, side[1], by_q)


def launch_find_silhouettes(
    vertices: torch.Tensor,
    triangles: torch.Tensor,
    neighbours: torch.Tensor,
    triangle_id: torch.Tensor,
    depth: torch.Tensor,
) -> torch.Tensor:
    """Sides (N, H, W, 2, 2) int32, vertex pairs or -1, from vertices (N, V, 3) and depth (N, H, W) float32."""
    start_warp()
    sides = torch.full((*triangle_id.shape, 2, 2), -1, dtype=torch.int32, device=triangle_id.device)
    dim, span = pixel_spans(triangle_id)
    wp.launch(
        find_silhouettes,
        dim=dim,
        inputs=[
            wp.from_torch(vertices, dtype=wp.vec3),
            wp.from_torch(triangles, dtype=wp.vec3i),
            wp.from_torch(neighbours),
            wp.from_torch(triangle_id),
            wp.from_torch(depth),
            span,
            wp.from_torch(sides, dtype=wp.vec2i),
        ],
        device=wp.device_from_torch(triangle_id.device),
    )
    return sides


def launch_blend(picture: torch.Tensor, vertices: torch.Tensor, sides: torch.Tensor, transposed: bool) -> torch.Tensor:
    """(N, H, W, C) blended, or gradients taken back; see the kernel."""
    start_warp()
    blended = torch.empty_like(picture)
    dim, span = pixel_spans(picture)
    wp.launch(
        blend,
        dim=dim,
        inputs=[
            wp.from_torch(picture.detach()),
            wp.from_torch(vertices.detach(), dtype=VECTORS[vertices.dtype]),
            wp.from_torch(sides, dtype=wp.vec2i),
            span,
            transposed,
            wp.from_torch(blended),
        ],
        device=wp.device_from_torch(picture.device),
    )
    return blended


def launch_move_silhouettes(
    picture: torch.Tensor, vertices: torch.Tensor, sides: torch.Tensor, by_blended: torch.Tensor
) -> torch.Tensor:
    """Gradient (N, V, 3) by vertices."""
    start_warp()
    by_vertices = torch.zeros_like(vertices)
    vector = VECTORS[vertices.dtype]
    dim, span = pixel_spans(picture)
    wp.launch(
        move_silhouettes,
        dim=dim,
        inputs=[
            wp.from_torch(picture.detach()),
            wp.from_torch(vertices.detach(), dtype=vector),
            wp.from_torch(sides, dtype=wp.vec2i),
            wp.from_torch(by_blended),
            span,
            wp.from_torch(by_vertices, dtype=vector),
        ],
        device=wp.device_from_torch(picture.device),
    )
    return by_vertices
