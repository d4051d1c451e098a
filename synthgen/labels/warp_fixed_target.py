"""Kernels of `labels.fixed_target`, for the CPU."""

from typing import TYPE_CHECKING

import torch
import warp as wp

from synthgen.labels.view_geometry import ViewGeometry
from synthgen.labels.visibility import TOLERANCE_MM
from synthgen.labels.warp_matchability import (
    HIDDEN,
    IGNORED,
    INVENTED,
    MATCHABLE,
    NO_FACE,
    OCCLUDED_HERE,
    OUTSIDE,
    is_set,
)
from synthgen.raster.warp_rasterize import (
    Corners,
    barycentric_at,
    corners_of,
    covers,
    depth_at,
    edge_values,
    faces_camera,
    highest,
    lowest,
    setup_triangle,
)
from synthgen.raster.warp_start import EXACT_FLOATS, start_warp

if TYPE_CHECKING:
    from synthgen.labels.fixed_target import FixedTarget

wp.set_module_options(EXACT_FLOATS)

# Rounding moves a point by 1e-5 px out of its triangle. Triangles that share a corner meet at an edge where they are
# equally far away, so they have to overlap by this much to count; others count when they are this near.
REACH_PX = wp.constant(1.0e-3)


@wp.func
def side_gap(a: wp.vec3, b: wp.vec3, c: wp.vec3, k: Corners) -> wp.float32:
    """How far a triangle k lies beyond side ab of a triangle abc, px; negative: it reaches across."""
    nx = b[1] - a[1]
    ny = a[0] - b[0]
    length = wp.sqrt(nx * nx + ny * ny)
    if length == 0.0:
        return -1.0e30
    # Outwards: away from c.
    sign = wp.where((c[0] - a[0]) * nx + (c[1] - a[1]) * ny > 0.0, -1.0, 1.0) / length
    u = ((k.a[0] - a[0]) * nx + (k.a[1] - a[1]) * ny) * sign
    v = ((k.b[0] - a[0]) * nx + (k.b[1] - a[1]) * ny) * sign
    w = ((k.c[0] - a[0]) * nx + (k.c[1] - a[1]) * ny) * sign
    return lowest(u, v, w)


@wp.func
def gap_between(k: Corners, s: Corners) -> wp.float32:
    """Largest distance along a side's normal between two triangles in the picture, px; negative: they overlap."""
    first = highest(side_gap(k.a, k.b, k.c, s), side_gap(k.b, k.c, k.a, s), side_gap(k.c, k.a, k.b, s))
    second = highest(side_gap(s.a, s.b, s.c, k), side_gap(s.b, s.c, s.a, k), side_gap(s.c, s.a, s.b, k))
    return wp.max(first, second)


@wp.func
def share_corner(k: Corners, s: Corners) -> wp.bool:
    return (
        k.ia == s.ia or k.ia == s.ib or k.ia == s.ic
        or k.ib == s.ia or k.ib == s.ib or k.ib == s.ic
        or k.ic == s.ia or k.ic == s.ib or k.ic == s.ic
    )  # fmt: skip


@wp.kernel
def list_hiders(
    boxes: wp.uint64,
    front: wp.array(dtype=wp.int32),  # type: ignore[valid-type]
    vertices: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    triangles: wp.array(dtype=wp.vec3i),  # type: ignore[valid-type]
    tolerance: wp.float32,
    offset: wp.array(dtype=wp.int32),  # type: ignore[valid-type]
    hider: wp.array(dtype=wp.int32),  # type: ignore[valid-type]
    number: wp.array(dtype=wp.int32),  # type: ignore[valid-type]
):
    """Hiders of triangle t: counted in number[t], and written from offset[t] on where `hider` has room."""
    t = wp.tid()
    k = corners_of(vertices, triangles, t)
    found = int(0)
    if faces_camera(k):
        reach = wp.vec3(REACH_PX, REACH_PX, 0.0)
        low = wp.vec3(lowest(k.a[0], k.b[0], k.c[0]), lowest(k.a[1], k.b[1], k.c[1]), -3.0e38)
        farthest = highest(k.a[2], k.b[2], k.c[2]) - 0.5 * tolerance
        high = wp.vec3(highest(k.a[0], k.b[0], k.c[0]), highest(k.a[1], k.b[1], k.c[1]), farthest)
        query = wp.bvh_query_aabb(boxes, low - reach, high + reach)
        row = wp.int32(0)
        while wp.bvh_query_next(query, row):
            s = front[row]
            if s != t:
                other = corners_of(vertices, triangles, s)
                limit = wp.where(share_corner(k, other), -REACH_PX, REACH_PX)
                if gap_between(k, other) < limit:
                    if hider.shape[0] > 0:
                        hider[offset[t] + found] = s
                    found += 1
    number[t] = found


def launch_find_hiders(vertices: torch.Tensor, triangles: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """offset (T + 1,) and hider of vertices (V, 3) in the picture."""
    start_warp()
    corners = vertices[triangles.long()]  # (T, 3, 3)
    a, b, c = corners[..., :2].unbind(dim=1)
    facing = (b - a)[:, 1] * (c - a)[:, 0] - (b - a)[:, 0] * (c - a)[:, 1] > 0
    front = torch.nonzero(facing & torch.isfinite(corners).all(dim=(1, 2)))[:, 0]
    low, high = corners[front].amin(dim=1).contiguous(), corners[front].amax(dim=1).contiguous()
    boxes = wp.Bvh(wp.from_torch(low, dtype=wp.vec3), wp.from_torch(high, dtype=wp.vec3))
    inputs = [
        boxes.id,
        wp.from_torch(front.int()),
        wp.from_torch(vertices.contiguous(), dtype=wp.vec3),
        wp.from_torch(triangles, dtype=wp.vec3i),
        TOLERANCE_MM,
    ]
    number = torch.zeros(len(triangles), dtype=torch.int32)
    offset = torch.zeros(len(triangles) + 1, dtype=torch.int32)
    hider = torch.zeros(0, dtype=torch.int32)
    for _ in range(2):  # counts first, then writes
        outputs = [wp.from_torch(array) for array in (offset, hider, number)]
        wp.launch(list_hiders, dim=len(triangles), inputs=[*inputs, *outputs], device="cpu")
        offset[1:] = torch.cumsum(number, dim=0)
        if len(hider) == 0:
            hider = torch.zeros(max(int(offset[-1]), 1), dtype=torch.int32)
    return offset, hider


@wp.struct
class Target:
    """The fixed picture. vertices_camera, vertices_image: (V,); size: height, width."""

    vertices_camera: wp.array(dtype=wp.vec3)  # type: ignore[valid-type]
    vertices_image: wp.array(dtype=wp.vec3)  # type: ignore[valid-type]
    triangles: wp.array(dtype=wp.vec3i)  # type: ignore[valid-type]
    offset: wp.array(dtype=wp.int32)  # type: ignore[valid-type]
    hider: wp.array(dtype=wp.int32)  # type: ignore[valid-type]
    label_count: wp.int32
    focal: wp.float32
    principal: wp.vec2
    height: wp.int32
    width: wp.int32
    tolerance: wp.float32


@wp.func
def is_hidden(target: Target, t: wp.int32, x: wp.float32, y: wp.float32, z: wp.float32) -> wp.bool:
    """Whether a triangle is in front of a point of triangle t, by the rule of `warp_visibility`."""
    for i in range(target.offset[t], target.offset[t + 1]):
        k = corners_of(target.vertices_image, target.triangles, target.hider[i])
        s = setup_triangle(k, target.vertices_image, False)
        e = edge_values(s, x, y)
        if covers(s, e):
            if depth_at(s, barycentric_at(s, e)) + target.tolerance < z:
                return True
    return False


@wp.struct
class Source:
    """N pictures (N, H, W); masks without rows mean nowhere."""

    triangle_id: wp.array3d(dtype=wp.int32)  # type: ignore[valid-type]
    barycentric: wp.array3d(dtype=wp.vec3)  # type: ignore[valid-type]
    occluded: wp.array3d(dtype=wp.bool)  # type: ignore[valid-type]
    invented: wp.array3d(dtype=wp.bool)  # type: ignore[valid-type]
    ignored: wp.array3d(dtype=wp.bool)  # type: ignore[valid-type]


@wp.func
def reason_here(source: Source, n: wp.int32, row: wp.int32, column: wp.int32, reason: wp.uint8) -> wp.uint8:
    """The reason where the photo itself has none of its own."""
    if reason == MATCHABLE and is_set(source.occluded, n, row, column):
        reason = OCCLUDED_HERE
    if is_set(source.invented, n, row, column):
        reason = INVENTED
    if is_set(source.ignored, n, row, column):
        reason = IGNORED
    return reason


@wp.kernel
def match_fixed(
    source: Source,
    target: Target,
    flow: wp.array3d(dtype=wp.vec2),  # type: ignore[valid-type]
    code: wp.array3d(dtype=wp.uint8),  # type: ignore[valid-type]
):
    """One thread per row."""
    n, row = wp.tid()
    for column in range(source.triangle_id.shape[2]):
        t = source.triangle_id[n, row, column]
        move = wp.vec2(wp.nan, wp.nan)
        reason = NO_FACE
        if t >= 0 and t < target.label_count:
            b = source.barycentric[n, row, column]
            k = target.triangles[t]
            p = (
                b[0] * target.vertices_camera[k[0]]
                + b[1] * target.vertices_camera[k[1]]
                + b[2] * target.vertices_camera[k[2]]
            )
            move = wp.vec2(
                target.focal * p[0] + (target.principal[0] - (float(column) + 0.5)),
                target.focal * p[1] + (target.principal[1] - (float(row) + 0.5)),
            )
            x = float(column) + 0.5 + move[0]
            y = float(row) + 0.5 + move[1]
            reason = OUTSIDE
            if x >= 0.0 and y >= 0.0 and x < float(target.width) and y < float(target.height):
                reason = HIDDEN
                if faces_camera(corners_of(target.vertices_image, target.triangles, t)):
                    if not is_hidden(target, t, x, y, p[2]):
                        reason = MATCHABLE
            reason = reason_here(source, n, row, column, reason)
            if reason == IGNORED:
                move = wp.vec2(wp.nan, wp.nan)
        flow[n, row, column] = move
        code[n, row, column] = reason


def launch_match_fixed(
    source: ViewGeometry, target: "FixedTarget", triangles: torch.Tensor, label_count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """flow and code of checked input."""
    start_warp()
    one = target.geometry
    there = Target()
    there.vertices_camera = wp.from_torch(one.vertices_camera[0], dtype=wp.vec3)
    there.vertices_image = wp.from_torch(one.vertices_image[0], dtype=wp.vec3)
    there.triangles = wp.from_torch(triangles, dtype=wp.vec3i)
    there.offset, there.hider = wp.from_torch(target.offset), wp.from_torch(target.hider)
    there.label_count, there.tolerance = label_count, TOLERANCE_MM
    there.focal, there.principal = float(one.cameras.focal[0]), wp.vec2(*one.cameras.principal[0].tolist())
    there.height, there.width = one.fragments.triangle_id.shape[1:]
    here = Source()
    here.triangle_id = wp.from_torch(source.fragments.triangle_id)
    here.barycentric = wp.from_torch(source.fragments.barycentric, dtype=wp.vec3)
    nowhere = torch.zeros((0, 0, 0), dtype=torch.bool)
    for name, mask in (
        ("occluded", source.occluder_mask),
        ("invented", source.invented_mask),
        ("ignored", source.ignore_mask),
    ):
        setattr(here, name, wp.from_torch(nowhere if mask is None else mask))
    shape = source.fragments.triangle_id.shape
    flow, code = torch.empty((*shape, 2)), torch.empty(shape, dtype=torch.uint8)
    outputs = [wp.from_torch(flow, dtype=wp.vec2), wp.from_torch(code)]
    wp.launch(match_fixed, dim=tuple(shape[:2]), inputs=[here, there, *outputs], device="cpu")
    return flow, code
