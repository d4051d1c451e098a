"""Kernel of `raster.labelled`."""

import torch
import warp as wp

from synthgen.raster.fragments import Fragments
from synthgen.raster.kernel_choice import takes_cuda_kernels
from synthgen.raster.warp_start import EXACT_FLOATS, start_warp

wp.set_module_options(EXACT_FLOATS)


@wp.struct
class Planes:
    """Fragments as arrays (N, H, W)."""

    triangle_id: wp.array3d(dtype=wp.int32)  # type: ignore[valid-type]
    barycentric: wp.array3d(dtype=wp.vec3)  # type: ignore[valid-type]
    depth: wp.array3d(dtype=wp.float32)  # type: ignore[valid-type]


@wp.kernel
def label_surface(
    planes: Planes,
    triangles: wp.array(dtype=wp.vec3i),  # type: ignore[valid-type]
    label_count: wp.int32,
    normals: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    rotation: wp.array(dtype=wp.mat33),  # type: ignore[valid-type]
    smooth: wp.array3d(dtype=wp.vec3),  # type: ignore[valid-type]
    span: wp.int32,
):
    """One thread works on `span` pixels of a row."""
    n, row, part = wp.tid()
    nothing = wp.vec3(wp.nan, wp.nan, wp.nan)
    turn = rotation[n]
    for column in range(part * span, (part + 1) * span):
        t = planes.triangle_id[n, row, column]
        if t >= 0 and t < label_count:
            b = planes.barycentric[n, row, column]
            corners = triangles[t]
            normal = b[0] * normals[n, corners[0]] + b[1] * normals[n, corners[1]] + b[2] * normals[n, corners[2]]
            smooth[n, row, column] = turn * wp.normalize(normal)
        else:
            smooth[n, row, column] = nothing
            if t >= 0:
                planes.triangle_id[n, row, column] = -1
                planes.barycentric[n, row, column] = nothing
                planes.depth[n, row, column] = wp.nan


def launch_label_surface(
    fragments: Fragments,
    triangles: torch.Tensor,
    label_count: int,
    normals: tuple[torch.Tensor, torch.Tensor],
    smooth: torch.Tensor,
) -> None:
    """Empty what carries no labels and fill `smooth`, from checked input; normals: per vertex, and how they turn."""
    start_warp()
    count, height, width = fragments.triangle_id.shape
    span = 1 if takes_cuda_kernels(fragments.triangle_id) else width
    wp.launch(
        label_surface,
        dim=(count, height, width // span),
        inputs=[
            _planes(fragments),
            wp.from_torch(triangles, dtype=wp.vec3i),
            label_count,
            wp.from_torch(normals[0], dtype=wp.vec3),
            wp.from_torch(normals[1], dtype=wp.mat33),
            wp.from_torch(smooth, dtype=wp.vec3),
            span,
        ],
        device=wp.device_from_torch(fragments.triangle_id.device),
    )


def _planes(fragments: Fragments) -> Planes:
    planes = Planes()
    planes.triangle_id = wp.from_torch(fragments.triangle_id)
    planes.barycentric = wp.from_torch(fragments.barycentric, dtype=wp.vec3)
    planes.depth = wp.from_torch(fragments.depth)
    return planes
