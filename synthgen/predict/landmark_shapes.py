"""Shapes of 68 landmarks as mean and principal components, and the nearest of them to uncertain points."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_ROUNDS = 8


@dataclass(frozen=True)
class LandmarkShapes:
    """mean: (K, 2), centred, of unit size (root of the mean square distance from the centre); basis: (M, K, 2),
    orthonormal; stddev: (M,) of the coefficients."""

    mean: Array
    basis: Array
    stddev: Array


def learn_shapes(shapes: NDArray[np.floating], variance: float = 0.98, most: int = 40) -> LandmarkShapes:
    """The model of shapes (N, K, 2) px, moved, turned and scaled onto their mean (generalised Procrustes).

    variance: share of it that the components keep; most: components.
    """
    points = _complex(np.asarray(shapes, np.float64))
    points = points - points.mean(axis=1, keepdims=True)
    points = points / np.sqrt((np.abs(points) ** 2).mean(axis=1, keepdims=True))
    mean = points.mean(axis=0)
    for _ in range(3):
        mean = mean / np.sqrt((np.abs(mean) ** 2).mean())
        turn = (np.conj(points) * mean).sum(axis=1) / (np.abs(points) ** 2).sum(axis=1)
        aligned = points * turn[:, None]
        mean = aligned.mean(axis=0)
    flat = _real(aligned - mean).reshape(len(shapes), -1)
    _, singular, axes = np.linalg.svd(flat, full_matrices=False)
    power = singular**2
    kept = int(np.searchsorted(np.cumsum(power) / max(power.sum(), 1e-300), variance) + 1)
    kept = min(kept, most, len(singular))
    size = np.sqrt((np.abs(mean) ** 2).mean())
    stddev = singular[:kept] / np.sqrt(max(len(shapes) - 1, 1)) / size
    return LandmarkShapes(_real(mean / size), axes[:kept].reshape(kept, -1, 2), stddev)


def nearest_shape(
    model: LandmarkShapes, points: NDArray[np.floating], weight: NDArray[np.floating], noise: float = 0.05
) -> Array:
    """(K, 2): a shape of the model, moved, turned and scaled, near points (K, 2) px with weights (K,) >= 0.

    The prior of the coefficients against noise of `noise` sizes of the shape for points of weight 1: with 0 they are
    least squares. Points that are not finite count nothing. Fewer than two points determine no shape and come back
    as they are.
    """
    known = np.isfinite(points).all(axis=1) & (weight > 0)
    if known.sum() < 2:
        return np.asarray(points, np.float64).copy()
    goal = _complex(np.where(known[:, None], points, 0.0).astype(np.float64))
    trust = np.where(known, weight, 0.0).astype(np.float64)
    basis = model.basis.reshape(len(model.basis), -1)
    doubled = np.repeat(trust, 2)
    normal = (basis * doubled) @ basis.T
    prior = noise**2 / np.maximum(model.stddev, 1e-12) ** 2
    coefficients: Array = np.zeros(len(basis))
    turn, shift = 1.0 + 0.0j, 0.0 + 0.0j
    for _ in range(_ROUNDS):
        shape = _complex(model.mean + np.tensordot(coefficients, model.basis, axes=1))
        turn, shift = _similarity(shape, goal, trust)
        if abs(turn) < 1e-12:
            break
        back = _real((goal - shift) / turn).reshape(-1) - model.mean.reshape(-1)
        ridge = normal + np.diag(prior) + 1e-12 * np.eye(len(basis))
        coefficients = np.asarray(np.linalg.solve(ridge, (basis * doubled) @ back), np.float64)
    shape = _complex(model.mean + np.tensordot(coefficients, model.basis, axes=1))
    turn, shift = _similarity(shape, goal, trust)
    return _real(turn * shape + shift)


def _similarity(shape: NDArray[np.complex128], goal: NDArray[np.complex128], trust: Array) -> tuple[complex, complex]:
    """Turn-and-scale and shift of the best similarity: goal = turn shape + shift, by weights."""
    total = trust.sum()
    from_middle, to_middle = (trust * shape).sum() / total, (trust * goal).sum() / total
    centred = shape - from_middle
    power = (trust * np.abs(centred) ** 2).sum()
    turn = (trust * np.conj(centred) * (goal - to_middle)).sum() / max(power, 1e-300)
    return complex(turn), complex(to_middle - turn * from_middle)


def _complex(points: Array) -> NDArray[np.complex128]:
    return points[..., 0] + 1j * points[..., 1]


def _real(points: NDArray[np.complex128]) -> Array:
    return np.stack([points.real, points.imag], axis=-1)
