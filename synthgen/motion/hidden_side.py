"""The side of a head that its photo hides, shown by the side that it shows, mirrored."""

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.core.conventions import CAMERA_FROM_WORLD
from synthgen.geometry.camera import Cameras
from synthgen.motion.anchors import INNER, NEAR_FACE, Anchors
from synthgen.motion.contour import directions
from synthgen.motion.cover import Rim, smooth_step

# Sine of a head's yaw in its photo above which its far side is worth replacing: 6 degrees.
ASIDE = 0.1
# Of the way from the face's centre to its outline: what lies further inside is its own, further outside is replaced.
MIDDLE = (0.5, 0.85)
SIDEWAYS = 0.4  # sideways part of a direction from the centre from which it leads to a side wholly, not upwards
# Sine by which a turn brings the far side towards the viewer, above which it is replaced.
UNCOVERED = 0.3
FADING = 4  # rings beyond those of the head over which the mirrored picture fades into the other background
MIRROR = np.diag([-1.0, 1.0, 1.0])


def better_seen(rim: Rim, anchors: Anchors, cameras: Cameras) -> torch.Tensor:
    """(N, V + B) in [0, 1]: how much each vertex should stand for its mirror image on the other side of the head.

    The sides of the face towards its outline, and hair and ears beyond, by their direction from the face's centre.
    """
    _, away = _far_side(cameras)

    def sideways(direction: torch.Tensor) -> torch.Tensor:
        return smooth_step(-(direction @ away[:, :2, None])[..., 0] / SIDEWAYS)

    head = smooth_step((rim.share - MIDDLE[0]) / (MIDDLE[1] - MIDDLE[0]))
    head = head * sideways(rim.direction)
    rings = torch.zeros_like(anchors.depth)
    outside = anchors.follows[:, len(INNER) :] ** 2 * sideways(directions(away.device))[:, None]
    rings[:, len(INNER) : NEAR_FACE] = outside
    for ring in range(FADING):
        rings[:, NEAR_FACE + ring] = (1.0 - (ring + 1) / (FADING + 1)) * outside[:, -1]
    return torch.cat([head, rings.flatten(1)], dim=1)


def uncovered(cameras: Cameras, turn: torch.Tensor) -> torch.Tensor:
    """(N,) bool: `turn` (N, 3, 3), camera space, shows a side that was away from the camera, and wholly or not at all:
    something between the two would show two ears."""
    aside, away = _far_side(cameras)
    tipped = -(turn @ away[..., None])[:, 2, 0] + aside
    return (aside > ASIDE) & (tipped > UNCOVERED)


def mirrored_rotation(rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotations (N, 3, 3), world axes, of the mirror images of heads at `rotation` (N, 3, 3)."""
    mirrored: NDArray[np.float64] = MIRROR @ rotation @ MIRROR
    return mirrored


def _far_side(cameras: Cameras) -> tuple[torch.Tensor, torch.Tensor]:
    """(N,) sine of the angle by which each head's lateral axis leaves the picture; (N, 3) that axis, away from us."""
    axes = torch.as_tensor(CAMERA_FROM_WORLD, dtype=cameras.rotation.dtype, device=cameras.rotation.device)
    lateral = (axes @ cameras.rotation)[:, :, 0]
    away = torch.where(lateral[:, 2:] >= 0, lateral, -lateral)
    return away[:, 2], away
