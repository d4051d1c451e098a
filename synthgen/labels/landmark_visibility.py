"""Which landmarks can be seen."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.core.conventions import LANDMARK_HIDDEN, LANDMARK_OCCLUDED, LANDMARK_OUTSIDE, LANDMARK_VISIBLE
from synthgen.labels.visibility import hidden_points
from synthgen.morphable.surface_points import triangles_around
from synthgen.morphable.template import SurfacePoints
from synthgen.raster.fragments import FrontTriangles

# A landmark is judged this far in front of its place, towards the camera, mm. Eye and mouth corners and lid rims lie in
# creases whose other side comes up to 2 mm nearer on frontal heads (ICT's mean: mouth corners 1.5, eye corners 0.5 mm),
# where people and detectors see them; what truly hides a landmark, the nose or the far cheek's rim, is 10 mm nearer and
# more (20 ICT heads turned 75 to 86 degrees: never less than 9.9 mm before an eye, 27 before a mouth corner).
LIFT_MM = 2.0


@dataclass(frozen=True)
class PlacedPoints:
    """K points fixed on the surface, on the device. own: (K,) int64 triangle, weights: (K, 3) float32 of its corners;
    around: (K, M) int64, all triangles that a point lies on, filled up with its own."""

    own: torch.Tensor
    weights: torch.Tensor
    around: torch.Tensor


def place_points(points: SurfacePoints, triangles: torch.Tensor) -> PlacedPoints:
    """The points on triangles (T, 3) int32, on their device."""
    around = triangles_around(points, triangles.cpu().numpy())
    arrays = (points.triangle.astype(np.int64), points.barycentric.astype(np.float32), around.astype(np.int64))
    return PlacedPoints(*(torch.from_numpy(array).to(triangles.device) for array in arrays))


def landmark_visibility(
    points: PlacedPoints,
    triangles: torch.Tensor,
    vertices_image: torch.Tensor,
    occluder_mask: torch.Tensor,
    perspective: bool,
    near: float = 1.0,
    fronts: FrontTriangles | None = None,
) -> NDArray[np.uint8]:
    """(N, K) codes of core.conventions, the first that holds: 3 outside the frame or behind the camera, 2 hidden by
    the face or facing away, 5 behind an external occluder, 1 visible.

    The face hides a point when it is in front by more than LIFT_MM. A point faces away when every triangle that it lies
    on does. So do points under the fold of a lid, which are no more hidden than the fold: with a surface less than
    LIFT_MM in front, facing does not count. triangles: (T, 3) int32. vertices_image: (N, V, 3) float32, [x px, y px,
    depth mm]. occluder_mask: (N, H, W) bool. fronts: as in `hidden_points`.

    Raises UsageError for a wrong shape, dtype, device or index.
    """
    device = vertices_image.device
    corners = vertices_image[:, triangles[points.own].long()]  # (N, K, 3, 3)
    position = _surface_position(corners, points.weights, perspective)
    height, width = occluder_mask.shape[1:]
    x, y, depth = position.unbind(-1)
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    if perspective:
        inside &= (corners[..., 2] >= near).all(dim=-1)
    away = _faces_away(points.around, triangles, vertices_image)
    lifted = torch.stack([x, y, depth - LIFT_MM], dim=-1)
    judged = torch.cat([lifted, torch.where(away[..., None], position, torch.nan)], dim=1)
    nowhere = torch.full(judged.shape[:2], -1, dtype=torch.int32, device=device)
    covered = hidden_points(judged, nowhere, vertices_image, triangles, (height, width), perspective, near, fronts)
    far_behind, behind = covered.chunk(2, dim=1)
    hidden = far_behind | (away & ~behind)
    column, row = torch.where(inside, x, 0.0).long(), torch.where(inside, y, 0.0).long()
    occluded = occluder_mask[torch.arange(len(row), device=device)[:, None], row, column]
    code = torch.full(inside.shape, LANDMARK_VISIBLE, dtype=torch.uint8, device=device)
    code[occluded] = LANDMARK_OCCLUDED
    code[hidden] = LANDMARK_HIDDEN
    code[~inside] = LANDMARK_OUTSIDE
    return code.cpu().numpy()


def _faces_away(around: torch.Tensor, triangles: torch.Tensor, vertices_image: torch.Tensor) -> torch.Tensor:
    """(N, K) bool: all triangles around a point (K, M) face away from the camera."""
    corners = vertices_image[:, triangles[around].long(), :2]  # (N, K, M, 3, 2)
    first, second = corners[..., 1, :] - corners[..., 0, :], corners[..., 2, :] - corners[..., 0, :]
    area = first[..., 1] * second[..., 0] - first[..., 0] * second[..., 1]
    return ~(area > 0.0).any(dim=-1)


def _surface_position(corners: torch.Tensor, weights: torch.Tensor, perspective: bool) -> torch.Tensor:
    """(N, K, 3) [x px, y px, depth mm] of points with surface weights (K, 3) on projected corners (N, K, 3, 3)."""
    depth = (corners[..., 2] * weights).sum(dim=-1, keepdim=True)
    image_weights = weights * corners[..., 2] / depth if perspective else weights
    xy = (corners[..., :2] * image_weights[..., None]).sum(dim=-2)
    return torch.cat([xy, depth], dim=-1).contiguous()
