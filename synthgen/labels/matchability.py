"""Which source pixels have their counterpart visible in the target, and why the others have not."""

import torch

from synthgen.core.conventions import (
    HIDDEN,
    IGNORED,
    MATCHABLE,
    NO_FACE,
    OCCLUDED_HERE,
    OCCLUDED_THERE,
    OUTSIDE,
)
from synthgen.labels.flow import NEAR_MM, EndPoints, flow_between
from synthgen.labels.view_geometry import ViewGeometry
from synthgen.labels.visibility import hidden_points


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
    height, width = target.fragments.triangle_id.shape[1:]
    face = ~torch.isnan(end_points.depth)
    ends = _positions(end_points)
    x, y = ends[..., 0], ends[..., 1]
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)  # False for NaN: behind the camera
    own = torch.where(inside, source.fragments.triangle_id, -1).flatten(1)
    hidden = hidden_points(
        ends.flatten(1, 2), own, target.vertices_image, triangles, (height, width), target.cameras.perspective, near
    ).view_as(inside)
    code = torch.full_like(inside, MATCHABLE, dtype=torch.uint8)
    # From the last reason to the first: the first one that holds is written last.
    if source.occluder_mask is not None:
        code[source.occluder_mask] = OCCLUDED_HERE
    if target.occluder_mask is not None:
        code[inside & _at_ends(target.occluder_mask, x, y, inside)] = OCCLUDED_THERE
    code[hidden] = HIDDEN
    code[~inside] = OUTSIDE
    if source.ignore_mask is not None:
        code[source.ignore_mask] = IGNORED
    code[~face] = NO_FACE
    return code


def match_views(
    source: ViewGeometry, target: ViewGeometry, triangles: torch.Tensor, label_count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """flow (N, H, W, 2) float32 px and matchability (N, H, W) uint8 ; swap the views for the way back."""
    end_points = flow_between(source, target, triangles, label_count)
    return end_points.flow, matchability(source, target, triangles, end_points)


def _positions(end_points: EndPoints) -> torch.Tensor:
    """(N, H, W, 3) [x px, y px, depth mm] of the end points."""
    flow = end_points.flow
    height, width = flow.shape[1:3]
    positions = torch.empty((*flow.shape[:3], 3), dtype=flow.dtype, device=flow.device)
    positions[..., 0] = flow[..., 0] + (torch.arange(width, device=flow.device) + 0.5)
    positions[..., 1] = flow[..., 1] + (torch.arange(height, device=flow.device) + 0.5)[:, None]
    positions[..., 2] = end_points.depth
    return positions


def _at_ends(mask: torch.Tensor, x: torch.Tensor, y: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """(N, H, W) bool: the mask at the pixel of each end point inside the frame, False elsewhere."""
    column = torch.where(inside, x, 0.0).long()
    row = torch.where(inside, y, 0.0).long()
    batch = torch.arange(len(mask), device=mask.device)[:, None, None]
    return mask[batch, row, column] & inside
