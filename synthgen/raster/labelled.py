"""What of the fragments of a mesh carries labels, with smooth normals: the labels of a photo need no shading."""

import torch

from synthgen.raster.check import check_tensor, check_triangles
from synthgen.raster.fragments import Fragments


def labelled_surface(
    fragments: Fragments,
    triangles: torch.Tensor,
    label_count: int,
    normals: torch.Tensor,
    rotation: torch.Tensor | None = None,
    in_place: bool = False,
) -> tuple[Fragments, torch.Tensor]:
    """The fragments of the first `label_count` triangles, -1 and NaN elsewhere, and unit normals (N, H, W, 3) float32.

    fragments: of N pictures of one mesh each. triangles: (T, 3) int32. normals: (N, V, 3) float32, unit or not.
    rotation: (N, 3, 3) float32, from the space of `normals` to that of the result, the same without it. Turning what
    is seen is cheaper than turning every vertex. in_place: write the result into the planes of `fragments`, which
    halves the memory traffic. Raises UsageError for a wrong shape or dtype.
    """
    count = len(fragments.triangle_id)
    check_tensor("normals", normals, (count, None, 3), torch.float32)
    if rotation is None:
        rotation = torch.eye(3, device=normals.device).expand(count, 3, 3).contiguous()
    check_tensor("rotation", rotation, (count, 3, 3), torch.float32)
    check_triangles(triangles, normals.shape[1])
    from synthgen.raster.warp_labelled import launch_label_surface

    labelled = fragments
    if not in_place:
        labelled = Fragments(
            fragments.triangle_id.clone(), fragments.barycentric.clone(), fragments.depth.clone(), fragments.fronts
        )
    smooth = torch.empty_like(fragments.barycentric)
    launch_label_surface(labelled, triangles, label_count, (normals, rotation), smooth)
    return labelled, smooth
