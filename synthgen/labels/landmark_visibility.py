"""Which landmarks can be seen."""

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.core.conventions import LANDMARK_HIDDEN, LANDMARK_OCCLUDED, LANDMARK_OUTSIDE, LANDMARK_VISIBLE
from synthgen.labels.visibility import hidden_points
from synthgen.morphable.template import SurfacePoints
from synthgen.raster.fragments import FrontTriangles


def landmark_visibility(
    points: SurfacePoints,
    triangles: torch.Tensor,
    vertices_image: torch.Tensor,
    occluder_mask: torch.Tensor,
    perspective: bool,
    near: float = 1.0,
    fronts: FrontTriangles | None = None,
) -> NDArray[np.uint8]:
    """(N, K) codes of core.conventions, the first that holds: 3 outside the frame or behind the camera, 2 hidden by
    the face or facing away, 5 behind an external occluder, 1 visible.

    points: K points fixed on the surface. triangles: (T, 3) int32. vertices_image: (N, V, 3) float32,
    [x px, y px, depth mm]. occluder_mask: (N, H, W) bool. fronts: as in `hidden_points`.

    Raises UsageError for a wrong shape, dtype, device or index.
    """
    device = vertices_image.device
    own = torch.from_numpy(np.ascontiguousarray(points.triangle, dtype=np.int32)).to(device)
    weights = torch.from_numpy(np.ascontiguousarray(points.barycentric, dtype=np.float32)).to(device)
    corners = vertices_image[:, triangles[own.long()].long()]  # (N, K, 3, 3)
    position = _surface_position(corners, weights, perspective)
    height, width = occluder_mask.shape[1:]
    x, y, depth = position.unbind(-1)
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    if perspective:
        inside &= (corners[..., 2] >= near).all(dim=-1)
    own_all = own.expand(len(vertices_image), -1).contiguous()
    hidden = hidden_points(position, own_all, vertices_image, triangles, (height, width), perspective, near, fronts)
    column, row = torch.where(inside, x, 0.0).long(), torch.where(inside, y, 0.0).long()
    occluded = occluder_mask[torch.arange(len(row), device=device)[:, None], row, column]
    code = torch.full(inside.shape, LANDMARK_VISIBLE, dtype=torch.uint8, device=device)
    code[occluded] = LANDMARK_OCCLUDED
    code[hidden] = LANDMARK_HIDDEN
    code[~inside] = LANDMARK_OUTSIDE
    return code.cpu().numpy()


def _surface_position(corners: torch.Tensor, weights: torch.Tensor, perspective: bool) -> torch.Tensor:
    """(N, K, 3) [x px, y px, depth mm] of points with surface weights (K, 3) on projected corners (N, K, 3, 3)."""
    depth = (corners[..., 2] * weights).sum(dim=-1, keepdim=True)
    image_weights = weights * corners[..., 2] / depth if perspective else weights
    xy = (corners[..., :2] * image_weights[..., None]).sum(dim=-2)
    return torch.cat([xy, depth], dim=-1).contiguous()
