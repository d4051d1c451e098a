"""Kernels of the velocity of pixels: in the face from the surface points in the frames around, then beside it."""

import torch
import warp as wp

from synthgen.labels.view_geometry import ViewGeometry
from synthgen.raster.warp_start import EXACT_FLOATS, start_warp

wp.set_module_options(EXACT_FLOATS)

# Stands for no face pixel: farther away than any.
NOWHERE = wp.constant(wp.int32(1 << 14))


@wp.func
def place_in(
    vertices: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    n: wp.int32,
    k: wp.vec3i,
    weights: wp.vec3,
    perspective: wp.bool,
) -> wp.vec2:
    """Image in frame n of the point with these surface weights; in perspective corners count by their depths."""
    a = vertices[n, k[0]]
    b = vertices[n, k[1]]
    c = vertices[n, k[2]]
    w = weights
    if perspective:
        w = wp.vec3(weights[0] * a[2], weights[1] * b[2], weights[2] * c[2])
    total = w[0] + w[1] + w[2]
    return wp.vec2(w[0] * a[0] + w[1] * b[0] + w[2] * c[0], w[0] * a[1] + w[1] * b[1] + w[2] * c[1]) / total


@wp.kernel
def face_velocities(
    vertices: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    triangles: wp.array(dtype=wp.vec3i),  # type: ignore[valid-type]
    own: wp.array3d(dtype=wp.int32),  # type: ignore[valid-type]
    weights: wp.array3d(dtype=wp.vec3),  # type: ignore[valid-type]
    perspective: wp.bool,
    span: wp.int32,
    velocity: wp.array3d(dtype=wp.vec2),  # type: ignore[valid-type]
):
    """One thread takes `span` columns of a row; pixels without face are left alone."""
    n, row, part = wp.tid()
    for column in range(part * span, (part + 1) * span):
        t = own[n, row, column]
        if t >= 0:
            here = wp.vec2(float(column) + 0.5, float(row) + 0.5)
            total = wp.vec2(0.0, 0.0)
            steps = float(0.0)
            if n > 0:
                total += here - place_in(vertices, n - 1, triangles[t], weights[n, row, column], perspective)
                steps += 1.0
            if n + 1 < own.shape[0]:
                total += place_in(vertices, n + 1, triangles[t], weights[n, row, column], perspective) - here
                steps += 1.0
            velocity[n, row, column] = total / wp.max(steps, 1.0)


@wp.func
def go_by(nearest: wp.array2d(dtype=wp.vec2i), row: wp.int32, column: wp.int32, down: wp.int32, right: wp.int32):  # type: ignore[valid-type]
    """Take the way to a face pixel by a neighbour where it is shorter."""
    y = row + down
    x = column + right
    if y >= 0 and y < nearest.shape[0] and x >= 0 and x < nearest.shape[1]:
        way = nearest[y, x] + wp.vec2i(right, down)
        own = nearest[row, column]
        if way[0] * way[0] + way[1] * way[1] < own[0] * own[0] + own[1] * own[1]:
            nearest[row, column] = way


@wp.kernel
def spread_velocities(
    own: wp.array3d(dtype=wp.int32),  # type: ignore[valid-type]
    nearest_face: wp.array3d(dtype=wp.vec2i),  # type: ignore[valid-type]
    picture: wp.array3d(dtype=wp.vec2),  # type: ignore[valid-type]
    reach: wp.float32,
    velocity: wp.array3d(dtype=wp.vec2),  # type: ignore[valid-type]
):
    """One thread takes a frame: offsets to the nearest face pixels by two sweeps (Danielsson), then what is there.

    picture: the velocity without a face; reach: of the face's motion, in times the root of its area.
    """
    n = wp.tid()
    height = own.shape[1]
    width = own.shape[2]
    nearest = nearest_face[n]
    area = float(0.0)
    for row in range(height):
        for column in range(width):
            nearest[row, column] = wp.vec2i(NOWHERE, NOWHERE)
            if own[n, row, column] >= 0:
                nearest[row, column] = wp.vec2i(0, 0)
                area += 1.0
    for row in range(height):
        for column in range(width):
            go_by(nearest, row, column, -1, -1)
            go_by(nearest, row, column, -1, 0)
            go_by(nearest, row, column, -1, 1)
            go_by(nearest, row, column, 0, -1)
        for i in range(width):
            go_by(nearest, row, width - 1 - i, 0, 1)
    for j in range(height):
        row = height - 1 - j
        for i in range(width):
            column = width - 1 - i
            go_by(nearest, row, column, 1, -1)
            go_by(nearest, row, column, 1, 0)
            go_by(nearest, row, column, 1, 1)
            go_by(nearest, row, column, 0, 1)
        for column in range(width):
            go_by(nearest, row, column, 0, -1)
    limit = wp.max(reach * wp.sqrt(area), 1.0)
    for row in range(height):
        for column in range(width):
            way = nearest[row, column]
            distance = wp.sqrt(float(way[0]) * float(way[0]) + float(way[1]) * float(way[1]))
            if distance > 0.0 and distance < limit and area > 0.0:
                share = 1.0 - distance / limit
                y = row + way[1]
                x = column + way[0]
                residual = velocity[n, y, x] - picture[n, y, x]
                velocity[n, row, column] += share * share * (3.0 - 2.0 * share) * residual


def launch_picture_velocities(
    geometry: ViewGeometry, triangles: torch.Tensor, picture: torch.Tensor, reach: float
) -> torch.Tensor:
    """(F, H, W, 2) float32 px; picture: the same, velocities without a face."""
    start_warp()
    ids = geometry.fragments.triangle_id
    count, height, width = ids.shape
    device = wp.device_from_torch(ids.device)
    span = width if ids.device.type == "cpu" else 1
    velocity = picture.clone()
    own, moved = wp.from_torch(ids.contiguous()), wp.from_torch(velocity, dtype=wp.vec2)
    surface = [
        wp.from_torch(geometry.vertices_image.contiguous(), dtype=wp.vec3),
        wp.from_torch(triangles, dtype=wp.vec3i),
        own,
        wp.from_torch(geometry.fragments.barycentric.contiguous(), dtype=wp.vec3),
        geometry.cameras.perspective,
        span,
        moved,
    ]
    wp.launch(face_velocities, dim=(count, height, width // span), inputs=surface, device=device)
    nearest = torch.empty((count, height, width, 2), dtype=torch.int32, device=ids.device)
    around = [own, wp.from_torch(nearest, dtype=wp.vec2i), wp.from_torch(picture, dtype=wp.vec2), reach, moved]
    wp.launch(spread_velocities, dim=count, inputs=around, device=device)
    return velocity
