"""The eyes of a foreign head, which lie in slots of the chart of their own: eyeballs, or the part between the lids."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable import regions, unwrap
from synthgen.morphable.loaders.chart_overlap import overlapping_pairs
from synthgen.morphable.loaders.face_shell import edge_components

LABELLED_ANGLE = np.radians(80.0)
_BALL_RADIUS = 12.0  # mm; eyeballs of adults are 24 mm wide
_NEAR, _SIDE = 20.0, (14.0, 36.0)  # mm: how far an eyeball's middle may be from the lids' middle, and its size


@dataclass(frozen=True)
class EyeIsland:
    """One eye. side: "right" or "left"; rows: (T,) bool, its triangles; front: (T,) bool, those of them that carry
    labels; uv: (V, 2) chart coordinates, meant for the vertices of its triangles only."""

    side: str
    rows: NDArray[np.bool_]
    front: NDArray[np.bool_]
    uv: NDArray[np.float64]


def find_eyes(
    vertices: NDArray[np.float64],
    triangles: NDArray[np.integer],
    landmarks: NDArray[np.float64],
    skin: NDArray[np.bool_],
) -> list[EyeIsland]:
    """The right and the left eye, where there is one: no eye for a mesh that is open between the lids.

    vertices: (V, 3) mm; landmarks: (68, 3) mm; skin: (T,) bool, the piece of the mesh that holds the face.
    An eyeball is a piece of its own of an eyeball's size behind the lids. A mesh that is closed between the lids, as
    Basel's is, gives what lies inside the lid outline.
    """
    piece = edge_components(triangles)
    islands = []
    for side, first, slot in (("right", 36, unwrap.RIGHT_EYE_SLOT), ("left", 42, unwrap.LEFT_EYE_SLOT)):
        middle = landmarks[first : first + 6].mean(axis=0)
        ball = _eyeball(vertices, triangles, piece, skin, middle)
        if ball is None:
            rows = skin & _between_lids(vertices, triangles, landmarks, side)
            if not rows.any():
                continue
            nearest = float(vertices[np.unique(triangles[rows]), 2].max())
            centre = np.array([middle[0], middle[1], nearest - _BALL_RADIUS])
        else:
            rows = ball
            box = vertices[np.unique(triangles[rows])]
            centre = (box.min(axis=0) + box.max(axis=0)) / 2
        uv = unwrap.eye_chart(vertices, centre, slot).astype(np.float32).astype(np.float64)
        rays = vertices[triangles] - centre
        angle = np.arccos(np.clip(rays[..., 2] / np.maximum(np.linalg.norm(rays, axis=-1), 1e-12), -1.0, 1.0))
        upright = unwrap.chart_areas(uv, triangles) > unwrap.MIN_AREA
        front = rows & upright & (angle.max(axis=1) < LABELLED_ANGLE)
        own = np.flatnonzero(front)
        front[own[overlapping_pairs(uv[triangles[own]])[:, 1]]] = False
        islands.append(EyeIsland(side, rows if ball is not None else front, front, uv))
    return islands


def _eyeball(
    vertices: NDArray[np.float64],
    triangles: NDArray[np.integer],
    piece: NDArray[np.int64],
    skin: NDArray[np.bool_],
    middle: NDArray[np.float64],
) -> NDArray[np.bool_] | None:
    """(T,) bool: the largest separate piece of an eyeball's size near the middle of the lids (3,), or None."""
    best, most = None, 0
    for number in np.unique(piece[~skin]):
        rows = piece == number
        box = vertices[np.unique(triangles[rows])]
        low, high = box.min(axis=0), box.max(axis=0)
        fits = _SIDE[0] <= float((high - low).max()) <= _SIDE[1] and float((high - low).min()) > 0.4 * _SIDE[0]
        if fits and np.linalg.norm((low + high) / 2 - middle) < _NEAR and int(rows.sum()) > most:
            best, most = rows, int(rows.sum())
    return best


def _between_lids(
    vertices: NDArray[np.float64], triangles: NDArray[np.integer], landmarks: NDArray[np.float64], side: str
) -> NDArray[np.bool_]:
    """(T,) bool: triangles that face the viewer inside the lid outline."""
    corners = vertices[triangles]
    outline = regions.eye_outline(landmarks, side)
    centre = corners.mean(axis=1)
    low, high = outline.min(axis=0), outline.max(axis=0)
    rows = ((centre[:, :2] > low) & (centre[:, :2] < high)).all(axis=1)
    first = 36 if side == "right" else 42
    rows &= np.abs(centre[:, 2] - landmarks[first : first + 6, 2].mean()) < _BALL_RADIUS
    rows &= np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] > 0
    near = np.flatnonzero(rows)
    rows[near] = regions.inside_polygon(centre[near, :2], outline)
    return rows
