"""Which surface points the jaw's landmarks are in a picture: fixed ones, marched ones, or what annotators mark."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from synthgen.alignment.chin import CHIN, chin_edges
from synthgen.alignment.landmark_basis import JAW, POINTS, LandmarkBasis
from synthgen.alignment.solver import Array
from synthgen.geometry.rotation import euler_from_rotation

# fixed: the same surface points in every pose (3-D landmarks). marched: far-side points on the outline (Zhu et al.
# 2016, `landmarks_2d_contour`). annotated: what people mark in photos, which is marched only where the outline lies
# outside the fixed point, and the chin where it turns under.
JawStyle = Literal["annotated", "marched", "fixed"]
_CENTRE = 8


def jaw_rows(basis: LandmarkBasis, style: JawStyle, rotation: Array, image: Array) -> NDArray[np.int64]:
    """(N, 68) rows of the basis that the landmarks are. rotation: (N, 3, 3); image: (N, Q, 2) px of all its points."""
    rows = np.tile(np.arange(POINTS), (len(rotation), 1))
    if style == "fixed":
        return rows
    marched = _marched(basis, rotation, image, keep_outer=style == "annotated")
    rows[:, :JAW] = np.where(marched >= 0, marched, rows[:, :JAW])
    if style == "annotated":
        edges, faces = chin_edges(basis.chin, rotation)
        first = POINTS + basis.exists.size + np.arange(len(CHIN)) * basis.chin.vertices.shape[1]
        rows[:, CHIN] = np.where(faces, np.where(edges >= 0, first + edges, CHIN), rows[:, CHIN])
    return rows


def _marched(basis: LandmarkBasis, rotation: Array, image: Array, keep_outer: bool) -> NDArray[np.int64]:
    """(N, 17) rows of the far side's jaw points, -1 for those that stay.

    On each point's line of candidates the outermost in the picture is taken, where outwards is across the upright
    head, so that a roll does not matter. keep_outer: a point that lies outside its line stays; lines of some models
    are not at the level of the landmark (ICT-FaceKit: up to 15 mm lower), which shows in frontal faces.
    """
    euler = euler_from_rotation(rotation)
    yaw, roll = euler[:, 1], euler[:, 2]
    lines = basis.exists.shape
    leftwards = np.stack([np.cos(roll), -np.sin(roll)], axis=-1)  # the upright head's left in the picture, y down
    across = np.einsum("nqc,nc->nq", image, leftwards) * np.where(yaw > 0, 1.0, -1.0)[:, None]
    lined = across[:, POINTS : POINTS + basis.exists.size].reshape(-1, *lines)
    lined = np.where(basis.exists, lined, -np.inf)
    best = lined.argmax(axis=-1)
    jaw = np.arange(JAW)
    far = np.where(yaw[:, None] > 0, jaw > _CENTRE, jaw < _CENTRE) & basis.exists.any(axis=-1)
    if keep_outer:
        far &= lined.max(axis=-1) > across[:, :JAW]
    return np.where(far, POINTS + jaw * lines[1] + best, -1)
