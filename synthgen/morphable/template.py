"""The part of a morphable model that no coefficient changes: triangles, chart, parts, landmarks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SurfacePoints:
    """Named points fixed on the surface, each inside one triangle.

    triangle: (K,) int32; barycentric: (K, 3) float32, rows sum to 1.
    """

    triangle: NDArray[np.int32]
    barycentric: NDArray[np.float32]


@dataclass(frozen=True)
class Template:
    """Mesh connectivity, template coordinates and annotations shared by all heads of a model.

    triangles: (T, 3) int32, counter-clockwise from outside. The first `label_count` carry labels; the rest (inner
        mouth, teeth, head beyond the cut) are rendered, hide what lies behind them, and have triangle_id -1.
    label_count: number of label-carrying triangles.
    uv: (T, 3, 2) float32 in [0, 1], one pair per triangle corner, v up (v = 1 at the forehead). For the first
        `label_count` triangles this is the template coordinate, injective; for the rest a texture coordinate only.
    parts: (T,) uint8, index into `core.conventions.PARTS`; 0 for triangles without labels.
    pncc: (V, 3) float32 in [0, 1]: the mean shape (neutral expression), each axis scaled by its own extent over the
        label-carrying vertices, clipped.
    landmarks: set name -> points; "ibug68" is always there, in iBUG order.
    contours: (17, M) int32 vertex indices, padded with -1: candidates for the jaw points 0..16 in landmark marching.
    """

    triangles: NDArray[np.int32]
    label_count: int
    uv: NDArray[np.float32]
    parts: NDArray[np.uint8]
    pncc: NDArray[np.float32]
    landmarks: dict[str, SurfacePoints]
    contours: NDArray[np.int32]


def evaluate_points(points: SurfacePoints, triangles: NDArray[np.int32], vertices: NDArray[np.floating]) -> NDArray:
    """Positions (..., K, 3) of surface points on vertices (..., V, 3), in the space and unit of the vertices."""
    corners = vertices[..., triangles[points.triangle], :]  # (..., K, 3, 3)
    return np.einsum("...kcd,kc->...kd", corners, points.barycentric)
