"""What of the fragments of a mesh carries labels, with smooth normals: the labels of a photo need no shading."""

import torch

from synthgen.raster.check import check_tensor, check_triangles
from synthgen.raster.fragments import Fragments


def labelled_surface(
    fragments: Fragments, triangles: torch.Tensor, label_count: int, normals: torch.Tensor
) -> tuple[Fragments, torch.Tensor]:
    """The fragments of the first `label_count` triangles, -1 and NaN elsewhere, and unit normals (N, H, W, 3) float32.

    fragments: of N pictures of one mesh each. triangles: (T, 3) int32. normals: (N, V, 3) float32, unit or not, in the
    space in which the result shall be. Raises UsageError for a wrong shape or dtype.
    """
    check_tensor("normals", normals, (len(fragments.triangle_id), None, 3), torch.float32)
    check_triangles(triangles, normals.shape[1])
    from synthgen.raster.warp_labelled import launch_label_surface

    labelled = Fragments(
        torch.empty_like(fragments.triangle_id),
        torch.empty_like(fragments.barycentric),
        torch.empty_like(fragments.depth),
    )
    smooth = torch.empty_like(fragments.barycentric)
    launch_label_surface(fragments, triangles, label_count, normals, labelled, smooth)
    return labelled, smooth
