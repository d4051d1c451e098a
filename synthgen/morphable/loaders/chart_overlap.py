"""Which triangles of a chart lie on top of each other: the proof that a chart is injective, and what to drop if not."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

# Coordinates are stored as float32, whose step at 1 is 6e-8: neighbours may seem to cross by that much.
_TOUCHING = 1e-7


def overlapping_pairs(corners: NDArray[np.floating]) -> NDArray[np.int64]:
    """(P, 2) rows, first below second, of the triangles (T, 3, 2) of a chart whose insides meet.

    Exact up to the step of float32: two convex shapes are apart when a line along one of their sides parts them
    (separating axis theorem). Triangles that only share a corner or a side are apart.
    """
    pairs = _near_pairs(np.asarray(corners, np.float64))
    first, second = corners[pairs[:, 0]].astype(np.float64), corners[pairs[:, 1]].astype(np.float64)
    apart = np.zeros(len(pairs), bool)
    for shape in (first, second):
        for side in range(3):
            along = shape[:, (side + 1) % 3] - shape[:, side]
            length = np.maximum(np.linalg.norm(along, axis=1), 1e-12)
            normal = np.stack([along[:, 1], -along[:, 0]], axis=1) / length[:, None]
            a, b = (np.einsum("pkd,pd->pk", triangle, normal) for triangle in (first, second))
            apart |= a.max(axis=1) <= b.min(axis=1) + _TOUCHING
            apart |= b.max(axis=1) <= a.min(axis=1) + _TOUCHING
    return pairs[~apart]


def _near_pairs(corners: NDArray[np.float64]) -> NDArray[np.int64]:
    """(P, 2) rows of triangles whose bounding boxes may meet.

    Triangles are searched by size class, factors of two apart, so that one large triangle does not widen every search.
    """
    centre = (corners.min(axis=1) + corners.max(axis=1)) / 2
    half = np.maximum(np.ptp(corners, axis=1).max(axis=1) / 2, 1e-9)
    size_class = np.ceil(np.log2(half)).astype(np.int64)
    rows = {int(size): np.flatnonzero(size_class == size) for size in np.unique(size_class)}
    trees = {size: cKDTree(centre[own]) for size, own in rows.items()}
    found = [np.empty((0, 2), np.int64)]
    for small, own in rows.items():
        for large, others in rows.items():
            if large < small:
                continue
            near = trees[large].query_ball_point(centre[own], 2.0**small + 2.0**large, p=np.inf)
            counts = np.array([len(entry) for entry in near])
            first = np.repeat(own, counts)
            second = others[np.fromiter((row for entry in near for row in entry), np.int64, int(counts.sum()))]
            kept = first < second if large == small else np.ones(len(first), bool)
            found.append(np.stack([first[kept], second[kept]], axis=1))
    pairs = np.sort(np.concatenate(found), axis=1)
    gap = np.abs(centre[pairs[:, 0]] - centre[pairs[:, 1]]) - (half[pairs[:, 0]] + half[pairs[:, 1]])[:, None]
    return pairs[(gap < 0).all(axis=1)]
