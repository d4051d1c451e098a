"""Errors of points, curves over errors, and what they are divided by. NumPy alone; every function is pure.

N samples, K points, D = 2 or 3 coordinates. Errors are fractions of their normaliser, not percent.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Points whose means are the ends of a normaliser, by landmark scheme (0-based).
EYES: dict[str, dict[str, tuple[tuple[int, ...], tuple[int, ...]]]] = {
    "ibug68": {"inter-pupil": (tuple(range(36, 42)), tuple(range(42, 48))), "inter-ocular": ((36,), (45,))},
    "wflw98": {"inter-pupil": (tuple(range(60, 68)), tuple(range(68, 76))), "inter-ocular": ((60,), (72,))},
    "aflw19": {"inter-pupil": ((7,), (10,))},
}
# Edges of the yaw bins of AFLW and AFLW2000-3D in degrees: |yaw| <= 30, 30 < |yaw| <= 60, and everything above.
YAW_EDGES = (30.0, 60.0)


def points_box(points: Array, used: Mask | None = None) -> Array:
    """(N, 4) left, top, right, bottom of points (N, K, D >= 2), no margin. used: (N, K), all by default."""
    if used is None:
        # One axis at a time: five times as fast as both at once.
        return np.stack([extreme(points[..., axis], axis=1) for extreme in (np.min, np.max) for axis in (0, 1)], axis=1)
    plane = points[..., :2]
    low = np.where(used[..., None], plane, np.inf).min(axis=1)
    high = np.where(used[..., None], plane, -np.inf).max(axis=1)
    return np.concatenate([low, high], axis=1)


def box_size(boxes: Array, kind: str = "area") -> Array:
    """(N,) of boxes (N, 4): "area" sqrt(w h) (3DDFA), "diagonal" sqrt(w^2 + h^2), "mean_edge" (w + h) / 2, or
    "longest_edge"."""
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    if kind == "area":
        return np.asarray(np.sqrt(np.maximum(width, 0.0) * np.maximum(height, 0.0)))
    if kind == "diagonal":
        return np.hypot(width, height)
    if kind == "mean_edge":
        return (width + height) / 2.0
    if kind == "longest_edge":
        return np.maximum(width, height)
    raise ValueError(f"no box size {kind!r}")


def eye_distance(points: Array, scheme: str, kind: str) -> Array:
    """(N,) distance of the eyes of points (N, K, D): kind "inter-pupil" or "inter-ocular" (outer corners)."""
    first, second = EYES[scheme][kind]
    return distance_between(points, first, second)


def distance_between(points: Array, first: Sequence[int], second: Sequence[int]) -> Array:
    """(N,) distance of the mean of points `first` and the mean of points `second`, of points (N, K, D)."""
    return np.linalg.norm(points[:, list(first)].mean(axis=1) - points[:, list(second)].mean(axis=1), axis=-1)


def point_distances(predicted: Array, truth: Array) -> Array:
    """(N, K) Euclidean distances of points (N, K, D)."""
    return np.sqrt(_squared_distances(predicted, truth))


def _squared_distances(predicted: Array, truth: Array) -> Array:
    total = np.zeros(predicted.shape[:-1])
    for axis in range(predicted.shape[-1]):  # three times as fast as a sum over the last axis
        total += np.square(predicted[..., axis] - truth[..., axis])
    return total


def mean_error(predicted: Array, truth: Array, normaliser: Array, used: Mask | None = None) -> Array:
    """(N,) normalised mean error: mean distance of the points over the normaliser (N,); CONVENTIONS.md C4.

    used: (N, K), which points count, all by default. NaN for a sample without any.
    """
    return _mean_of_used(point_distances(predicted, truth), used) / normaliser


def rms_error(predicted: Array, truth: Array, normaliser: Array, used: Mask | None = None) -> Array:
    """(N,) root of the mean squared distance over the normaliser (N,), as densereg and the 300W competition have it."""
    return np.asarray(np.sqrt(_mean_of_used(_squared_distances(predicted, truth), used)) / normaliser)


def _mean_of_used(values: Array, used: Mask | None) -> Array:
    if used is None:
        return np.asarray(values.mean(axis=1))
    count = used.sum(axis=1)
    total = np.where(used, values, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)


def failures(errors: Array, limit: float) -> Array:
    """(N,) 1 for errors above `limit`, 0 for others: their mean is the failure rate."""
    return (errors > limit).astype(np.float64)


def areas(errors: Array, limit: float) -> Array:
    """(N,) area under the step that an error makes in the cumulative distribution from 0 to `limit`, over `limit`.

    Their mean, of max(0, 1 - e / limit), is the area under the curve, exact, where public code sums over a grid: 1 for
    no error at all. An error that is not finite is beyond the limit.
    """
    rest = 1.0 - np.asarray(errors, np.float64) / limit
    return np.where(np.isfinite(rest), np.maximum(rest, 0.0), 0.0)


def cumulative_curve(errors: Array, thresholds: Array) -> Array:
    """(M,) fraction of errors at or below each threshold (M,): the CED."""
    return np.searchsorted(np.sort(errors), thresholds, side="right") / max(len(errors), 1)


def yaw_bins(yaw_deg: Array, edges: Sequence[float] = YAW_EDGES) -> NDArray[np.int64]:
    """(N,) number of the bin of |yaw|: a bin takes its upper edge, the last one everything above."""
    return np.searchsorted(np.asarray(edges), np.abs(yaw_deg), side="left")


def kept_without_worst(errors: Array, worst: int) -> Mask:
    """(N,) False for the `worst` largest errors: dal2d leaves out 20 (its section IV-B). Ties go by position."""
    kept = np.ones(len(errors), np.bool_)
    if worst > 0:
        kept[np.argsort(errors, kind="stable")[-worst:]] = False
    return kept


def rotation_distance(first: Array, second: Array) -> Array:
    """(...) geodesic angle in radians between rotations (..., 3, 3)."""
    # From the chord: arccos of the trace loses half the digits near 0.
    chord = np.sqrt(np.square(first - second).sum(axis=(-2, -1)))
    return np.asarray(2.0 * np.arcsin(np.clip(chord / np.sqrt(8.0), 0.0, 1.0)))


def offset_error(predicted: Array, truth: Array, normaliser: Array) -> Array:
    """(F - 1,) stability of a video of F frames: mean |dp - dq| over the normaliser (F,) of the later frame.

    dp, dq: how the points (F, K, D) of truth and prediction move between adjacent frames (tddfa_v2 section 3.1).
    """
    return mean_error(np.diff(predicted, axis=0), np.diff(truth, axis=0), normaliser[1:])


def jitter(predicted: Array, longest_edge: Array) -> Array:
    """(F - 2,) RMS over points of p_t - (p_{t-1} + p_{t+1}) / 2 over the longest edge of the box (F,) at t.

    The second difference that FHR's released code measures; it needs no truth.
    """
    middle = (predicted[:-2] + predicted[2:]) / 2.0
    return rms_error(predicted[1:-1], middle, longest_edge[1:-1])
