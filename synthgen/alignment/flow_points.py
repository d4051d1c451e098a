"""Flow against the picture of the mean face becomes surface points and their places in photos (dfc section 3.4)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.alignment.solver import Array
from synthgen.core.errors import UsageError

# A weight of a triangle's corner may be this far outside [0, 1]: an end point between two pixels' triangles. Beyond
# lie triangles seen at a grazing angle, on which a hundredth of a pixel is a long way.
_SLACK = 0.5


@dataclass(frozen=True)
class TargetSurface:
    """The picture of the mean face, seen by a scaled-orthographic camera, as a table from places to surface points.

    size: (H, W) of the picture; triangle_id: (sH, sW) int32, label-carrying triangles in a picture s times as fine, -1
    elsewhere; corners: (L, 3, 2) px of the picture, where the label-carrying triangles' corners lie.
    """

    size: tuple[int, int]
    triangle_id: NDArray[np.int32]
    corners: Array


@dataclass(frozen=True)
class FlowPoints:
    """M correspondences of one photo. triangle: (M,) int32; barycentric: (M, 3); points: (M, 2) px of the photo;
    place: (M, 2) px of the mean face's picture; weight: (M,) in (0, 1]."""

    triangle: NDArray[np.int32]
    barycentric: Array
    points: Array
    place: Array
    weight: Array


def points_of_flow(target: TargetSurface, flow: NDArray[np.floating], weight: NDArray[np.floating]) -> FlowPoints:
    """The correspondences of flow from a photo to the mean face.

    flow: (H, W, 2) px from the photo's pixel centres; weight: (H, W) in [0, 1], 0 where there is no match. The surface
    point is the one at the end point, not that of the nearest pixel. Matches without finite flow, or that end beside
    the mean face, are left out. Raises UsageError for shapes that do not fit the target.
    """
    centres, flow, weight = _matched(target, flow, weight)
    triangle, barycentric = surface_at(target, centres + flow)
    seen = triangle >= 0
    return FlowPoints(triangle[seen], barycentric[seen], centres[seen], (centres + flow)[seen], weight[seen])


def points_of_backward_flow(
    target: TargetSurface, flow: NDArray[np.floating], weight: NDArray[np.floating]
) -> FlowPoints:
    """The correspondences of flow from the mean face to a photo; as `points_of_flow`, at the mean face's pixels."""
    centres, flow, weight = _matched(target, flow, weight)
    triangle, barycentric = surface_at(target, centres)
    seen = triangle >= 0
    return FlowPoints(triangle[seen], barycentric[seen], (centres + flow)[seen], centres[seen], weight[seen])


def surface_at(target: TargetSurface, place: Array) -> tuple[NDArray[np.int32], Array]:
    """Triangle (M,), -1 where there is no surface, and barycentric (M, 3) of places (M, 2) px of the picture.

    The triangle is that of the nearest pixel of the fine picture, and the place is kept exactly: its barycentrics may
    lie a little outside [0, 1]. (The camera is orthographic: weights in the picture are weights on the surface.)
    """
    fine = np.array(target.triangle_id.shape)
    scale = fine[0] / target.size[0]
    cell = np.floor(place[:, ::-1] * scale)
    inside = ((cell >= 0) & (cell < fine)).all(axis=1)
    row, column = np.where(inside[:, None], cell, 0).astype(np.intp).T
    triangle = np.where(inside, target.triangle_id[row, column], -1).astype(np.int32)
    origin, first, second = np.moveaxis(target.corners[triangle], 1, 0)
    edges, offset = (first - origin, second - origin), place - origin
    area = _cross(edges[0], edges[1])
    area = np.where(np.abs(area) > 1e-12, area, np.nan)
    with np.errstate(invalid="ignore"):
        beta, gamma = _cross(offset, edges[1]) / area, _cross(edges[0], offset) / area
        barycentric = np.stack([1.0 - beta - gamma, beta, gamma], axis=-1)
        near = (barycentric >= -_SLACK).all(axis=1)  # False for NaN
    return np.where(near, triangle, -1).astype(np.int32), barycentric


def _matched(
    target: TargetSurface, flow: NDArray[np.floating], weight: NDArray[np.floating]
) -> tuple[Array, Array, Array]:
    """Pixel centres (M, 2), flow (M, 2) and weight (M,) of the matches."""
    if flow.shape != (*target.size, 2) or weight.shape != target.size:
        height, width = target.size
        raise UsageError(
            f"flow must be ({height}, {width}, 2) and its weight ({height}, {width}); got {flow.shape}, {weight.shape}"
        )
    row, column = np.nonzero((weight > 0) & np.isfinite(flow).all(axis=-1))
    centres = np.stack([column + 0.5, row + 0.5], axis=-1)
    return centres, flow[row, column].astype(np.float64), weight[row, column].astype(np.float64)


def _cross(first: Array, second: Array) -> Array:
    return first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
