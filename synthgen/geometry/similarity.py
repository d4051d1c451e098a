"""In-plane similarities of the picture: crops, resizing, augmentation and motion move points and cameras alike."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.core.conventions import CAMERA_FROM_WORLD
from synthgen.geometry.camera import Cameras

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Similarity:
    """x' = scale Q x + shift for image points x in pixels, Q the rotation by `angle`. A batch of N.

    scale: (N,) float64, > 0. angle: (N,) radians, > 0 counter-clockwise in the image as seen (y points down), like
    roll. shift: (N, 2) px.
    """

    scale: Array
    angle: Array
    shift: Array

    @property
    def matrix(self) -> Array:
        """(N, 2, 3) affine matrices [scale Q | shift]."""
        return np.concatenate([self.scale[:, None, None] * _image_rotation(self.angle), self.shift[:, :, None]], axis=2)


def identity_similarity(count: int) -> Similarity:
    """N similarities that change nothing."""
    return Similarity(np.ones(count), np.zeros(count), np.zeros((count, 2)))


def compose(second: Similarity, first: Similarity) -> Similarity:
    """The similarity that applies `first`, then `second`."""
    shift = second.scale[:, None] * np.einsum("nij,nj->ni", _image_rotation(second.angle), first.shift) + second.shift
    return Similarity(second.scale * first.scale, second.angle + first.angle, shift)


def inverse(similarity: Similarity) -> Similarity:
    """The similarity that undoes another."""
    scale, angle = 1.0 / similarity.scale, -similarity.angle
    shift = -scale[:, None] * np.einsum("nij,nj->ni", _image_rotation(angle), similarity.shift)
    return Similarity(scale, angle, shift)


def about(centre: Array, scale: Array, angle: Array, shift: Array) -> Similarity:
    """Scaling and rotation about image points `centre` (N, 2), then a shift (N, 2) in pixels."""
    turned = scale[:, None] * np.einsum("nij,nj->ni", _image_rotation(angle), centre)
    return Similarity(scale, angle, centre - turned + shift)


def move_points(similarity: Similarity, points: NDArray[np.floating]) -> Array:
    """Image points (N, K, 2) px moved by N similarities."""
    turned = np.einsum("nij,nkj->nki", _image_rotation(similarity.angle), np.asarray(points, np.float64))
    return similarity.scale[:, None, None] * turned + similarity.shift[:, None]


def move_cameras(cameras: Cameras, similarity: Similarity) -> Cameras:
    """Cameras whose pictures are the old ones moved by the similarities: exact for both kinds of camera.

    The picture's rotation becomes one of the head about the optical axis, its scale one of the focal length.
    """
    device, dtype = cameras.focal.device, cameras.focal.dtype
    turn = np.zeros((len(similarity.scale), 3, 3))
    turn[:, :2, :2], turn[:, 2, 2] = _image_rotation(similarity.angle), 1.0
    world_turn = CAMERA_FROM_WORLD @ turn @ CAMERA_FROM_WORLD  # the axes matrix is its own inverse
    rotation = world_turn @ cameras.rotation.cpu().numpy().astype(np.float64)
    translation = np.einsum("nij,nj->ni", turn, cameras.translation.cpu().numpy().astype(np.float64))
    principal = move_points(similarity, cameras.principal.cpu().numpy()[:, None])[:, 0]
    focal = similarity.scale * cameras.focal.cpu().numpy()

    def tensor(array: Array) -> torch.Tensor:
        return torch.from_numpy(array).to(device, dtype)

    return Cameras(cameras.perspective, tensor(rotation), tensor(translation), tensor(focal), tensor(principal))


def _image_rotation(angle: Array) -> Array:
    """(N, 2, 2) rotations of image points by angles (N,), counter-clockwise as seen."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([np.stack([cos, sin], axis=-1), np.stack([-sin, cos], axis=-1)], axis=-2)
