"""Which source pixels have their counterpart visible in the target, and why the others have not."""

import torch

from synthgen.labels.flow import NEAR_MM, EndPoints, flow_between
from synthgen.labels.view_geometry import ViewGeometry
from synthgen.labels.visibility import TOLERANCE_MM
from synthgen.raster.check import check_same_device, check_tensor, check_triangles


def matchability(
    source: ViewGeometry,
    target: ViewGeometry,
    triangles: torch.Tensor,
    end_points: EndPoints,
    near: float = NEAR_MM,
) -> torch.Tensor:
    """(N, H, W) uint8 reason codes of core.conventions, the first that holds, per source pixel.

    end_points: `flow_between(source, target, ...)`. Visibility is decided at each exact end point against all
    triangles (T, 3) int32 that cover it, labelled or not.

    Raises UsageError for a wrong shape, dtype or device.
    """
    shape = source.fragments.triangle_id.shape
    count, vertex_count = target.vertices_image.shape[:2]
    check_tensor("source.fragments.triangle_id", source.fragments.triangle_id, (count, None, None), torch.int32)
    check_tensor("target.vertices_image", target.vertices_image, (count, vertex_count, 3), torch.float32)
    check_tensor("end_points.flow", end_points.flow, (*shape, 2), torch.float32)
    check_tensor("end_points.depth", end_points.depth, tuple(shape), torch.float32)
    check_triangles(triangles, vertex_count)
    here, there = source.fragments.triangle_id, target.fragments.triangle_id
    sides = (("source", source, here), ("target", target, there))
    checked = [
        _mask_or_none(f"{side}.{name}", getattr(view, name), like)
        for name in ("occluder_mask", "invented_mask", "ignore_mask")
        for side, view, like in sides
    ]
    check_same_device(
        ("end_points", end_points.flow),
        ("source.fragments", source.fragments.triangle_id),
        ("target.vertices_image", target.vertices_image),
        ("triangles", triangles),
    )
    from synthgen.labels.warp_matchability import HidingMesh, PixelMasks, launch_matchability

    perspective, (height, width) = target.cameras.perspective, there.shape[1:]
    mesh = HidingMesh(
        target.vertices_image, triangles, perspective, near, TOLERANCE_MM, (height, width), target.fragments.fronts
    )
    return launch_matchability(here, end_points.flow, end_points.depth, PixelMasks(*checked), mesh)


def match_views(
    source: ViewGeometry, target: ViewGeometry, triangles: torch.Tensor, label_count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """flow (N, H, W, 2) float32 px and matchability (N, H, W) uint8, source to target; swap for the way back."""
    end_points = flow_between(source, target, triangles, label_count)
    return end_points.flow, matchability(source, target, triangles, end_points)


def _mask_or_none(name: str, mask: torch.Tensor | None, like: torch.Tensor) -> torch.Tensor:
    """The mask, of the shape of `like`, or an empty one that stands for "nowhere"."""
    if mask is None:
        return torch.zeros((0, 0, 0), dtype=torch.bool, device=like.device)
    check_tensor(name, mask, tuple(like.shape), torch.bool)
    check_same_device(("triangle_id", like), (name, mask))
    return mask
