"""Flow and matchability against one picture that never changes: what can hide what in it is found out once."""

from dataclasses import dataclass

import torch

from synthgen.core.errors import UsageError
from synthgen.labels.view_geometry import ViewGeometry
from synthgen.raster.check import check_tensor, check_triangles
from synthgen.raster.kernel_choice import takes_cuda_kernels


@dataclass(frozen=True, eq=False)
class FixedTarget:
    """One picture of a mesh by a scaled-orthographic camera, and for each triangle those that can hide a point of it.

    geometry: of this one picture. offset: (T + 1,) int32 and hider: int32, rows of triangles: hider[offset[t]:
    offset[t + 1]] face the camera, overlap triangle t in the picture by more than rounding and reach in front of it.
    """

    geometry: ViewGeometry
    offset: torch.Tensor
    hider: torch.Tensor


def prepare_target(geometry: ViewGeometry, triangles: torch.Tensor) -> FixedTarget:
    """The picture ready for `match_fixed_target`. triangles: (T, 3) int32. On the CPU.

    Raises UsageError for more than one picture, a perspective camera, masks or another device.
    """
    if len(geometry.vertices_image) != 1 or geometry.cameras.perspective or takes_cuda_kernels(geometry.vertices_image):
        raise UsageError("a fixed target is one picture by a scaled-orthographic camera, on the CPU")
    masks = (geometry.occluder_mask, geometry.ignore_mask, geometry.invented_mask)
    if any(mask is not None and bool(mask.any()) for mask in masks):
        raise UsageError("a fixed target has no occluded, ignored or invented pixels")
    check_triangles(triangles, geometry.vertices_image.shape[1])
    from synthgen.labels.warp_fixed_target import launch_find_hiders

    return FixedTarget(geometry, *launch_find_hiders(geometry.vertices_image[0], triangles))


def match_fixed_target(
    source: ViewGeometry, target: FixedTarget, triangles: torch.Tensor, label_count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """flow (N, H, W, 2) float32 px and matchability (N, H, W) uint8: `match_views` of N pictures against the target,
    without flow where it is ignored.

    A quarter of its time: end points, reasons and hiding in one pass, and nothing is sorted. Raises UsageError for a
    wrong shape or dtype.
    """
    shape = tuple(source.fragments.triangle_id.shape)
    check_tensor("source.fragments.triangle_id", source.fragments.triangle_id, (None, None, None), torch.int32)
    check_tensor("source.fragments.barycentric", source.fragments.barycentric, (*shape, 3), torch.float32)
    for name in ("occluder_mask", "invented_mask", "ignore_mask"):
        mask = getattr(source, name)
        if mask is not None:
            check_tensor(f"source.{name}", mask, shape, torch.bool)
    from synthgen.labels.warp_fixed_target import launch_match_fixed

    return launch_match_fixed(source, target, triangles, label_count)
