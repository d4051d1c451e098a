"""Lips, philtrum and the inside of the mouth."""

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable.procedural.blend import gauss
from synthgen.morphable.procedural.grid import LOWER_LIP, MOUTH, MOUTH_CORNER, UPPER_LIP, HeadGrid

UPPER_HEIGHT, LOWER_HEIGHT = 4.6, 5.4
HALF_GAP = 0.04

# Cross-section of the mouth from the upper to the lower lip: (up, back) from the parting line, mm.
POUCH = (
    (0.05, 2.6), (2.5, 6.5), (11.0, 9.5), (14.0, 25.0), (2.0, 42.0),
    (-14.0, 26.0), (-9.5, 13.0), (-3.0, 8.5), (-0.05, 2.6),
)  # fmt: skip


def _height(q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Relative height of a lip from its border (q = 0) to the parting line (q = 1)."""
    inside = np.clip(q, 0.0, 1.0)
    return np.asarray(np.sin(np.pi * inside**0.75 * 0.86) ** 0.85 * (q > 0.0))


def add_lips(position: NDArray[np.float64], grid: HeadGrid) -> NDArray[np.float64]:
    """Positions (N, 3), mm, of the skin with lips, philtrum and a line between the lips."""
    x, y, z = position.T
    corner = np.deg2rad(MOUTH_CORNER)
    span = np.clip(1.0 - (np.abs(grid.theta) / corner) ** 2, 0.0, 1.0) ** 0.7
    row, key = grid.row, grid.key
    upper = (key[UPPER_LIP] - row) / (key[UPPER_LIP] - key[MOUTH])
    lower = (row - key[LOWER_LIP]) / (key[MOUTH] - key[LOWER_LIP])
    is_upper = (row > key[MOUTH]) | ((row == key[MOUTH]) & (grid.side > 0))
    lift = np.where(is_upper, UPPER_HEIGHT * _height(upper), LOWER_HEIGHT * _height(lower)) * span
    at_line = row == key[MOUTH]
    gap = np.where(at_line, HALF_GAP * np.sign(grid.side), 0.0)
    front = z > 60.0
    corner_y = y[grid.lower[key[MOUTH], grid.mouth[0]]]
    corner_pit = gauss((np.abs(np.rad2deg(grid.theta)) - MOUTH_CORNER - 0.7) / 1.7, (y - corner_y) / 2.6) * front
    below_nose = gauss((y + 36.5) / 4.0) * front
    philtrum = below_nose * (0.7 * gauss((np.abs(x) - 4.6) / 1.4) - 1.1 * gauss(x / 2.2))
    return np.stack([x, y + gap * span, z + lift * front - 1.0 * corner_pit + philtrum], axis=1)


def pouch_vertices(upper: NDArray[np.float64], lower: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vertices (P, M, 3), mm, of the mouth pouch between the lip edges `upper` and `lower` (M, 3) each."""
    middle = 0.5 * (upper + lower)
    half = np.abs(middle[:, 0]).max()
    # Flat at the corners, where the pouch closes.
    taper = np.clip(1.0 - (np.abs(middle[:, 0]) / (half + 1.5)) ** 4, 0.0, 1.0)
    offsets = np.array(POUCH)
    up = offsets[:, 0][:, None] * taper
    back = offsets[:, 1][:, None] * (0.35 + 0.65 * taper)
    return np.stack([np.broadcast_to(middle[:, 0], up.shape), middle[:, 1] + up, middle[:, 2] - back], axis=-1)
