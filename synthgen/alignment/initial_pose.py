"""A first pose of a head from its landmarks, in closed form for each of a grid of view directions."""

from dataclasses import dataclass

import numpy as np

from synthgen.alignment.landmark_basis import JAW
from synthgen.alignment.solver import Array
from synthgen.geometry.rotation import rotation_from_euler

_YAWS_DEG = np.arange(-80.0, 81.0, 20.0)
_PITCHES_DEG = np.array([-30.0, 0.0, 30.0])
_REWEIGHTINGS = 8
_SMALL = 0.02  # residuals below this share of the face's size are not told apart


@dataclass(frozen=True)
class OrthographicPose:
    """rotation: (N, 3, 3); scale: (N,) px/mm; origin: (N, 2) px, image of the model origin."""

    rotation: Array
    scale: Array
    origin: Array


def initial_pose(mean: Array, points: Array, weight: Array) -> OrthographicPose:
    """Scaled-orthographic poses of a rigid head, any roll, yaw to +-90 deg, a third of the points gross outliers.

    For each of 27 directions (yaw, pitch) the rest of the pose is a plane similarity, found in closed form and
    reweighted towards the least sum of distances; the direction of the least sum wins.
    mean: (68, 3) mm; points: (N, 68, 2) px; weight: (N, 68), 0 for a missing point. The jaw is left out, because its
    points are no fixed points of the surface, unless fewer than six others are there.
    """
    pitch, yaw = (grid.ravel() for grid in np.meshgrid(np.deg2rad(_PITCHES_DEG), np.deg2rad(_YAWS_DEG)))
    rotations = rotation_from_euler(np.stack([pitch, yaw, np.zeros_like(yaw)], axis=-1))  # (G, 3, 3)
    seen = np.where(weight > 0, 1.0, 0.0)
    inner = seen.copy()
    inner[:, :JAW] = 0.0
    seen = np.where(inner.sum(axis=1, keepdims=True) >= 6, inner, seen)[:, None]  # (N, 1, K)
    turned = mean @ rotations.transpose(0, 2, 1)
    model = turned[..., 0] + 1j * turned[..., 1]  # (G, K), y up
    target = np.where(seen > 0, points[:, None, :, 0] - 1j * points[:, None, :, 1], 0.0)  # (N, 1, K), y up
    share = seen
    for _ in range(_REWEIGHTINGS):
        total = share.sum(axis=-1)
        middle = (share * model).sum(axis=-1) / total
        centre = (share * target).sum(axis=-1) / total
        arm = model - middle[..., None]  # (N, G, K)
        spread = (share * np.abs(arm) ** 2).sum(axis=-1)
        factor = (share * np.conj(arm) * (target - centre[..., None])).sum(axis=-1) / spread
        distance = np.abs(factor[..., None] * arm + centre[..., None] - target)
        size = np.abs(factor) * np.sqrt(spread / total)
        share = seen / np.maximum(distance, _SMALL * size[..., None] + 1e-9)
    best = (seen * distance).sum(axis=-1).argmin(axis=1)
    photos = np.arange(len(points))
    factor, shift = factor[photos, best], (centre - factor * middle)[photos, best]
    roll = np.stack([np.zeros(len(best)), np.zeros(len(best)), np.angle(factor)], axis=-1)
    rotation = rotation_from_euler(roll) @ rotations[best]
    return OrthographicPose(rotation, np.abs(factor), np.stack([shift.real, -shift.imag], axis=-1))
