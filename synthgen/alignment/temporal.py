"""The temporal term: pose, lens and shape of a head change little from one frame of a clip to the next."""

from dataclasses import dataclass

import numpy as np

from synthgen.alignment.solver import Array
from synthgen.alignment.unknowns import FOCAL, TURN, HeadUnknowns


@dataclass(frozen=True)
class TemporalScales:
    """Standard deviations of changes between consecutive frames at weight 1.

    rotation_deg: about each axis. place_mm: across the view. size: of the logarithm of the head's size in the picture,
    focal length over distance. focal: of the focal length's logarithm (perspective). identity, expression: in their
    priors' standard deviations.
    """

    rotation_deg: float = 1.5
    place_mm: float = 3.0
    size: float = 0.01
    focal: float = 0.01
    identity: float = 0.1
    expression: float = 0.3


@dataclass(frozen=True)
class Coupling:
    """The quadratic model of the temporal term: gradient (N, P), and its Hessian's diagonal (N, P) and the diagonal of
    the blocks beside it (N - 1, P): no column is coupled with another one."""

    gradient: Array
    diagonal: Array
    beside: Array


class TemporalTerm:
    """weight times the sum over neighbouring frames of squared changes over their scales, halved.

    gaps: (N - 1,), frames from each to the next one; a change over g frames has g times the variance, as of a walk.
    """

    def __init__(self, weight: float, gaps: Array, scales: TemporalScales | None = None) -> None:
        self.weight, self.gaps, self.scales = weight, gaps, scales or TemporalScales()

    def energy(self, heads: HeadUnknowns) -> float:
        """The energy of the clip."""
        change, share, _, _ = self._changes(heads)
        return 0.5 * float((share * change**2).sum())

    def coupling(self, heads: HeadUnknowns) -> Coupling:
        """Gradient, exact, and Hessian, exact but for turns, for which it is that of small ones."""
        change, share, before, after = self._changes(heads)
        gradient, diagonal = np.zeros((2, len(heads.focal), heads.count))
        gradient[1:] += after * share * change
        gradient[:-1] -= before * share * change
        diagonal[1:] += after**2 * share
        diagonal[:-1] += before**2 * share
        return Coupling(gradient, diagonal, -before * after * share)

    def _changes(self, heads: HeadUnknowns) -> tuple[Array, Array, Array, Array]:
        """Changes (N - 1, P), their weights, and by how much they follow a step of the later and the earlier frame."""
        count = len(heads.focal) - 1
        change = np.empty((count, heads.count))
        scale, before, after = np.ones(heads.count), np.ones((count, heads.count)), np.ones((count, heads.count))
        change[:, TURN] = vector_from_rotation(heads.rotation[1:] @ heads.rotation[:-1].transpose(0, 2, 1))
        scale[TURN] = np.deg2rad(self.scales.rotation_deg)
        if heads.perspective:
            change[:, 3:5] = np.diff(heads.translation[:, :2], axis=0)
            # A step of the focal length moves the distance too, and leaves their ratio.
            distance = heads.translation[:, 2]
            change[:, 5] = np.diff(np.log(distance / heads.focal))
            before[:, 5], after[:, 5] = 1.0 / distance[:-1], 1.0 / distance[1:]
            if heads.free_focal:
                change[:, FOCAL] = np.diff(np.log(heads.focal))
                scale[FOCAL] = self.scales.focal
        else:
            unit = 0.5 * (heads.unit[1:] + heads.unit[:-1])[:, None]
            change[:, 3:5] = np.diff(heads.principal, axis=0) / unit
            before[:, 3:5], after[:, 3:5] = heads.unit[:-1, None] / unit, heads.unit[1:, None] / unit
            change[:, 5] = np.diff(np.log(heads.focal))
        scale[3:5], scale[5] = self.scales.place_mm, self.scales.size
        if heads.free_shape:
            first = heads.camera_count
            change[:, first:] = np.diff(heads.shape, axis=0)
            identity = np.arange(heads.shape.shape[1]) < heads.space.identity_count
            spread = 1.0 / np.sqrt(np.maximum(np.diag(heads.space.precision), 1e-12))
            scale[first:] = spread * np.where(identity, self.scales.identity, self.scales.expression)
        return change, self.weight / (self.gaps[:, None] * scale**2), before, after


def vector_from_rotation(rotation: Array) -> Array:
    """(N, 3) axes times angles, radians, of rotations (N, 3, 3) by less than a half turn."""
    twist = np.stack(
        [
            rotation[:, 2, 1] - rotation[:, 1, 2],
            rotation[:, 0, 2] - rotation[:, 2, 0],
            rotation[:, 1, 0] - rotation[:, 0, 1],
        ],
        axis=-1,
    )
    length = np.linalg.norm(twist, axis=-1)
    angle = np.arctan2(length, np.einsum("nii->n", rotation) - 1.0)
    return twist * np.where(length > 1e-9, angle / np.maximum(length, 1e-9), 0.5)[:, None]
