"""Fragments that know how they move with the vertices: barycentric and depth as differentiable functions."""

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from synthgen.core.errors import UsageError
from synthgen.raster.check import check_same_device, check_tensor, check_triangles
from synthgen.raster.fragments import Fragments

FLOATS = (torch.float32, torch.float64)


def differentiable_fragments(
    fragments: Fragments, vertices_image: torch.Tensor, triangles: torch.Tensor, perspective: bool
) -> Fragments:
    """The same fragments with barycentric (N, H, W, 3) and depth (N, H, W) differentiable by the vertices.

    fragments: what `rasterize` made of these vertices in float32. vertices_image: (N, V, 3) float32 or float64,
    [x px, y px, depth mm]. triangles: (T, 3) int32. perspective: as in `rasterize`.
    The values are those of the rasteriser up to rounding, in the dtype of the vertices; the triangle at each pixel is
    taken as given. With edge functions e of the pixel centre and w_a = e_a z_b z_c in perspective, w_a = e_a otherwise:
    barycentric = w / sum w, depth = barycentric . z. `interpolate` carries the gradient on, and that by attributes.
    What moves silhouettes is `raster.antialias`. The backward pass is deterministic on the CPU; on CUDA the order of
    atomic additions may change the last bits. It cannot be differentiated again.

    Raises UsageError for a wrong shape, dtype or device.
    """
    count = len(fragments.triangle_id)
    check_tensor("triangle_id", fragments.triangle_id, (None, None, None), torch.int32)
    check_vertices(vertices_image, count)
    check_triangles(triangles, vertices_image.shape[1])
    check_same_device(
        ("vertices_image", vertices_image), ("triangles", triangles), ("triangle_id", fragments.triangle_id)
    )
    barycentric, depth = _SurfacePoints.apply(vertices_image, triangles, fragments.triangle_id, bool(perspective))
    return Fragments(fragments.triangle_id, barycentric, depth, fragments.fronts)


def check_vertices(vertices_image: torch.Tensor, count: int) -> None:
    """Raise UsageError unless `vertices_image` is (count, V, 3) float32 or float64 and contiguous."""
    if not isinstance(vertices_image, torch.Tensor) or vertices_image.dtype not in FLOATS:
        given = getattr(vertices_image, "dtype", type(vertices_image).__name__)
        raise UsageError(f"`vertices_image` must be float32 or float64, got {given}")
    check_tensor("vertices_image", vertices_image, (count, None, 3), vertices_image.dtype)


class _SurfacePoints(torch.autograd.Function):
    """(vertices, triangles, triangle_id, perspective) -> (barycentric, depth)."""

    @staticmethod
    def forward(
        ctx: Any, vertices: torch.Tensor, triangles: torch.Tensor, triangle_id: torch.Tensor, perspective: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        from synthgen.raster.warp_surface_gradient import launch_surface_points

        ctx.save_for_backward(vertices, triangles, triangle_id)
        ctx.perspective = perspective
        return launch_surface_points(vertices, triangles, triangle_id, perspective)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *by_planes: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        from synthgen.raster.warp_surface_gradient import launch_move_vertices

        vertices, triangles, triangle_id = ctx.saved_tensors
        planes = (by_planes[0], by_planes[1])
        by_vertices = launch_move_vertices(vertices, triangles, triangle_id, ctx.perspective, planes)
        return by_vertices, None, None, None
