"""Smooth unions of height fields and other small functions that features are sculpted with."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def smooth_max(a: Array, b: Array, width: float) -> Array:
    """Maximum of a and b, rounded where they differ by less than `width`."""
    overlap = np.maximum(width - np.abs(a - b), 0.0) / width
    return np.maximum(a, b) + overlap * overlap * width / 4.0


def gauss(*scaled: Array) -> Array:
    """exp(-sum of squares / 2) of distances already divided by their sigmas."""
    return np.asarray(np.exp(-0.5 * sum(s * s for s in scaled)))


def ellipsoid_height(
    x: Array, y: Array, centre: tuple[float, float, float], radii: tuple[float, float, float]
) -> Array:
    """Height z of the front of an ellipsoid over (x, y); outside its outline it falls off steeply."""
    q = ((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2
    rim = np.maximum(np.sqrt(q) - 1.0, 0.0)
    return np.asarray(centre[2] + radii[2] * (np.sqrt(np.maximum(1.0 - q, 0.0)) - 2.5 * rim))


def smooth_step(x: Array, low: float, high: float) -> Array:
    """0 below `low`, 1 above `high`, a cubic between; falls instead of rising where high < low."""
    s = np.clip((x - low) / (high - low), 0.0, 1.0)
    return np.asarray(s * s * (3.0 - 2.0 * s))
