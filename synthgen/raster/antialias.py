"""Analytic anti-aliasing of silhouettes: what makes coverage a differentiable function of the vertices."""

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from synthgen.core.errors import UsageError
from synthgen.raster.check import check_same_device, check_tensor, check_triangles
from synthgen.raster.fragments import Fragments
from synthgen.raster.surface_gradient import check_vertices


def antialias(
    picture: torch.Tensor,
    fragments: Fragments,
    vertices_image: torch.Tensor,
    triangles: torch.Tensor,
    neighbours: torch.Tensor,
) -> torch.Tensor:
    """The picture (N, H, W, C) blended across silhouettes, differentiable by the picture and by the vertices.

    picture: (N, H, W, C), any finite channels, for example colour and a coverage of 1 where something is seen; also
    the background's colour where nothing is. fragments: what `rasterize` made of these vertices. vertices_image:
    (N, V, 3) in the dtype of the picture, float32 or float64. triangles: (T, 3) int32. neighbours: (T, 3) int32, of
    `topology.side_neighbours`.

    Between two pixels side by side or one above the other that show different triangles, the nearer surface is
    followed until it turns away, stops, or reaches the other centre. Where it ends d pixels beyond the middle of the
    two centres, the pixel there receives |d| of the other's colour: a box filter along the axis. Each of the two axes
    has a share in a side, the squared sine of the angle between them, so an upright or level edge has its exact
    coverage, and nothing jumps when an edge turns. The idea is that of Laine et al. 2020, section 3.6. They look at the
    sides of the seen triangle alone, which misses silhouettes of meshes whose triangles are smaller than pixels.

    Not differentiable: which triangle is seen, intersections of surfaces, what leaves the frame, and parts of the mesh
    that fall between pixel centres. A pixel that shows a speck smaller than itself may come out beyond the two colours.
    For optimisation; generated pictures never go through it. Both passes are deterministic on the CPU; on CUDA the
    gradient by the vertices is added with atomics, whose order may change the last bits. It cannot be differentiated
    twice.

    Raises UsageError for a wrong shape, dtype or device, or a picture that is not finite.
    """
    count, height, width = fragments.triangle_id.shape
    check_vertices(vertices_image, count)
    check_tensor("picture", picture, (count, height, width, None), vertices_image.dtype)
    check_triangles(triangles, vertices_image.shape[1])
    check_tensor("neighbours", neighbours, (len(triangles), 3), torch.int32)
    check_same_device(
        ("picture", picture),
        ("triangle_id", fragments.triangle_id),
        ("vertices_image", vertices_image),
        ("triangles", triangles),
        ("neighbours", neighbours),
    )
    # A sum is not finite when one of its terms is not, and a sum of finite terms rarely.
    if not bool(torch.isfinite(picture.detach().sum())) and not bool(torch.isfinite(picture).all()):
        raise UsageError("`picture` is not finite; give pixels without a surface the colour of the background")
    sides = _silhouettes(fragments, vertices_image, triangles, neighbours)
    return _Blend.apply(picture, vertices_image, sides)


def _silhouettes(
    fragments: Fragments, vertices_image: torch.Tensor, triangles: torch.Tensor, neighbours: torch.Tensor
) -> torch.Tensor:
    """(N, H, W, 2, 2) int32: vertices of the silhouette side to the right neighbour and to the lower one, or -1."""
    from synthgen.raster.warp_antialias import launch_find_silhouettes

    vertices = vertices_image.detach().float()
    depth = fragments.depth.detach().float()
    return launch_find_silhouettes(vertices, triangles, neighbours, fragments.triangle_id, depth)


class _Blend(torch.autograd.Function):
    """(picture, vertices, sides) -> blended picture."""

    @staticmethod
    def forward(ctx: Any, picture: torch.Tensor, vertices: torch.Tensor, sides: torch.Tensor) -> torch.Tensor:
        from synthgen.raster.warp_antialias import launch_blend

        ctx.save_for_backward(picture, vertices, sides)
        return launch_blend(picture, vertices, sides, transposed=False)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_blended: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None]:
        from synthgen.raster.warp_antialias import launch_blend, launch_move_silhouettes

        picture, vertices, sides = ctx.saved_tensors
        by_blended = by_blended.contiguous()
        by_picture = by_vertices = None
        if ctx.needs_input_grad[0]:
            by_picture = launch_blend(by_blended, vertices, sides, transposed=True)
        if ctx.needs_input_grad[1]:
            by_vertices = launch_move_silhouettes(picture, vertices, sides, by_blended)
        return by_picture, by_vertices, None
