"""Landmarks in a field of template coordinates: the pixel nearest to each on the template (densereg section 4.3)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

Array = NDArray[np.float64]

LEAST_SHARE = 0.1  # of the largest component's pixels, from which another one is a face


@dataclass(frozen=True)
class UvFace:
    """A connected component of the field. mask: (H, W) bool; points: (68, 2) px; distance: (68,) on the template."""

    mask: NDArray[np.bool_]
    points: Array
    distance: Array


def uv_faces(uv: NDArray[np.floating], landmark_uv: NDArray[np.floating], least: float = LEAST_SHARE) -> list[UvFace]:
    """The faces of a field (H, W, 2), NaN for background, largest first.

    "In order to find the local minima, we simply analyze the connected components separately": touching faces are one,
    and a face that something divides is two. Points that the face hides are nearest to the wrong pixels, which
    `distance` shows; densereg leaves them to shape models. Pixels count as connected along and across (8 neighbours).
    least: share of the largest component's pixels below which a component is noise.
    """
    known = np.isfinite(uv).all(axis=-1)
    numbers, count = label(known, np.ones((3, 3), int))
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)[1:]
    order = [int(n) for n in np.argsort(-sizes, kind="stable") if sizes[n] >= least * sizes.max()]
    return [_face(uv, numbers == n + 1, landmark_uv) for n in order]


def _face(uv: NDArray[np.floating], mask: NDArray[np.bool_], landmark_uv: NDArray[np.floating]) -> UvFace:
    rows, columns = np.nonzero(mask)
    there = uv[rows, columns].astype(np.float64)
    distance = np.linalg.norm(there[:, None] - landmark_uv[None].astype(np.float64), axis=-1)  # (P, 68)
    nearest = distance.argmin(axis=0)
    points = np.stack([columns[nearest] + 0.5, rows[nearest] + 0.5], axis=-1)
    return UvFace(mask, points, distance[nearest, np.arange(len(landmark_uv))])
