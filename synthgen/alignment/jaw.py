"""Which surface points the jaw's landmarks are in a picture: fixed ones, marched ones, or what annotators mark."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from synthgen.alignment.chin import CHIN, chin_edges
from synthgen.alignment.landmark_basis import JAW, POINTS, LandmarkBasis
from synthgen.alignment.solver import Array
from synthgen.geometry.rotation import euler_from_rotation
from synthgen.labels.landmarks import far_side, outwards

# fixed: the same surface points in every pose (3-D landmarks). marched: far-side points on the outline (Zhu et al.
# 2016, `landmarks_2d_contour`). annotated: what people mark in photos, which is marched only where the outline lies
# outside the fixed point, and the chin where it turns under.
JawStyle = Literal["annotated", "marched", "fixed"]


def jaw_rows(basis: LandmarkBasis, style: JawStyle, rotation: Array, table: Array, image: Array) -> NDArray[np.int64]:
    """(N, 68) rows of the basis that the landmarks are.

    rotation: (N, 3, 3); table: (N, Q, 3) mm, the heads' points of the basis in model space; image: (N, Q, 2) px, where
    they appear.
    """
    rows = np.tile(np.arange(POINTS), (len(rotation), 1))
    if style == "fixed":
        return rows
    marched = _marched(basis, rotation, (table, image), style == "annotated")
    rows[:, :JAW] = np.where(marched >= 0, marched, rows[:, :JAW])
    if style == "annotated":
        edges, faces = chin_edges(basis.chin, rotation)
        first = POINTS + basis.exists.size + np.arange(len(CHIN)) * basis.chin.vertices.shape[1]
        rows[:, CHIN] = np.where(faces, np.where(edges >= 0, first + edges, CHIN), rows[:, CHIN])
    return rows


def _marched(basis: LandmarkBasis, rotation: Array, heads: tuple[Array, Array], keep_outer: bool) -> NDArray[np.int64]:
    """(N, 17) rows of the far side's jaw points, -1 for those that stay.

    On each point's line of candidates the one is taken that reaches furthest by labels.landmarks.outwards. keep_outer:
    a point that lies outside its line stays, and outwards is across alone, which meets six portraits better (2.40
    instead of 2.56 % of the eyes' distance); lines of some models are not at the level of the landmark (ICT-FaceKit:
    up to 15 mm lower), which shows in frontal faces.
    """
    table, image = heads
    lines = (len(image), *basis.exists.shape)
    posed = np.broadcast_to(table, (len(image), *table.shape[1:])) @ rotation.transpose(0, 2, 1)
    lined = slice(POINTS, POINTS + basis.exists.size)
    reach = outwards(posed[:, lined].reshape(*lines, 3), image[:, lined].reshape(*lines, 2), rotation, not keep_outer)
    reach = np.where(basis.exists, reach, -np.inf)
    far = far_side(euler_from_rotation(rotation)[:, 1]) & basis.exists.any(axis=-1)
    if keep_outer:
        far &= reach.max(axis=-1) > outwards(posed[:, :JAW, None], image[:, :JAW, None], rotation, False)[..., 0]
    return np.where(far, POINTS + np.arange(JAW) * lines[2] + reach.argmax(axis=-1), -1)
