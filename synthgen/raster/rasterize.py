"""The one public rasterisation operation."""

import torch

from synthgen.core.errors import UsageError
from synthgen.raster.check import check_same_device, check_tensor, check_triangles
from synthgen.raster.fragments import Fragments


def rasterize(
    vertices_image: torch.Tensor,
    triangles: torch.Tensor,
    size: tuple[int, int],
    perspective: bool,
    near: float = 1.0,
    drawn: int | None = None,
) -> Fragments:
    """Fragments of N images: the front-most front-facing triangle at each pixel centre.

    vertices_image: (N, V, 3) float32, [x px, y px, depth mm], image space of core.conventions.
    triangles: (T, 3) int32, counter-clockwise seen from outside; the backs are not drawn.
    size: height and width in pixels.
    perspective: True interpolates 1/depth over the image, False depth itself.
    near: mm; in perspective a triangle with a corner nearer than this is not drawn.
    drawn: where given, nobody looks at triangles from this row on: they hide others, and where they hide none, on the
        CPU, they are not drawn.

    A centre on a side shared by two triangles is drawn once (top-left rule); of equally near triangles the one with
    the lowest index is drawn; triangles without area or with a NaN or infinite corner are not drawn. The result is
    not differentiable itself; `interpolate` is, with respect to attributes.

    Raises UsageError for a wrong shape, dtype, device, index, size or near.
    """
    check_tensor("vertices_image", vertices_image, (None, None, 3), torch.float32)
    check_triangles(triangles, vertices_image.shape[1])
    check_same_device(("vertices_image", vertices_image), ("triangles", triangles))
    if len(size) != 2 or min(size) < 1 or max(size) > 65536:
        raise UsageError(f"`size` must be (height, width) in 1..65536, got {size}")
    if not 0.0 < near < float("inf"):
        raise UsageError(f"`near` must be a positive distance in mm, got {near}")
    from synthgen.raster.warp_rasterize import launch_rasterize

    return launch_rasterize(
        vertices_image,
        triangles,
        (int(size[0]), int(size[1])),
        bool(perspective),
        float(near),
        drawn=drawn,
    )
