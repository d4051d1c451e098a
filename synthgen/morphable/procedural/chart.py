"""The template chart of the head: (theta, t), and how it lies on a simple proto-head.

theta: radians around the vertical axis through the origin, 0 at the nose, positive to the subject's left.
t: millimetres; the height y up to CAP_START, beyond it CAP_RADIUS times the elevation on the spherical cap, so that
POLE_T is the crown.
"""

import numpy as np
from numpy.typing import NDArray

CAP_START = 50.0
CAP_RADIUS = 80.0
POLE_T = CAP_START + CAP_RADIUS * np.pi / 2


def chart_from_world(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chart coordinates (N, 2), theta in radians and t in mm, of points (N, 3), mm, world space."""
    x, y, z = points.T
    elevation = np.arctan2(np.maximum(y - CAP_START, 0.0), np.hypot(x, z))
    return np.stack([np.arctan2(x, z), np.minimum(y, CAP_START) + CAP_RADIUS * elevation], axis=1)


def proto_position(theta: NDArray[np.float64], t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions (..., 3), mm, on the proto-head: a cylinder of radius CAP_RADIUS under a half sphere."""
    elevation = np.clip((t - CAP_START) / CAP_RADIUS, 0.0, np.pi / 2)
    radius = CAP_RADIUS * np.cos(elevation)
    height = np.minimum(t, CAP_START) + CAP_RADIUS * np.sin(elevation)
    return np.stack([radius * np.sin(theta), height, radius * np.cos(theta)], axis=-1)
