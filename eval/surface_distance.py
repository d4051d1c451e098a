"""Exact distances from points to a triangle mesh."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from synthgen.core.errors import UsageError

Floats = NDArray[np.float64]
# Triangles looked at first; most points need no more.
FIRST_LOOK = 8


@dataclass(frozen=True)
class NearestSurface:
    """Of each of N points: distance (N,) to the nearest point (N, 3) of the surface, in which triangle (N,) that lies,
    and plane (N,), the distance to that triangle's plane."""

    distance: Floats
    point: Floats
    triangle: NDArray[np.int64]
    plane: Floats


def nearest_surface(
    points: NDArray[np.floating], vertices: NDArray[np.floating], triangles: NDArray[np.integer]
) -> NearestSurface:
    """Where points (N, 3) are nearest to a mesh of vertices (V, 3) and triangles (T, 3).

    Exact: a triangle whose centroid is farther than the best distance plus its reach from there cannot be nearer.
    Triangles are searched in classes of equal reach, so that one large triangle does not slow the search down.
    Raises UsageError for a mesh without triangles.
    """
    if not len(triangles):
        raise UsageError("the mesh has no triangles")
    asked, corners = np.asarray(points, np.float64), np.asarray(vertices, np.float64)[triangles]
    centroid = corners.mean(axis=1)
    reach = np.linalg.norm(corners - centroid[:, None], axis=-1).max(axis=1)
    sizes = np.floor(np.log2(np.maximum(reach, 1e-9))).astype(np.int64)
    best = _Best(len(asked))
    # The commonest size first: its answers leave the others little to do.
    for size in sorted(set(sizes.tolist()), key=lambda one: -int((sizes == one).sum())):
        rows = np.flatnonzero(sizes == size)
        tree, farthest = cKDTree(centroid[rows]), float(reach[rows].max())
        waiting, seen = np.arange(len(asked)), 0
        while len(waiting):
            count = min(max(FIRST_LOOK, 4 * seen), len(rows))
            away, near = tree.query(asked[waiting], k=np.arange(seen + 1, count + 1))
            worth = away[:, 0] - farthest <= best.distance[waiting]
            best.offer(waiting[worth], asked, rows[near[worth]], corners)
            done = (away[:, -1] - farthest > best.distance[waiting]) | (count == len(rows))
            waiting, seen = waiting[~done], count
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[best.triangle]
    length = np.linalg.norm(normal, axis=-1)
    offset = np.abs((normal * (asked - best.point)).sum(axis=-1))
    # A triangle without area has no plane; its nearest point will do.
    plane = np.where(length > 0, offset / np.where(length > 0, length, 1.0), best.distance)
    return NearestSurface(best.distance, best.point, best.triangle, plane)


class _Best:
    """The best answers so far."""

    def __init__(self, count: int) -> None:
        self.distance = np.full(count, np.inf)
        self.point = np.zeros((count, 3))
        self.triangle = np.zeros(count, np.int64)

    def offer(self, rows: NDArray[np.int64], asked: Floats, candidates: NDArray[np.int64], corners: Floats) -> None:
        """Candidate triangles (R, C) for the points in `rows` (R,)."""
        found = closest_points(asked[rows][:, None], corners[candidates])  # (R, C, 3)
        distance = np.linalg.norm(found - asked[rows][:, None], axis=-1)
        column = np.argmin(distance, axis=1)
        here = np.arange(len(rows))
        better = distance[here, column] < self.distance[rows]
        chosen, at = rows[better], (here[better], column[better])
        self.distance[chosen], self.point[chosen], self.triangle[chosen] = distance[at], found[at], candidates[at]


def closest_points(points: Floats, corners: Floats) -> Floats:
    """The points (..., 3) of triangles (..., 3, 3) that are nearest to points (..., 3): inside, or on the nearest
    side."""
    a, b, c = corners[..., 0, :], corners[..., 1, :], corners[..., 2, :]
    points = np.broadcast_to(points, a.shape)
    sides = np.stack([_on_segment(points, *pair) for pair in ((a, b), (b, c), (c, a))], axis=-2)
    nearest = np.linalg.norm(sides - points[..., None, :], axis=-1).argmin(axis=-1)
    on_side = np.take_along_axis(sides, nearest[..., None, None], axis=-2)[..., 0, :]
    first, second, offset = b - a, c - a, points - a
    dot = {name: (one * other).sum(axis=-1) for name, one, other in (
        ("11", first, first), ("12", first, second), ("22", second, second), ("1", first, offset), ("2", second, offset)
    )}  # fmt: skip
    area = dot["11"] * dot["22"] - dot["12"] ** 2
    safe = np.where(area > 0, area, 1.0)
    v = (dot["22"] * dot["1"] - dot["12"] * dot["2"]) / safe
    w = (dot["11"] * dot["2"] - dot["12"] * dot["1"]) / safe
    inside = (area > 0) & (v >= 0) & (w >= 0) & (v + w <= 1)
    return np.where(inside[..., None], a + v[..., None] * first + w[..., None] * second, on_side)


def _on_segment(points: Floats, start: Floats, end: Floats) -> Floats:
    along = end - start
    length = (along * along).sum(axis=-1)
    share = ((points - start) * along).sum(axis=-1) / np.where(length > 0, length, 1.0)
    return start + np.clip(share, 0.0, 1.0)[..., None] * along
