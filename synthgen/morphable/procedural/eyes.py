"""Eyeballs and the lids over them."""

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable.procedural.blend import gauss, smooth_max, smooth_step
from synthgen.morphable.procedural.grid import LOWER_FOLD, UPPER_FOLD, HeadGrid

# Centre of the left globe and radii, mm: the globe, the outside of the lids, the inside of the socket.
GLOBE_CENTRE = (31.6, 16.4, 71.6)
GLOBE_RADIUS = 12.0
LID_RADIUS = 14.0
SOCKET_RADIUS = 13.0
# Steps of the socket from the upper lid margin around the back of the globe to the lower one.
SOCKET_STEPS = 7
# How many columns from the inner corner the membrane in that corner reaches.
WEB_COLUMNS = 6.0


def globe_centre(side: int) -> NDArray[np.float64]:
    """Centre (3,), mm, of the left (+1) or right (-1) globe."""
    return np.array([side * GLOBE_CENTRE[0], GLOBE_CENTRE[1], GLOBE_CENTRE[2]])


def add_lids(position: NDArray[np.float64], grid: HeadGrid) -> NDArray[np.float64]:
    """Positions (N, 3), mm, with the skin drawn over the globes as lids, creases included."""
    x, y, z = position.T
    dx, dy = np.abs(x) - GLOBE_CENTRE[0], y - GLOBE_CENTRE[1]
    q = (dx * dx + dy * dy) / LID_RADIUS**2
    cap = np.sqrt(np.maximum(1.0 - q, 0.0)) - 1.5 * np.maximum(np.sqrt(q) - 1.0, 0.0)
    near = (np.hypot(dx, dy) < 24.0) & (z > 50.0)
    lid = np.where(near, smooth_max(z, GLOBE_CENTRE[2] + LID_RADIUS * cap, 4.0), z)
    row = grid.row
    span = smooth_step(dx, -17.0, -9.0) * smooth_step(dx, 18.0, 10.0)
    crease = gauss((row - grid.key[UPPER_FOLD]) / 0.75) * span * near
    hood = gauss((row - grid.key[UPPER_FOLD] - 2.0) / 1.0) * span * near
    bag = gauss((row - grid.key[LOWER_FOLD] - 1.0) / 0.9) * span * near
    return np.stack([x, y, lid - 1.5 * crease + 0.7 * hood - 0.2 * bag], axis=1)


def socket_vertices(
    margin_upper: NDArray[np.float64], margin_lower: NDArray[np.float64], side: int
) -> NDArray[np.float64]:
    """Vertices (SOCKET_STEPS, M, 3), mm, of the socket from the upper to the lower lid margin (M, 3) each.

    Every column runs around the globe in a plane through the axis that joins the corners of the eye, so that rows close
    behind the globe without crossing each other.
    """
    centre = globe_centre(side)
    upper, lower = margin_upper - centre, margin_lower - centre
    radius = np.linalg.norm(upper, axis=1)
    polar = np.arccos(np.clip(0.5 * (upper[:, 0] + lower[:, 0]) / radius, -0.97, 0.97))
    high = np.arctan2(upper[:, 1], upper[:, 2])
    low = np.arctan2(lower[:, 1], lower[:, 2]) + 2.0 * np.pi
    steps = np.linspace(0.0, 1.0, SOCKET_STEPS)[:, None]
    # At the inner corner the rims reach towards each other and cover what the globe leaves open.
    opening = high - (low - 2.0 * np.pi)
    medial = np.arange(len(high)) if side > 0 else np.arange(len(high))[::-1]
    web = 0.47 * smooth_step(medial.astype(np.float64), WEB_COLUMNS, 0.0)
    start, stop = high - web * opening, low + web * opening
    elevation = np.concatenate(
        [start[None], (high + 0.15) * (1.0 - steps[1:-1]) + (low - 0.15) * steps[1:-1], stop[None]]
    )
    ring = np.stack(
        [
            np.broadcast_to(np.cos(polar), elevation.shape),
            np.sin(polar) * np.sin(elevation),
            np.sin(polar) * np.cos(elevation),
        ],
        axis=-1,
    )
    return np.asarray(centre + SOCKET_RADIUS * ring)
