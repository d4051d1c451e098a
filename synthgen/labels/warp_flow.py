"""Kernel of `labels.flow`."""

import torch
import warp as wp

from synthgen.geometry.camera import Cameras
from synthgen.raster.fragments import Fragments
from synthgen.raster.warp_start import EXACT_FLOATS, start_warp

wp.set_module_options(EXACT_FLOATS)


@wp.struct
class Surface:
    """Source pixels: triangle_id (N, H, W) and barycentric (N, H, W); triangles (T,)."""

    triangle_id: wp.array3d(dtype=wp.int32)  # type: ignore[valid-type]
    barycentric: wp.array3d(dtype=wp.vec3)  # type: ignore[valid-type]
    triangles: wp.array(dtype=wp.vec3i)  # type: ignore[valid-type]
    label_count: wp.int32


@wp.struct
class Lens:
    """Target cameras: focal (N,), principal (N,)."""

    focal: wp.array(dtype=wp.float32)  # type: ignore[valid-type]
    principal: wp.array(dtype=wp.vec2)  # type: ignore[valid-type]
    perspective: wp.bool
    near: wp.float32


@wp.kernel
def trace_end_points(
    surface: Surface,
    vertices: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    lens: Lens,
    span: wp.int32,
    flow: wp.array3d(dtype=wp.vec2),  # type: ignore[valid-type]
    depth: wp.array3d(dtype=wp.float32),  # type: ignore[valid-type]
):
    """One thread takes `span` pixels of a row; flow and depth come in as NaN."""
    n, row, part = wp.tid()
    points = vertices[n]
    focal = lens.focal[n]
    principal = lens.principal[n]
    for column in range(part * span, (part + 1) * span):
        t = surface.triangle_id[n, row, column]
        if t >= 0 and t < surface.label_count:
            b = surface.barycentric[n, row, column]
            k = surface.triangles[t]
            p = b[0] * points[k[0]] + b[1] * points[k[1]] + b[2] * points[k[2]]
            depth[n, row, column] = p[2]
            scale = focal
            if lens.perspective:
                scale = focal / p[2]
            if (not lens.perspective) or p[2] >= lens.near:
                flow[n, row, column] = wp.vec2(
                    scale * p[0] + (principal[0] - (float(column) + 0.5)),
                    scale * p[1] + (principal[1] - (float(row) + 0.5)),
                )


def launch_end_points(
    fragments: Fragments,
    vertices_camera: torch.Tensor,
    cameras: Cameras,
    triangles: torch.Tensor,
    limits: tuple[int, float],
) -> tuple[torch.Tensor, torch.Tensor]:
    """flow (N, H, W, 2) and depth (N, H, W) of checked input; limits: label_count, near."""
    start_warp()
    place = vertices_camera.device
    surface = Surface()
    surface.triangle_id = wp.from_torch(fragments.triangle_id)
    surface.barycentric = wp.from_torch(fragments.barycentric.detach(), dtype=wp.vec3)
    surface.triangles = wp.from_torch(triangles, dtype=wp.vec3i)
    surface.label_count = limits[0]
    lens = Lens()
    lens.focal = wp.from_torch(cameras.focal.contiguous())
    lens.principal = wp.from_torch(cameras.principal.contiguous(), dtype=wp.vec2)
    lens.perspective = cameras.perspective
    lens.near = limits[1]
    count, height, width = fragments.triangle_id.shape
    flow = torch.full((count, height, width, 2), float("nan"), device=place)
    depth = torch.full((count, height, width), float("nan"), device=place)
    span = width if place.type == "cpu" else 1
    points = wp.from_torch(vertices_camera.detach(), dtype=wp.vec3)
    outputs = [wp.from_torch(flow, dtype=wp.vec2), wp.from_torch(depth)]
    wp.launch(
        trace_end_points,
        dim=(count, height, width // span),
        inputs=[surface, points, lens, span, *outputs],
        device=wp.device_from_torch(place),
    )
    return flow, depth
