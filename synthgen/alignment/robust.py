"""Robust losses of squared, normalised residuals, and the weights that make least squares of them."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Kernel = Literal["huber", "geman_mcclure"]


def robust_loss(squared: Array, kernel: Kernel, width: float) -> Array:
    """Losses of squared residuals s in units of the noise's variance; s / 2 where s is small against width^2.

    huber: s / 2 up to s = width^2, then width sqrt(s) - width^2 / 2. geman_mcclure: s / 2 / (1 + s / width^2).
    """
    if kernel == "huber":
        return np.where(squared <= width**2, 0.5 * squared, width * np.sqrt(squared) - 0.5 * width**2)
    return 0.5 * squared * width**2 / (width**2 + squared)


def robust_weight(squared: Array, kernel: Kernel, width: float) -> Array:
    """Twice the derivative of the loss by s: the weights of iteratively reweighted least squares."""
    if kernel == "huber":
        return width / np.sqrt(np.maximum(squared, width**2))
    return (width**2 / (width**2 + squared)) ** 2
