"""Kernels of profiling: where each new pixel comes from in the photo, whether a camera saw it, and its colour."""

from typing import Any

import numpy as np
import torch
import warp as wp
from numpy.typing import NDArray

from synthgen.motion.anchors import BEHIND_HEAD_MM
from synthgen.raster.fragments import Fragments
from synthgen.raster.warp_start import EXACT_FLOATS, start_warp

wp.set_module_options(EXACT_FLOATS)

# A pixel is invented where turning stretches the photo to more than four times its area, or
MOST_STRETCH = 4.0
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


@wp.kernel
def find_sources(
    triangle_id: wp.array3d(dtype=wp.int32),  # type: ignore[valid-type]
    barycentric: wp.array3d(dtype=wp.vec3),  # type: ignore[valid-type]
    mesh: Mesh,
    span: wp.int32,
    source_map: wp.array3d(dtype=wp.vec2),  # type: ignore[valid-type]
    invented: wp.array3d(dtype=wp.bool),  # type: ignore[valid-type]
):
    """One thread works on `span` pixels of a row."""
    n, row, part = wp.tid()
    width = float(mesh.front_depth.shape[2])
    height = float(mesh.front_depth.shape[1])
    for column in range(part * span, (part + 1) * span):
        t = triangle_id[n, row, column]
        if t < 0:
            source_map[n, row, column] = wp.vec2(wp.nan, wp.nan)
            invented[n, row, column] = True
            continue
        k = mesh.triangles[t]
        b = barycentric[n, row, column]
        w = b
        if mesh.perspective:
            # What is linear on the surface is projective in the photo.
            behind = float(0.0)
            if t >= mesh.head_triangles:
                behind = mesh.behind
            za = mesh.source[n, k[0]][2] + behind
            zb = mesh.source[n, k[1]][2] + behind
            zc = mesh.source[n, k[2]][2] + behind
            w = wp.vec3(b[0] * za, b[1] * zb, b[2] * zc)
            w = w / (w[0] + w[1] + w[2])
        shown = w[0] * mesh.shown_xy[n, k[0]] + w[1] * mesh.shown_xy[n, k[1]] + w[2] * mesh.shown_xy[n, k[2]]
        source_map[n, row, column] = shown
        pa = mesh.place_xy[n, k[0]]
        pb = mesh.place_xy[n, k[1]]
        pc = mesh.place_xy[n, k[2]]
        ma = mesh.moved[n, k[0]]
        mb = mesh.moved[n, k[1]]
        mc = mesh.moved[n, k[2]]
        now = doubled_area(wp.vec2(ma[0], ma[1]), wp.vec2(mb[0], mb[1]), wp.vec2(mc[0], mc[1]))
        scale = mesh.scale[n]
        made_up = doubled_area(pa, pb, pc) * scale * scale * MOST_STRETCH < now
        if shown[0] < 0.0 or shown[1] < 0.0 or shown[0] > width or shown[1] > height:
            made_up = True
        if not made_up:
            place = w[0] * pa + w[1] * pb + w[2] * pc
            made_up = wp.length(place - shown) > MOST_SHIFT
        if t < mesh.head_triangles and not made_up:
            depth = b[0] * mesh.source[n, k[0]][2] + b[1] * mesh.source[n, k[1]][2] + b[2] * mesh.source[n, k[2]][2]
            made_up = depth > front_at(mesh.front_depth, n, shown[0], shown[1]) + HIDDEN_MM
        invented[n, row, column] = made_up


@wp.kernel
def sample_bilinear(
    pixels: wp.array4d(dtype=wp.uint8),  # type: ignore[valid-type]
    source_map: wp.array3d(dtype=wp.vec2),  # type: ignore[valid-type]
    sampled: wp.array4d(dtype=wp.uint8),  # type: ignore[valid-type]
):
    """One thread works on a row."""
    n, row = wp.tid()
    height = pixels.shape[1]
    width = pixels.shape[2]
    columns = source_map.shape[2]
    seen = int(-1)
    for column in range(columns):
        place = source_map[n, row, column]
        if place[0] == place[0]:
            x = wp.clamp(place[0] - 0.5, 0.0, float(width - 1))
            y = wp.clamp(place[1] - 0.5, 0.0, float(height - 1))
            left = wp.min(int(x), width - 2)
            top = wp.min(int(y), height - 2)
            u = x - float(left)
            v = y - float(top)
            for channel in range(3):
                a = float(pixels[n, top, left, channel])
                b = float(pixels[n, top, left + 1, channel])
                c = float(pixels[n, top + 1, left, channel])
                d = float(pixels[n, top + 1, left + 1, channel])
                above = a + u * (b - a)
                below = c + u * (d - c)
                sampled[n, row, column, channel] = wp.uint8(above + v * (below - above) + 0.5)
            if seen < 0:
                for hole in range(column):
                    for channel in range(3):
                        sampled[n, row, hole, channel] = sampled[n, row, column, channel]
            seen = column
        elif seen >= 0:
            for channel in range(3):
                sampled[n, row, column, channel] = sampled[n, row, seen, channel]


def launch_source_map(
    fragments: Fragments, mesh: Any, moved: torch.Tensor, shown_xy: torch.Tensor, scale: NDArray[np.floating]
) -> tuple[torch.Tensor, torch.Tensor]:
    """source_map (N, H, W, 2) float32 and invented (N, H, W) bool of the pictures that `fragments` were drawn for.

    scale: (N,), by which the pictures were enlarged after the turn, which is no stretching of the surface."""
    start_warp()
    count, height, width = fragments.triangle_id.shape
    span = 1 if moved.is_cuda else width
    source_map = moved.new_empty((count, height, width, 2))
    invented = torch.empty((count, height, width), dtype=torch.bool, device=moved.device)
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
        ],
        device=wp.device_from_torch(moved.device),
    )
    return source_map, invented


def launch_sample_photo(pixels: torch.Tensor, source_map: torch.Tensor) -> torch.Tensor:
    """(N, H, W, 3) uint8 sampled from (N, Hs, Ws, 3) at (N, H, W, 2)."""
    start_warp()
    sampled = torch.zeros((*source_map.shape[:3], 3), dtype=torch.uint8, device=pixels.device)
    wp.launch(
        sample_bilinear,
        dim=(len(source_map), source_map.shape[1]),
        inputs=[
            wp.from_torch(pixels.contiguous()),
            wp.from_torch(source_map, dtype=wp.vec2),
            wp.from_torch(sampled),
        ],
        device=wp.device_from_torch(pixels.device),
    )
    return sampled
