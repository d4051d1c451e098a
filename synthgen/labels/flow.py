"""Exact flow: the surface point under each source pixel, evaluated on the target's mesh and projected."""

from dataclasses import dataclass

import torch

from synthgen.labels.view_geometry import ViewGeometry
from synthgen.raster.check import check_same_device, check_tensor

NEAR_MM = 1.0


@dataclass(frozen=True)
class EndPoints:
    """Where the surface point of each source pixel lies in the target.

    flow: (N, H, W, 2) float32, px, (dx, dy) from the source pixel's centre; NaN without face surface here and for
        points behind the target's camera.
    depth: (N, H, W) float32, mm, planar z in the target's camera space; NaN without face surface here.
    """

    flow: torch.Tensor
    depth: torch.Tensor


def flow_between(
    source: ViewGeometry, target: ViewGeometry, triangles: torch.Tensor, label_count: int, near: float = NEAR_MM
) -> EndPoints:
    """End points in the target of every source pixel that shows one of the first `label_count` triangles.

    triangles: (T, 3) int32. The barycentrics of a pixel are weights on the surface, so they hold on the target's mesh
    in camera space, whatever its identity, pose and expression. near: mm; in perspective a point nearer than this
    counts as behind the camera. The end may lie outside the target or be hidden there: `labels.matchability` says so.

    Raises UsageError for a wrong shape, dtype or device.
    """
    count, vertex_count = target.vertices_camera.shape[:2]
    check_tensor("source.fragments.triangle_id", source.fragments.triangle_id, (count, None, None), torch.int32)
    check_tensor("target.vertices_camera", target.vertices_camera, (count, vertex_count, 3), torch.float32)
    check_tensor("triangles", triangles, (None, 3), torch.int32)
    check_same_device(
        ("source.fragments", source.fragments.triangle_id),
        ("target.vertices_camera", target.vertices_camera),
        ("triangles", triangles),
    )
    from synthgen.labels.warp_flow import launch_end_points

    flow, depth = launch_end_points(
        source.fragments, target.vertices_camera, target.cameras, triangles, (label_count, near)
    )
    return EndPoints(flow, depth)
