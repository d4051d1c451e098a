"""Flow against the picture of the mean face becomes surface points and their places in photos (dfc section 3.4)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.alignment.solver import Array
from synthgen.core.errors import UsageError

_WALK = 6  # triangles that are crossed at most from the nearest fine pixel's to the one that holds a place
_ROUNDING = 1e-6
# A weight of a triangle's corner may stay this far outside [0, 1], where the surface ends within a fraction of a pixel.
# Beyond lie triangles seen at a grazing angle, on which a hundredth of a pixel is a long way.
_SLACK = 0.01


@dataclass(frozen=True)
class TargetSurface:
    """The picture of the mean face, seen by a scaled-orthographic camera, as a table from places to surface points.

    size: (H, W) of the picture; triangle_id: (sH, sW) int32, label-carrying triangles in a picture s times as fine, -1
    elsewhere; corners: (L, 3, 2) px of the picture, where the label-carrying triangles' corners lie; beyond: (L, 3)
    int32, the label-carrying triangle across the side opposite each corner, -1 for none.
    """

    size: tuple[int, int]
    triangle_id: NDArray[np.int32]
    corners: Array
    beyond: NDArray[np.int32]


@dataclass(frozen=True)
class Matches:
    """M matched pixels of one photo. points: (M, 2) px of the photo; place: (M, 2) px of the mean face's picture, near
    surface; weight: (M,) in (0, 1]."""

    points: Array
    place: Array
    weight: Array

    def selected(self, rows: NDArray[np.intp]) -> "Matches":
        """Some of them."""
        return Matches(self.points[rows], self.place[rows], self.weight[rows])


def matches_of_flow(
    target: TargetSurface, flow: NDArray[np.floating], weight: NDArray[np.floating], backward: bool = False
) -> Matches:
    """The matches of flow from a photo to the mean face, or from the mean face to a photo where `backward`.

    flow: (H, W, 2) px from pixel centres; weight: (H, W) in [0, 1], 0 where there is no match. Pixels without finite
    flow, and ends beside the mean face, are left out. Raises UsageError for shapes that do not fit the target.
    """
    if flow.shape != (*target.size, 2) or weight.shape != target.size:
        height, width = target.size
        raise UsageError(
            f"flow must be ({height}, {width}, 2) and its weight ({height}, {width}); got {flow.shape}, {weight.shape}"
        )
    row, column = np.nonzero((weight > 0) & np.isfinite(flow).all(axis=-1))
    centres = np.stack([column + 0.5, row + 0.5], axis=-1)
    ends = centres + flow[row, column]
    points, place = (ends, centres) if backward else (centres, ends)
    near = np.flatnonzero(_nearest_triangle(target, place) >= 0)
    return Matches(points[near], place[near], weight[row, column].astype(np.float64)[near])


def surface_at(target: TargetSurface, place: Array) -> tuple[NDArray[np.int32], Array]:
    """Triangle (M,), -1 where there is no surface, and barycentric (M, 3) of places (M, 2) px of the picture.

    From the triangle of the nearest pixel of the fine picture it walks to the one that holds the place. (The camera is
    orthographic: weights in the picture are weights on the surface.)
    """
    triangle = _nearest_triangle(target, place)
    barycentric = _barycentric(target.corners[triangle], place)
    for _ in range(_WALK):
        lowest = barycentric.argmin(axis=1)
        across = target.beyond[triangle, lowest]
        moving = (triangle >= 0) & (barycentric[np.arange(len(place)), lowest] < -_ROUNDING) & (across >= 0)
        rows = np.flatnonzero(moving)
        if not len(rows):
            break
        there = _barycentric(target.corners[across[rows]], place[rows])
        better = there.min(axis=1) > barycentric[rows].min(axis=1)  # never back, nor onto a triangle seen from behind
        triangle[rows[better]], barycentric[rows[better]] = across[rows[better]], there[better]
        if not better.any():
            break
    near = (barycentric >= -_SLACK).all(axis=1)
    return np.where(near, triangle, -1).astype(np.int32), barycentric


def triangles_beyond(triangles: NDArray[np.integer]) -> NDArray[np.int32]:
    """(T, 3) int32: the triangle across the side opposite each corner of triangles (T, 3), -1 where there is none."""
    sides = np.stack([triangles[:, [1, 2]], triangles[:, [2, 0]], triangles[:, [0, 1]]], axis=1).reshape(-1, 2)
    low, high = sides.min(axis=1).astype(np.int64), sides.max(axis=1).astype(np.int64)
    order = np.argsort(low * (int(high.max()) + 1) + high, kind="stable")
    same = (low[order][1:] == low[order][:-1]) & (high[order][1:] == high[order][:-1])
    first, second = order[:-1][same], order[1:][same]
    beyond = np.full(len(sides), -1, np.int32)
    beyond[first], beyond[second] = second // 3, first // 3
    return beyond.reshape(-1, 3)


def _nearest_triangle(target: TargetSurface, place: Array) -> NDArray[np.int32]:
    """(M,) triangles at the nearest pixels of the fine picture, -1 where there is none."""
    fine = np.array(target.triangle_id.shape)
    cell = np.floor(place[:, ::-1] * (fine[0] / target.size[0]))
    inside = ((cell >= 0) & (cell < fine)).all(axis=1)
    row, column = np.where(inside[:, None], cell, 0).astype(np.intp).T
    return np.where(inside, target.triangle_id[row, column], -1).astype(np.int32)


def _barycentric(corners: Array, place: Array) -> Array:
    """(M, 3) weights of the corners (M, 3, 2) of triangles at places (M, 2); -inf for a triangle without area."""
    origin, first, second = np.moveaxis(corners, 1, 0)
    edges, offset = (first - origin, second - origin), place - origin
    area = _cross(edges[0], edges[1])
    flat = np.abs(area) < 1e-12
    area = np.where(flat, 1.0, area)
    beta, gamma = _cross(offset, edges[1]) / area, _cross(edges[0], offset) / area
    return np.where(flat[:, None], -np.inf, np.stack([1.0 - beta - gamma, beta, gamma], axis=-1))


def _cross(first: Array, second: Array) -> Array:
    return first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
