"""Kernels that decide which points of a mesh's surface are hidden by the mesh itself, at exact sub-pixel positions.

The points are binned by pixel; then every front-facing triangle visits the pixels under its bounding box and marks the
points behind it. Binned by rows, the points under one row of a box lie next to each other in memory.
"""

from dataclasses import dataclass

import torch
import warp as wp

from synthgen.core.conventions import HIDDEN
from synthgen.labels.warp_hide_lanes import ListedMesh, launch_hide_listed
from synthgen.raster.fragments import FrontTriangles
from synthgen.raster.warp_rasterize import (
    barycentric_at,
    corners_of,
    covers,
    depth_at,
    edge_values,
    faces_camera,
    highest,
    is_drawable,
    lowest,
    setup_triangle,
)
from synthgen.raster.warp_start import EXACT_FLOATS, start_warp

wp.set_module_options(EXACT_FLOATS)

# The same number in `matchability` and `landmarks_visibility`.
HIDDEN_CODE = wp.constant(wp.uint8(HIDDEN))


@wp.func
def cell_of(point: wp.vec3, height: wp.int32, width: wp.int32) -> wp.int32:
    """Pixel that holds a point, row-major; -1 outside the frame and for NaN."""
    inside = point[0] >= 0.0 and point[1] >= 0.0 and point[0] < float(width) and point[1] < float(height)
    if not inside:
        return -1
    return int(point[1]) * width + int(point[0])


@wp.kernel
def count_points(
    points: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    height: wp.int32,
    width: wp.int32,
    span: wp.int32,
    count: wp.array2d(dtype=wp.int32),  # type: ignore[valid-type]
):
    n, part = wp.tid()
    for i in range(part * span, (part + 1) * span):
        cell = cell_of(points[n, i], height, width)
        if cell >= 0:
            wp.atomic_add(count, n, cell, 1)


@wp.kernel
def sort_points(
    points: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    height: wp.int32,
    width: wp.int32,
    span: wp.int32,
    bound: wp.array2d(dtype=wp.int32),  # type: ignore[valid-type]
    binned: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    origin: wp.array2d(dtype=wp.int32),  # type: ignore[valid-type]
):
    """bound holds each cell's end on entry and its start on return; origin is each binned point's index."""
    n, part = wp.tid()
    for i in range(part * span, (part + 1) * span):
        cell = cell_of(points[n, i], height, width)
        if cell >= 0:
            slot = wp.atomic_sub(bound, n, cell, 1) - 1
            binned[n, slot] = points[n, i]
            origin[n, slot] = i


@wp.struct
class Bins:
    """bound: (N, H W + 1) start of each pixel's points; points: (N, P); origin: (N, P) index of each."""

    bound: wp.array2d(dtype=wp.int32)  # type: ignore[valid-type]
    points: wp.array2d(dtype=wp.vec3)  # type: ignore[valid-type]
    origin: wp.array2d(dtype=wp.int32)  # type: ignore[valid-type]
    height: wp.int32
    width: wp.int32


@wp.struct
class Hiding:
    """own: (N, P) triangle that each point lies on; tolerance: mm by which a triangle must be nearer to hide."""

    own: wp.array2d(dtype=wp.int32)  # type: ignore[valid-type]
    perspective: wp.bool
    near: wp.float32
    tolerance: wp.float32


@wp.kernel
def hide_points(
    vertices: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    triangles: wp.array(dtype=wp.vec3i),  # type: ignore[valid-type]
    bins: Bins,
    rule: Hiding,
    span: wp.int32,
    code: wp.array2d(dtype=wp.uint8),  # type: ignore[valid-type]
):
    """One thread takes `span` triangles. Marking is idempotent, so the order of threads does not matter."""
    n, part = wp.tid()
    corners = vertices[n]
    bound = bins.bound[n]
    points = bins.points[n]
    origin = bins.origin[n]
    width = bins.width
    right = float(width)
    bottom = float(bins.height)
    for t in range(part * span, wp.min((part + 1) * span, triangles.shape[0])):
        k = corners_of(corners, triangles, t)
        if faces_camera(k):
            x0 = lowest(k.a[0], k.b[0], k.c[0])
            x1 = highest(k.a[0], k.b[0], k.c[0])
            y0 = lowest(k.a[1], k.b[1], k.c[1])
            y1 = highest(k.a[1], k.b[1], k.c[1])
            if x0 < right and x1 >= 0.0 and y0 < bottom and y1 >= 0.0 and is_drawable(k, rule.perspective, rule.near):
                first = int(wp.where(x0 > 0.0, x0, 0.0))
                last = int(wp.where(x1 < right - 1.0, x1, right - 1.0)) + 1
                row = int(wp.where(y0 > 0.0, y0, 0.0))
                end = int(wp.where(y1 < bottom - 1.0, y1, bottom - 1.0))
                front = lowest(k.a[2], k.b[2], k.c[2]) + rule.tolerance
                s = setup_triangle(k, corners, rule.perspective)
                while row <= end:
                    j = bound[row * width + first]
                    stop = bound[row * width + last]
                    while j < stop:
                        p = points[j]
                        e = edge_values(s, p[0], p[1])
                        # One branch that is seldom taken instead of four that cannot be predicted.
                        inside = lowest(e[0], e[1], e[2])
                        behind = p[2] - front
                        if wp.where(inside < behind, inside, behind) >= 0.0:
                            if covers(s, e) and depth_at(s, barycentric_at(s, e)) + rule.tolerance < p[2]:
                                i = origin[j]
                                if rule.own[n, i] != t:
                                    code[n, i] = HIDDEN_CODE
                        j += 1
                    row += 1


@wp.kernel
def hide_backs(
    vertices: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    triangles: wp.array(dtype=wp.vec3i),  # type: ignore[valid-type]
    own: wp.array2d(dtype=wp.int32),  # type: ignore[valid-type]
    span: wp.int32,
    code: wp.array2d(dtype=wp.uint8),  # type: ignore[valid-type]
):
    """Points on triangles that face away are hidden; own is -1 where there is no point."""
    n, part = wp.tid()
    corners = vertices[n]
    for i in range(part * span, (part + 1) * span):
        t = own[n, i]
        if t >= 0:
            if not faces_camera(corners_of(corners, triangles, t)):
                code[n, i] = HIDDEN_CODE


@dataclass(frozen=True)
class HidingMesh:
    """vertices_image: (N, V, 3) float32; triangles: (T, 3) int32; near, tolerance: mm; size: height, width.

    fronts: of this mesh's rasterisation with the same near and size; None where it is not known.
    """

    vertices_image: torch.Tensor
    triangles: torch.Tensor
    perspective: bool
    near: float
    tolerance: float
    size: tuple[int, int]
    fronts: FrontTriangles | None = None

    def arrays(self) -> list[wp.array]:
        """The two tensors as Warp arrays, without a copy."""
        vertices = wp.from_torch(self.vertices_image.detach(), dtype=wp.vec3)
        return [vertices, wp.from_torch(self.triangles, dtype=wp.vec3i)]


def launch_mark_hidden(points: torch.Tensor, own: torch.Tensor, mesh: HidingMesh, code: torch.Tensor) -> None:
    """Write 2 into code (N, P) uint8 where the mesh hides a point; points (N, P, 3) with NaN are left alone."""
    place = points.device
    if mesh.fronts is not None and place.type == "cpu":
        listed = ListedMesh(mesh.arrays(), mesh.fronts, mesh.perspective, mesh.tolerance, mesh.size)
        launch_hide_listed(points, own, listed, code)
        return
    device = wp.device_from_torch(place)
    count, point_count = own.shape
    height, width = mesh.size
    grid = wp.from_torch(points, dtype=wp.vec3)
    span = point_count if place.type == "cpu" else 1
    threads = (count, point_count // max(span, 1))
    bound = torch.zeros((count, height * width + 1), dtype=torch.int32, device=place)
    counting = [grid, height, width, span, wp.from_torch(bound)]
    wp.launch(count_points, dim=threads, inputs=counting, device=device)
    bins = Bins()
    bins.height, bins.width = height, width
    bins.bound = wp.from_torch(torch.cumsum(bound, dim=1, dtype=torch.int32))
    bins.points = wp.from_torch(torch.empty_like(points), dtype=wp.vec3)
    bins.origin = wp.from_torch(torch.empty_like(own))
    sorting = [grid, height, width, span, bins.bound, bins.points, bins.origin]
    wp.launch(sort_points, dim=threads, inputs=sorting, device=device)
    rule = Hiding()
    rule.own = wp.from_torch(own)
    rule.perspective, rule.near, rule.tolerance = mesh.perspective, mesh.near, mesh.tolerance
    span = max(len(mesh.triangles), 1) if place.type == "cpu" else 1
    threads = (count, len(mesh.triangles) // span)
    wp.launch(hide_points, dim=threads, inputs=[*mesh.arrays(), bins, rule, span, wp.from_torch(code)], device=device)


def launch_hidden_points(points: torch.Tensor, own: torch.Tensor, mesh: HidingMesh) -> torch.Tensor:
    """hidden (N, P) bool of checked input; see `labels.visibility`."""
    start_warp()
    code = torch.zeros(own.shape, dtype=torch.uint8, device=own.device)
    span = own.shape[1] if own.device.type == "cpu" else 1
    threads = (len(own), own.shape[1] // span)
    inputs = [*mesh.arrays(), wp.from_torch(own), span, wp.from_torch(code)]
    wp.launch(hide_backs, dim=threads, inputs=inputs, device=wp.device_from_torch(own.device))
    launch_mark_hidden(points, own, mesh, code)
    return code == HIDDEN
