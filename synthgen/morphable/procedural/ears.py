"""Ears, folded out of a rectangle of the grid at either side of the head.

Loops of grid lines around the rectangle's middle become loops of the ear: concha, antihelix, scapha, helix, the back of
the helix, and the crease where the ear meets the head.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from synthgen.morphable.procedural.blend import smooth_step
from synthgen.morphable.procedural.grid import EAR_BACK, EAR_FRONT, NOSE_BASE, UPPER_FOLD, HeadGrid

# Middle of the concha of the left ear, mm, and how far the rim reaches from it.
CONCHA = np.array([70.5, 4.0, -9.0])
REACH_UP, REACH_DOWN, REACH_BACK, REACH_FRONT = 33.0, 27.0, 24.0, 12.0
TILT_DEG, TURN_DEG = 14.0, 24.0

# Loop radius 0 (concha) to 1 (crease): reach, relative to the rim, and height, mm, of the outer ear ...
RHO = (0.0, 0.16, 0.30, 0.40, 0.52, 0.62, 0.70, 0.78, 0.86, 1.0)
REACH = (0.0, 0.22, 0.42, 0.58, 0.76, 0.92, 1.0, 0.98, 0.80, 0.56)
HEIGHT = (-5.0, -4.0, 4.0, 7.0, 5.5, 8.5, 7.5, 4.5, 2.0, 0.0)
# ... of the lobe, which has no folds ...
LOBE_HEIGHT = (-5.0, -2.0, 3.0, 4.0, 4.5, 4.5, 3.5, 2.0, 1.0, 0.0)
# ... and of the front, where the tragus stands over the concha and the cheek goes on.
FRONT_REACH = (0.0, 0.16, 0.30, 0.40, 0.52, 0.62, 0.70, 0.78, 0.88, 1.1)
FRONT_HEIGHT = (-5.0, -4.0, 0.0, 3.5, 4.0, 3.0, 2.0, 1.3, 0.6, 0.0)
FRONT_EXTENT = (16.0, 19.0)  # forwards and upwards, mm
# The auricle stands away from the head more at the back than at the front: mm at full reach backwards.
FLARE = 9.0


def _loops(grid: HeadGrid, side: int) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Vertices of one ear's rectangle with loop radius and direction (0 backwards, pi/2 up), all (N,)."""
    degrees = side * np.rad2deg(grid.theta[grid.lower[0]])
    columns = np.flatnonzero((degrees >= EAR_FRONT - 1e-6) & (degrees <= EAR_BACK + 1e-6))
    if side < 0:
        columns = columns[::-1]
    rows = np.arange(grid.key[NOSE_BASE], grid.key[UPPER_FOLD] + 1)
    p = np.linspace(-1.0, 1.0, len(columns))[None] + np.zeros((len(rows), 1))
    q = np.linspace(-1.0, 1.0, len(rows))[:, None] + np.zeros((1, len(columns)))
    rho = np.maximum(np.abs(p), np.abs(q))
    safe = np.maximum(rho, 1e-9)
    # Concentric map: squares become circles.
    quarter = np.pi / 4.0
    flat = np.abs(p) >= np.abs(q)
    angle = np.where(flat, quarter * q / np.where(flat, p, safe), 2 * quarter - quarter * p / np.where(flat, safe, q))
    angle = np.where(flat & (p < 0.0), angle + np.pi, angle)
    angle = np.where(~flat & (q < 0.0), angle + np.pi, angle)
    return grid.lower[np.ix_(rows, columns)].ravel(), rho.ravel(), angle.ravel()


def _one_ear(position: NDArray[np.float64], grid: HeadGrid, side: int) -> None:
    """Moves one ear's vertices of `position` (G, 3) in place."""
    numbers, rho, angle = _loops(grid, side)
    back, up = np.cos(angle), np.sin(angle)
    front = smooth_step(-back, -0.1, 0.62)
    lobe = smooth_step(-up, 0.55, 0.9) * (1.0 - front)

    def along(values: tuple[float, ...]) -> NDArray[np.float64]:
        return np.asarray(PchipInterpolator(RHO, values)(rho))

    height = along(HEIGHT) * (1.0 - front - lobe) + along(LOBE_HEIGHT) * lobe + along(FRONT_HEIGHT) * front
    reach, front_reach = along(REACH) * (1.0 - front), along(FRONT_REACH) * front
    backwards = back * (reach * np.where(back > 0, REACH_BACK, REACH_FRONT) + front_reach * FRONT_EXTENT[0])
    upwards = up * (reach * np.where(up > 0, REACH_UP, REACH_DOWN) + front_reach * FRONT_EXTENT[1])
    rim = along((0.0, 0.0, 0.2, 0.5, 0.8, 1.0, 1.0, 0.8, 0.4, 0.0))
    height = (
        height + FLARE * rim * np.clip(back, 0.0, 1.0) * smooth_step(up, -1.0, 0.2) + 3.0 * rim * np.clip(up, 0.0, 1.0)
    )
    tilt, turn = np.deg2rad(TILT_DEG), np.deg2rad(TURN_DEG)
    z_back = backwards * np.cos(tilt) + upwards * np.sin(tilt)
    y_up = upwards * np.cos(tilt) - backwards * np.sin(tilt)
    outward = np.array([np.cos(turn * 0.4), 0.0, np.sin(turn * 0.4)])
    # The head bulges above the ear: its own surface is the base that heights count from.
    base = np.abs(position[numbers, 0]) * rho + CONCHA[0] * (1.0 - rho)
    ear = np.stack([base, np.full_like(base, CONCHA[1]), np.full_like(base, CONCHA[2])], axis=1)
    ear = ear + height[:, None] * outward
    ear = ear + np.stack([np.zeros_like(y_up), y_up, -z_back], axis=1)
    ear = ear * np.array([float(side), 1.0, 1.0])
    keep = smooth_step(rho, 1.0, 0.84)[:, None]
    position[numbers] = keep * ear + (1.0 - keep) * position[numbers]


def add_ears(position: NDArray[np.float64], grid: HeadGrid) -> NDArray[np.float64]:
    """Positions (G, 3), mm, with both ears."""
    position = position.copy()
    for side in (-1, 1):
        _one_ear(position, grid, side)
    return position
