"""Rigid and similarity registration of point sets: Procrustes for known pairs, ICP for unknown ones."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from synthgen.core.errors import UsageError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Transform:
    """x -> scale * rotation @ x + shift. rotation: (3, 3) proper; shift: (3,) in the unit of the target."""

    scale: float
    rotation: Floats
    shift: Floats

    def __call__(self, points: NDArray[np.floating]) -> Floats:
        """Points (..., 3) moved."""
        moved: Floats = self.scale * np.asarray(points, np.float64) @ self.rotation.T + self.shift
        return moved


IDENTITY = Transform(1.0, np.eye(3), np.zeros(3))


def procrustes(source: NDArray[np.floating], target: NDArray[np.floating], with_scale: bool = False) -> Transform:
    """The transform that brings points (K, 3) nearest to their partners (K, 3) in the sense of least squares.

    Umeyama's closed form; reflections are excluded. Raises UsageError for fewer than 3 points, points that are not
    finite, or a source without extent.
    """
    one, other = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if one.shape != other.shape or one.ndim != 2 or one.shape[1] != 3 or len(one) < 3:
        raise UsageError(f"procrustes takes two sets of 3 or more points (K, 3), got {one.shape} and {other.shape}")
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise UsageError("procrustes: some points are not finite")
    middle, other_middle = one.mean(axis=0), other.mean(axis=0)
    centred, other_centred = one - middle, other - other_middle
    left, values, right = np.linalg.svd(other_centred.T @ centred)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    rotation = (left * signs) @ right
    spread = float(np.square(centred).sum())
    if with_scale and spread == 0.0:
        raise UsageError("procrustes: all source points coincide, which leaves the scale unknown")
    scale = float((values * signs).sum()) / spread if with_scale else 1.0
    return Transform(scale, rotation, other_middle - scale * rotation @ middle)


@dataclass(frozen=True)
class IcpOptions:
    """How correspondences are iterated.

    with_scale: similarity instead of rigid; pairs_of: whose every point looks for a partner, "target" (each scan point
    finds a predicted one) or "source"; keep: share of the closest pairs that move anything, 1 for all; iterations: at
    most; tolerance: stop when the mean distance falls by less, in the unit of the target.
    """

    with_scale: bool = False
    pairs_of: Literal["source", "target"] = "target"
    keep: float = 1.0
    iterations: int = 100
    tolerance: float = 1e-6


@dataclass(frozen=True)
class IcpResult:
    """transform: of the source; distance: mean of the kept pairs at the end; iterations: how many were done."""

    transform: Transform
    distance: float
    iterations: int


def icp(
    source: NDArray[np.floating],
    target: NDArray[np.floating],
    start: Transform = IDENTITY,
    options: IcpOptions = IcpOptions(),
) -> IcpResult:
    """The transform of source points (N, 3) that fits them to target points (M, 3) without known partners.

    Iterative closest points with the point-to-point error: from a good start, such as one by landmarks, it finds the
    nearest local minimum. Raises UsageError as `procrustes` does.
    """
    one, other = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if len(one) < 3 or len(other) < 3:
        raise UsageError(f"icp takes 3 points or more on both sides, got {len(one)} and {len(other)}")
    fixed = cKDTree(other) if options.pairs_of == "source" else None
    transform, before = start, np.inf
    for iteration in range(1, options.iterations + 1):
        moved = transform(one)
        if fixed is not None:
            distance, partner = fixed.query(moved)
            pairs = np.arange(len(one)), partner
        else:
            distance, partner = cKDTree(moved).query(other)
            pairs = partner, np.arange(len(other))
        kept = np.argsort(distance, kind="stable")[: max(3, round(options.keep * len(distance)))]
        mean = float(distance[kept].mean())
        if before - mean < options.tolerance:
            return IcpResult(transform, mean, iteration)
        before = mean
        transform = procrustes(one[pairs[0][kept]], other[pairs[1][kept]], options.with_scale)
    return IcpResult(transform, before, options.iterations)
