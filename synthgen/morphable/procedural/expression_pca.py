"""Ten standard-deviation coordinates of expressions whose movements are sampled a few at a time."""

import numpy as np
from numpy.typing import NDArray

# 1 to MOST_ACTIVE movements at once, each number equally likely, with weights uniform in [0, 1].
MOST_ACTIVE = 4


def weight_moments(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (count,) and covariance (count, count) of sampled weights, in closed form."""
    active = np.arange(1, MOST_ACTIVE + 1)
    one = float(active.mean()) / count
    two = float((active * (active - 1)).mean()) / (count * (count - 1))
    second = np.full((count, count), two / 4.0)
    np.fill_diagonal(second, one / 3.0)
    mean = np.full(count, one / 2.0)
    return mean, second - np.outer(mean, mean)


def expression_coordinates(basis: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean weights (E,) and matrix P (10, E) with unit-variance, uncorrelated P (w - mean), strongest motion first.

    basis: (E, V, 3) displacements, mm per unit of weight.
    """
    flat = basis.reshape(len(basis), -1)
    mean, covariance = weight_moments(len(basis))
    root = np.linalg.cholesky(covariance)
    variance, axes = np.linalg.eigh(root.T @ (flat @ flat.T) @ root)
    axes = axes[:, np.argsort(variance)[::-1]]
    matrix = axes.T @ np.linalg.inv(root)
    strongest = np.abs(matrix).argmax(axis=1)
    return mean, matrix * np.sign(matrix[np.arange(len(matrix)), strongest])[:, None]
