"""Facial regions of a mean head in frontal view, from its 68 landmarks alone, so that they fit any model.

Everything here lives in the frontal plane: (x, y) mm of the mean shape, x to the subject's left, y up.
"""

import numpy as np
from numpy.typing import NDArray

from synthgen.core.conventions import PARTS

Points = NDArray[np.floating]

# iBUG places brow points on the upper edge of the brow.
BROW_HALF_WIDTH = 4.0
EYE_MARGIN = 3.5  # lids belong to the eye part
_UPPER_OUTER, _LOWER_OUTER = (48, 49, 50, 51, 52, 53, 54), (54, 55, 56, 57, 58, 59, 48)


def smooth_curve(points: Points, samples: int = 8) -> NDArray[np.float64]:
    """Catmull-Rom curve (M, D) through points (K, D), `samples` steps between neighbours, ends included."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]]).astype(np.float64)
    a, b, c, d = padded[:-3, None], padded[1:-2, None], padded[2:-1, None], padded[3:, None]
    t = (np.arange(samples) / samples)[None, :, None]
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.concatenate([curve.reshape(-1, points.shape[1]), points[-1:]])


def curve_distance(points: Points, curve: Points) -> NDArray[np.float64]:
    """(N,) distance of points (N, D) to a polyline (M, D)."""
    return curve_coordinates(points, curve)[1]


def curve_coordinates(points: Points, curve: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nearest place on a polyline (M, D) of points (N, D): arc position in [0, 1] and distance, both (N,)."""
    start, step = curve[:-1], np.diff(curve, axis=0)
    length = np.linalg.norm(step, axis=1)
    before = np.concatenate([[0.0], np.cumsum(length)])
    best = np.full(len(points), np.inf)
    position = np.zeros(len(points))
    for row in range(len(step)):
        along = np.clip((points - start[row]) @ step[row] / max(float(length[row]) ** 2, 1e-12), 0.0, 1.0)
        distance = np.linalg.norm(points - (start[row] + along[:, None] * step[row]), axis=1)
        nearer = distance < best
        best = np.where(nearer, distance, best)
        position = np.where(nearer, before[row] + along * length[row], position)
    return position / before[-1], best


def inside_polygon(points: Points, polygon: Points) -> NDArray[np.bool_]:
    """(N,) bool: points (N, 2) inside a closed polygon (M, 2), even-odd rule."""
    following = np.roll(polygon, -1, axis=0)
    inside = np.zeros(len(points), bool)
    for (x0, y0), (x1, y1) in zip(polygon, following, strict=True):
        if y0 != y1:
            crosses = (y0 > points[:, 1]) != (y1 > points[:, 1])
            inside ^= crosses & (points[:, 0] < x0 + (points[:, 1] - y0) / (y1 - y0) * (x1 - x0))
    return inside


def signed_distance(points: Points, polygon: Points) -> NDArray[np.float64]:
    """(N,) distance of points (N, 2) to the border of a closed polygon (M, 2), negative inside."""
    distance = curve_distance(points, np.concatenate([polygon, polygon[:1]]))
    return np.where(inside_polygon(points, polygon), -distance, distance)


def eye_outline(landmarks: Points, side: str) -> NDArray[np.float64]:
    """Smooth closed lid contour (M, 2) of the "right" or "left" eye."""
    first = 36 if side == "right" else 42
    upper = smooth_curve(landmarks[[first, first + 1, first + 2, first + 3], :2])
    lower = smooth_curve(landmarks[[first + 3, first + 4, first + 5, first], :2])
    return np.concatenate([upper[:-1], lower[:-1]])


def brow_curve(landmarks: Points, side: str) -> NDArray[np.float64]:
    """Upper edge of a brow (M, 2), from its temple end to its nose end."""
    rows = [17, 18, 19, 20, 21] if side == "right" else [26, 25, 24, 23, 22]
    return smooth_curve(landmarks[rows, :2])


def mouth_outline(landmarks: Points) -> NDArray[np.float64]:
    """Closed outer outline (M, 2) of both lips."""
    flat = landmarks[:, :2]
    upper, lower = smooth_curve(flat[list(_UPPER_OUTER)]), smooth_curve(flat[list(_LOWER_OUTER)])
    return np.concatenate([upper[:-1], lower[:-1]])


def nose_outline(landmarks: Points) -> NDArray[np.float64]:
    """Closed outline (M, 2) of the nose: bridge, side walls, wings."""
    flat = landmarks[:, :2]
    base = (flat[31] + flat[35]) / 2
    half = float(flat[35, 0] - flat[31, 0]) / 2 * 1.55  # the wings reach beyond the base points
    bridge, tip = flat[27], flat[30]
    height = float(bridge[1] - base[1])
    right = np.array(
        [
            [bridge[0] - 0.42 * half, bridge[1]],
            [bridge[0] - 0.55 * half, bridge[1] - 0.45 * height],
            [tip[0] - 0.95 * half, base[1] + 0.30 * height],
            [tip[0] - 1.05 * half, base[1] + 0.08 * height],
            [base[0] - 0.85 * half, base[1] - 0.06 * height],
            [base[0] - 0.30 * half, flat[33, 1] - 0.06 * height],
        ]
    )
    left = right[::-1] * [-1.0, 1.0] + [2.0 * float(bridge[0]), 0.0]
    outline = np.concatenate([right, left])
    return smooth_curve(np.concatenate([outline, outline[:1]]), 4)[:-1]


def shell_parts(centroids: Points, landmarks: Points) -> NDArray[np.uint8]:
    """(T,) part of face-shell triangles with mean-shape centroids (T, 3), mm, given landmarks (68, 3).

    Later regions win: brows over eyes over nose over lips over "other". Inner lip surfaces, which lie behind the lips,
    belong to the lip whose side of the mouth line they are on.
    """
    flat = np.asarray(centroids, np.float64)[:, :2]
    part = np.full(len(flat), PARTS.index("other"), np.uint8)
    front = centroids[:, 2] > landmarks[[48, 54], 2].mean() - 25.0
    mouth = inside_polygon(flat, mouth_outline(landmarks)) & front
    line = smooth_curve((landmarks[[60, 61, 62, 63, 64], :2] + landmarks[[60, 67, 66, 65, 64], :2]) / 2)
    above = flat[:, 1] > np.interp(flat[:, 0], line[:, 0], line[:, 1])
    part[mouth & above] = PARTS.index("upper_lip")
    part[mouth & ~above] = PARTS.index("lower_lip")
    part[inside_polygon(flat, nose_outline(landmarks)) & front] = PARTS.index("nose")
    for side in ("right", "left"):
        near_eye = signed_distance(flat, eye_outline(landmarks, side)) < EYE_MARGIN
        part[near_eye & front] = PARTS.index(f"{side}_eye")
        curve = brow_curve(landmarks, side) - [0.0, 0.7 * BROW_HALF_WIDTH]
        part[(curve_distance(flat, curve) < BROW_HALF_WIDTH) & front] = PARTS.index(f"{side}_brow")
    return part
