"""A first pose of a head from points of it, in closed form for each of a grid of view directions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.alignment.landmark_basis import JAW
from synthgen.alignment.solver import Array
from synthgen.geometry.rotation import rotation_from_euler

_YAWS_DEG = np.arange(-80.0, 81.0, 20.0)
_PITCHES_DEG = np.array([-30.0, 0.0, 30.0])
_ALL_PASSES, _LAST_PASSES = 4, 5  # reweightings of all directions, then of the best
_BEST = 6
_SMALL = 0.02  # residuals below this share of the face's size are not told apart

Light = NDArray[np.float32]  # single precision is plenty for a first guess, and twice as fast


@dataclass(frozen=True)
class OrthographicPose:
    """rotation: (N, 3, 3); scale: (N,) px/mm; origin: (N, 2) px, image of the model origin."""

    rotation: Array
    scale: Array
    origin: Array


def initial_pose(mean: Array, points: Array, weight: Array) -> OrthographicPose:
    """The first pose of heads from 68 landmarks; see `orthographic_pose`.

    mean: (68, 3) mm; points: (N, 68, 2) px; weight: (N, 68), 0 for a missing point. The jaw is left out, because its
    points are no fixed points of the surface, unless fewer than six others are there.
    """
    seen = np.where(weight > 0, 1.0, 0.0)
    inner = seen.copy()
    inner[:, :JAW] = 0.0
    return orthographic_pose(mean, points, np.where(inner.sum(axis=1, keepdims=True) >= 6, inner, seen))


def orthographic_pose(mean: Array, points: Array, weight: Array) -> OrthographicPose:
    """Scaled-orthographic poses of a rigid head, any roll, yaw to +-90 deg, a third of the points gross outliers.

    For each of 27 directions (yaw, pitch) the rest of the pose is a plane similarity, found in closed form and
    reweighted towards the least sum of distances; the direction of the least sum wins.
    mean: (K, 3) or (N, K, 3) mm; points: (N, K, 2) px; weight: (N, K), 0 for a missing point.
    """
    pitch, yaw = (grid.ravel() for grid in np.meshgrid(np.deg2rad(_PITCHES_DEG), np.deg2rad(_YAWS_DEG)))
    rotations = rotation_from_euler(np.stack([pitch, yaw, np.zeros_like(yaw)], axis=-1))  # (G, 3, 3)
    heads = mean if mean.ndim == 3 else mean[None]
    share = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
    # About their middles, so that single precision holds.
    heads_middle = np.einsum("nk,nkd->nd", share, np.broadcast_to(heads, (len(share), *heads.shape[1:])))
    points = np.where(weight[..., None] > 0, points, 0.0)
    points_middle = np.einsum("nk,nkd->nd", share, points)
    turned = np.matmul((heads - heads_middle[:, None])[:, None], rotations[:, :2].transpose(0, 2, 1))  # (N, G, K, 2)
    turned = turned.astype(np.float32)
    target = ((points - points_middle[:, None]) * (1.0, -1.0)).astype(np.float32)[:, None]  # (N, 1, K, 2), y up
    seen = share.astype(np.float32)[:, None]  # (N, 1, K)
    found = _similarities(turned, target, seen, np.broadcast_to(seen, turned.shape[:3]), _ALL_PASSES)
    order = np.argsort(found.cost, axis=1)[:, :_BEST]
    best = np.take_along_axis(turned, order[..., None, None], axis=1)
    found = _similarities(best, target, seen, np.take_along_axis(found.share, order[..., None], axis=1), _LAST_PASSES)
    rows, winner = np.arange(len(points)), found.cost.argmin(axis=1)
    cos, sin = found.factor[:, rows, winner].astype(np.float64)
    shift = found.shift[:, rows, winner].astype(np.float64).T
    zero = np.zeros_like(cos)
    rotation = rotation_from_euler(np.stack([zero, zero, np.arctan2(sin, cos)], axis=-1))
    rotation = rotation @ rotations[order[rows, winner]]
    scale = np.hypot(cos, sin)
    moved = np.einsum("nij,nj->ni", rotation[:, :2], heads_middle) * scale[:, None]
    origin = points_middle + (shift - moved) * (1.0, -1.0)
    return OrthographicPose(rotation, scale, origin)


@dataclass(frozen=True)
class _Similarities:
    """factor: (2, N, G) cosine and sine times scale; shift: (2, N, G) px; cost: (N, G) px, weighted mean distance;
    share: (N, G, K) weights of the next pass."""

    factor: Light
    shift: Light
    cost: Light
    share: Light


def _similarities(model: Light, target: Light, seen: Light, share: Light, passes: int) -> _Similarities:
    """Plane similarities of model (N, G, K, 2) to target (N, 1, K, 2), reweighted from share (N, G, K)."""
    mx, my = np.ascontiguousarray(model[..., 0]), np.ascontiguousarray(model[..., 1])
    tx, ty = np.ascontiguousarray(target[..., 0]), np.ascontiguousarray(target[..., 1])
    for _ in range(passes):
        total = np.maximum(share.sum(axis=-1), 1e-12)
        weighted_x, weighted_y = share * mx, share * my
        middle_x, middle_y = weighted_x.sum(axis=-1) / total, weighted_y.sum(axis=-1) / total
        centre_x, centre_y = (share * tx).sum(axis=-1) / total, (share * ty).sum(axis=-1) / total
        size = (weighted_x * mx + weighted_y * my).sum(axis=-1) - total * (middle_x**2 + middle_y**2)
        size = np.maximum(size, 1e-12)
        dot = (weighted_x * tx + weighted_y * ty).sum(axis=-1) - total * (middle_x * centre_x + middle_y * centre_y)
        turn = (weighted_x * ty - weighted_y * tx).sum(axis=-1) - total * (middle_x * centre_y - middle_y * centre_x)
        cos, sin = dot / size, turn / size
        shift_x, shift_y = centre_x - cos * middle_x + sin * middle_y, centre_y - sin * middle_x - cos * middle_y
        off_x = cos[..., None] * mx - sin[..., None] * my + shift_x[..., None] - tx
        off_y = sin[..., None] * mx + cos[..., None] * my + shift_y[..., None] - ty
        distance = np.sqrt(off_x * off_x + off_y * off_y)
        least = _SMALL * np.hypot(cos, sin) * np.sqrt(size / total) + 1e-9
        share = seen / np.maximum(distance, least[..., None])
    cost = (seen * distance).sum(axis=-1)
    return _Similarities(np.stack([cos, sin]), np.stack([shift_x, shift_y]), cost, share)
