"""Closed surfaces apart from the head: globes and rows of teeth."""

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable.procedural.eyes import GLOBE_RADIUS, globe_centre

# Rings of the globe by angle from the optical axis, degrees: the iris has its own, the back is coarse.
GLOBE_RINGS = (8.0, 16.0, 24.0, 29.0, 34.0, 42.0, 51.0, 60.0, 70.0, 82.0, 100.0, 125.0, 152.0)
GLOBE_MERIDIANS = 24
FRONT_RINGS = 10

TEETH_COLUMNS = 17
ARCH = 1.35  # radians of the dental arch to either side
# Cross-section of the upper teeth, anti-clockwise seen from the subject's left: (up, forward), mm.
TEETH_SECTION = ((-8.0, 0.0), (-4.0, 0.9), (5.0, 0.2), (6.0, -4.0), (-4.0, -5.0), (-7.6, -1.6))


def globe_vertices(side: int) -> NDArray[np.float64]:
    """Vertices (1 + rings * meridians + 1, 3), mm, from the front pole to the back pole."""
    polar = np.deg2rad(np.array(GLOBE_RINGS))[:, None]
    around = np.arange(GLOBE_MERIDIANS)[None] * 2.0 * np.pi / GLOBE_MERIDIANS + np.pi / 2
    # The mirror image on the other side keeps the numbering of one globe the mirror of the other's.
    ring = np.stack(
        [side * np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar) + 0.0 * around], axis=-1
    )
    unit = np.concatenate([[[0.0, 0.0, 1.0]], ring.reshape(-1, 3), [[0.0, 0.0, -1.0]]])
    return globe_centre(side) + GLOBE_RADIUS * unit


def globe_triangles(side: int) -> NDArray[np.int64]:
    """Triangles of a globe, front first: the first GLOBE_MERIDIANS * (2 * FRONT_RINGS - 1) lie in front."""
    m, rings = GLOBE_MERIDIANS, len(GLOBE_RINGS)
    k = np.arange(m)
    following = (k + 1) % m
    parts = [np.stack([np.zeros(m, dtype=np.int64), 1 + k, 1 + following], -1)]
    for ring in range(rings - 1):
        inner, outer = 1 + ring * m, 1 + (ring + 1) * m
        parts.append(np.stack([inner + k, outer + k, outer + following], -1))
        parts.append(np.stack([inner + k, outer + following, inner + following], -1))
    last = 1 + (rings - 1) * m
    parts.append(np.stack([last + k, np.full(m, 1 + rings * m), last + following], -1))
    triangles = np.concatenate(parts)
    return triangles if side > 0 else triangles[:, ::-1]


def teeth_vertices(line: NDArray[np.float64], upper: bool) -> NDArray[np.float64]:
    """Vertices (TEETH_COLUMNS * 6, 3), mm, of a row of teeth behind the point `line` (3,) between the lips."""
    angle = np.linspace(-ARCH, ARCH, TEETH_COLUMNS)
    x = 24.0 * np.sin(angle) / np.sin(ARCH)
    depth = 34.0 * (1.0 - np.cos(angle)) / (1.0 - np.cos(ARCH))
    section = np.array(TEETH_SECTION)
    sign = 1.0 if upper else -1.0
    scale, inset = (1.0, 0.0) if upper else (0.93, 2.2)
    base = line + np.array([0.0, 5.6 if upper else -9.8, -10.0 - inset])
    up = sign * section[:, 0]
    vertices = np.stack(
        [
            x[:, None] * (scale + 0.037 * section[:, 1]),
            base[1] + np.repeat(up[None], len(x), 0),
            base[2] - depth[:, None] * scale + section[:, 1],
        ],
        axis=-1,
    )
    return vertices.reshape(-1, 3)


def teeth_triangles(upper: bool) -> NDArray[np.int64]:
    """Triangles of a closed row of teeth."""
    n = len(TEETH_SECTION)
    k = np.arange(n)
    following = (k + 1) % n
    parts = []
    for column in range(TEETH_COLUMNS - 1):
        a, b = column * n, (column + 1) * n
        parts.append(np.stack([a + k, b + k, b + following], -1))
        parts.append(np.stack([a + k, b + following, a + following], -1))
    last = (TEETH_COLUMNS - 1) * n
    for j in range(1, n - 1):
        parts.append(np.array([[0, j, j + 1]]))
        parts.append(np.array([[last, last + j + 1, last + j]]))
    triangles = np.concatenate(parts)
    return triangles if upper else triangles[:, ::-1]
