"""Kernels of profiling: where each new pixel comes from in the photo, and whether a camera saw it."""

from typing import Any

import numpy as np
import torch
import warp as wp
from numpy.typing import NDArray

from synthgen.motion.anchors import BEHIND_HEAD_MM
from synthgen.raster.fragments import Fragments
from synthgen.raster.kernel_choice import takes_cuda_kernels
from synthgen.raster.warp_start import EXACT_FLOATS, start_warp

wp.set_module_options(EXACT_FLOATS)

# A pixel is invented where turning stretches the photo to more than four times its area, or
MOST_STRETCH = 4.0
STRETCHED = 2.0  # times its area: from here on skin may show streaks (warp_paint)
# A surface point is hidden in the photo when this much, mm, behind all of the head's four nearest pixels: half a pixel
# of a surface seen at 80 degrees, at 2 px/mm.
HIDDEN_MM = 1.5


# ... or what it shows lies farther than this, px, from where it was in the photo.
MOST_SHIFT = 0.25


@wp.struct
class Mesh:
    """triangles: (T,), head_triangles of the head first; scale: (N,), by which the picture is enlarged after the turn;
    place_xy, shown_xy: (N, V), where a vertex is in the photo and what it shows; source: (N, V), camera space of the
    photo; behind: mm by which the background is drawn farther away; moved: (N, V), new picture; front_depth: (N, Hs,
    Ws)."""

    triangles: wp.array(dtype=wp.vec3i)  # type: ignore[valid-type]
    head_triangles: wp.int32
    perspective: wp.bool
    scale: wp.array(dtype=wp.float32)  # type: ignore[valid-type]
    place_xy: wp.array2d(dtype=wp.vec2)  # type: ignore[valid-type]
    shown_xy: wp.array2d(dtype=wp.vec2)  # type: ignore[valid-type]
    source: wp.array2d(dtype=wp.vec3)  # type: ignore[valid-type]
    behind: wp.float32
    moved: wp.array2d(dtype=wp.vec3)  # type: ignore[valid-type]
    front_depth: wp.array3d(dtype=wp.float32)  # type: ignore[valid-type]


@wp.func
def doubled_area(a: wp.vec2, b: wp.vec2, c: wp.vec2) -> wp.float32:
    """Positive where the triangle faces the camera."""
    return (b[1] - a[1]) * (c[0] - a[0]) - (b[0] - a[0]) * (c[1] - a[1])


@wp.func
def front_at(front_depth: wp.array3d(dtype=wp.float32), n: wp.int32, x: wp.float32, y: wp.float32) -> wp.float32:  # type: ignore[valid-type]
    """Farthest depth among the four pixels about a point; infinite where one of them shows no head."""
    farthest = float(-1.0e30)
    column = int(wp.floor(x - 0.5))
    row = int(wp.floor(y - 0.5))
    for j in range(2):
        for i in range(2):
            r = wp.clamp(row + j, 0, front_depth.shape[1] - 1)
            c = wp.clamp(column + i, 0, front_depth.shape[2] - 1)
            depth = front_depth[n, r, c]
            if not (depth == depth):
                depth = 1.0e30
            farthest = wp.max(farthest, depth)
    return farthest


@wp.func
def photo_weights(mesh: Mesh, source: wp.array(dtype=wp.vec3), t: wp.int32, b: wp.vec3) -> wp.vec3:  # type: ignore[valid-type]
    """Weights of the corners of triangle t at the place in the photo of a point with weights b on the new surface."""
    if not mesh.perspective:
        return b
    # What is linear on the surface is projective in the photo.
    k = mesh.triangles[t]
    behind = float(0.0)
    if t >= mesh.head_triangles:
        behind = mesh.behind
    w = wp.vec3(
        b[0] * (source[k[0]][2] + behind),
        b[1] * (source[k[1]][2] + behind),
        b[2] * (source[k[2]][2] + behind),
    )
    return w / (w[0] + w[1] + w[2])


@wp.kernel
def find_mirrored(
    triangle_id: wp.array3d(dtype=wp.int32),  # type: ignore[valid-type]
    barycentric: wp.array3d(dtype=wp.vec3),  # type: ignore[valid-type]
    mesh: Mesh,
    better_seen: wp.array2d(dtype=wp.float32),  # type: ignore[valid-type]
    span: wp.int32,
    source_map: wp.array3d(dtype=wp.vec2),  # type: ignore[valid-type]
    share: wp.array3d(dtype=wp.float32),  # type: ignore[valid-type]
):
    """Where mirrored pictures come from, and their share (N, H, W); the planes come in as NaN and 0."""
    n, row, part = wp.tid()
    ids = triangle_id[n][row]
    better = better_seen[n]
    shown_xy = mesh.shown_xy[n]
    for column in range(part * span, (part + 1) * span):
        t = ids[column]
        if t >= 0:
            k = mesh.triangles[t]
            b = barycentric[n, row, column]
            much = b[0] * better[k[0]] + b[1] * better[k[1]] + b[2] * better[k[2]]
            if much > 0.0:
                w = photo_weights(mesh, mesh.source[n], t, b)
                source_map[n, row, column] = w[0] * shown_xy[k[0]] + w[1] * shown_xy[k[1]] + w[2] * shown_xy[k[2]]
                share[n, row, column] = wp.min(much, 1.0)


@wp.kernel
def find_sources(
    triangle_id: wp.array3d(dtype=wp.int32),  # type: ignore[valid-type]
    barycentric: wp.array3d(dtype=wp.vec3),  # type: ignore[valid-type]
    mesh: Mesh,
    span: wp.int32,
    source_map: wp.array3d(dtype=wp.vec2),  # type: ignore[valid-type]
    invented: wp.array3d(dtype=wp.bool),  # type: ignore[valid-type]
    stretched: wp.array3d(dtype=wp.bool),  # type: ignore[valid-type]
):
    """One thread works on `span` pixels of a row."""
    n, row, part = wp.tid()
    width = float(mesh.front_depth.shape[2])
    height = float(mesh.front_depth.shape[1])
    scale = mesh.scale[n]
    ids = triangle_id[n][row]
    weights = barycentric[n][row]
    places = source_map[n][row]
    made = invented[n][row]
    skin = stretched[n][row]
    source = mesh.source[n]
    place_xy = mesh.place_xy[n]
    shown_xy = mesh.shown_xy[n]
    moved = mesh.moved[n]
    for column in range(part * span, (part + 1) * span):
        t = ids[column]
        if t < 0:
            places[column] = wp.vec2(wp.nan, wp.nan)
            made[column] = True
            skin[column] = False
            continue
        k = mesh.triangles[t]
        b = weights[column]
        w = photo_weights(mesh, source, t, b)
        shown = w[0] * shown_xy[k[0]] + w[1] * shown_xy[k[1]] + w[2] * shown_xy[k[2]]
        places[column] = shown
        pa = place_xy[k[0]]
        pb = place_xy[k[1]]
        pc = place_xy[k[2]]
        ma = moved[k[0]]
        mb = moved[k[1]]
        mc = moved[k[2]]
        now = doubled_area(wp.vec2(ma[0], ma[1]), wp.vec2(mb[0], mb[1]), wp.vec2(mc[0], mc[1]))
        before = doubled_area(pa, pb, pc) * scale * scale
        made_up = before * MOST_STRETCH < now
        skin[column] = t < mesh.head_triangles and before * STRETCHED < now
        if shown[0] < 0.0 or shown[1] < 0.0 or shown[0] > width or shown[1] > height:
            made_up = True
        if t < mesh.head_triangles and not made_up:
            place = w[0] * pa + w[1] * pb + w[2] * pc
            depth = b[0] * source[k[0]][2] + b[1] * source[k[1]][2] + b[2] * source[k[2]][2]
            made_up = wp.length(place - shown) > MOST_SHIFT
            if not made_up:
                made_up = depth > front_at(mesh.front_depth, n, shown[0], shown[1]) + HIDDEN_MM
        made[column] = made_up


def launch_source_map(
    fragments: Fragments, mesh: Any, moved: torch.Tensor, shown_xy: torch.Tensor, scale: NDArray[np.floating]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """source_map (N, H, W, 2) float32, invented and, of heads, stretched (N, H, W) bool, for pictures' `fragments`.

    scale: (N,), by which the pictures were enlarged after the turn, which is no stretching of the surface."""
    start_warp()
    count, height, width = fragments.triangle_id.shape
    span = 1 if takes_cuda_kernels(moved) else width
    source_map = moved.new_empty((count, height, width, 2))
    invented = torch.empty((count, height, width), dtype=torch.bool, device=moved.device)
    stretched = torch.empty_like(invented)
    kernel_mesh = mesh_struct(mesh, moved, shown_xy, scale)
    wp.launch(
        find_sources,
        dim=(count, height, width // span),
        inputs=[
            wp.from_torch(fragments.triangle_id),
            wp.from_torch(fragments.barycentric, dtype=wp.vec3),
            kernel_mesh,
            span,
            wp.from_torch(source_map, dtype=wp.vec2),
            wp.from_torch(invented),
            wp.from_torch(stretched),
        ],
        device=wp.device_from_torch(moved.device),
    )
    return source_map, invented, stretched


def launch_mirrored_map(
    fragments: Fragments, mesh: Any, moved: torch.Tensor, shown_xy: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """source_map (N, H, W, 2) float32, NaN where nothing is better seen than its mirror image, and share (N, H, W)."""
    start_warp()
    count, height, width = fragments.triangle_id.shape
    span = 1 if takes_cuda_kernels(moved) else width
    source_map = moved.new_full((count, height, width, 2), float("nan"))
    share = moved.new_zeros((count, height, width))
    wp.launch(
        find_mirrored,
        dim=(count, height, width // span),
        inputs=[
            wp.from_torch(fragments.triangle_id),
            wp.from_torch(fragments.barycentric, dtype=wp.vec3),
            mesh_struct(mesh, moved, shown_xy, np.ones(count)),
            wp.from_torch(mesh.better_seen),
            span,
            wp.from_torch(source_map, dtype=wp.vec2),
            wp.from_torch(share),
        ],
        device=wp.device_from_torch(moved.device),
    )
    return source_map, share


def mesh_struct(mesh: Any, moved: torch.Tensor, shown_xy: torch.Tensor, scale: NDArray[np.floating]) -> Mesh:
    """The same for kernels, without a copy."""
    kernel_mesh = Mesh()
    kernel_mesh.triangles = wp.from_torch(mesh.triangles, dtype=wp.vec3i)
    kernel_mesh.head_triangles = mesh.head_triangles
    kernel_mesh.perspective = mesh.cameras.perspective
    kernel_mesh.scale = wp.from_torch(torch.from_numpy(scale.astype(np.float32)).to(moved.device))
    kernel_mesh.place_xy = wp.from_torch(mesh.source_xy, dtype=wp.vec2)
    kernel_mesh.shown_xy = wp.from_torch(shown_xy, dtype=wp.vec2)
    kernel_mesh.source = wp.from_torch(mesh.vertices_camera, dtype=wp.vec3)
    kernel_mesh.behind = BEHIND_HEAD_MM
    kernel_mesh.moved = wp.from_torch(moved, dtype=wp.vec3)
    kernel_mesh.front_depth = wp.from_torch(mesh.front_depth)
    return kernel_mesh
