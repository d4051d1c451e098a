"""Candidate vertices of the jaw outline, for landmark marching on any model with the project's chart."""

import numpy as np
from numpy.typing import NDArray

CONTOUR_POINTS = 14
_OUTWARD = 0.02  # how far beyond the jaw point a line begins
# Distance from u = 0.5 at which the lines of points 0 (ear) to 7 (chin) end: the upper ones stop below the outer eye
# corner so that the nose is never a candidate, the lower ones beside the mouth and on the chin.
_INNER_U = (0.19, 0.18, 0.17, 0.16, 0.13, 0.10, 0.07, 0.04)


def jaw_contours(uv: NDArray[np.floating], triangles: NDArray[np.int32], jaw: NDArray[np.integer]) -> NDArray[np.int32]:
    """(17, M) int32 vertex rows, padded with -1: per jaw point the vertices on its level of the chart.

    uv: (T, 3, 2) chart of the label-carrying triangles (T, 3) of the face shell; jaw: (17,) vertices of points 0..16.
    Each line runs from just outside the jaw point towards the middle of the face, at the jaw point's v; point 8, the
    chin, has itself alone.
    """
    chart = np.full((int(triangles.max()) + 1, 2), np.inf)
    chart[triangles] = uv
    contours = np.full((17, CONTOUR_POINTS), -1, np.int32)
    contours[8, 0] = jaw[8]
    for point in (*range(8), *range(9, 17)):
        u, v = chart[jaw[point]]
        side = -1.0 if point < 8 else 1.0
        inner = min(_INNER_U[point if point < 8 else 16 - point], abs(u - 0.5))
        offsets = np.linspace(abs(u - 0.5) + _OUTWARD, inner, CONTOUR_POINTS - 1)
        line = np.stack([0.5 + side * offsets, np.full(len(offsets), v)], axis=1)
        nearest = [int(np.argmin(((chart - place) ** 2).sum(axis=1))) for place in line]
        unique = list(dict.fromkeys([int(jaw[point]), *nearest]))
        contours[point, : len(unique)] = unique
    return contours
