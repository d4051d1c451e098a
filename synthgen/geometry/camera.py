"""Two cameras, one interface: scaled orthographic (densereg, dal2d, tddfa_v2) and perspective (dfc equation 2)."""

from dataclasses import dataclass

import torch

from synthgen.core.conventions import CAMERA_FROM_WORLD


@dataclass(frozen=True)
class Cameras:
    """A batch of cameras of one kind, each with the pose of the head before it.

    perspective: True for pinhole cameras, False for scaled-orthographic ones.
    rotation: (N, 3, 3) float32, world axes, model to posed model.
    translation: (N, 3) float32, mm, camera space; zero for scaled-orthographic cameras.
    focal: (N,) float32, pixels (perspective) or pixels per mm (scaled orthographic).
    principal: (N, 2) float32, pixels: principal point (perspective) or image of the model origin (orthographic).
    """

    perspective: bool
    rotation: torch.Tensor
    translation: torch.Tensor
    focal: torch.Tensor
    principal: torch.Tensor


def camera_from_world(cameras: Cameras) -> torch.Tensor:
    """Rigid transforms (N, 4, 4) float32 from world to camera space, column vectors, mm."""
    count = len(cameras.rotation)
    matrix = torch.zeros((count, 4, 4), dtype=cameras.rotation.dtype, device=cameras.rotation.device)
    axes = torch.as_tensor(CAMERA_FROM_WORLD, dtype=matrix.dtype, device=matrix.device)
    matrix[:, :3, :3] = axes @ cameras.rotation
    matrix[:, :3, 3] = cameras.translation
    matrix[:, 3, 3] = 1.0
    return matrix


def intrinsics(cameras: Cameras) -> torch.Tensor:
    """Matrices (N, 3, 3) float32: pinhole, or [[f, 0, x], [0, f, y], [0, 0, 1]] with f in px/mm when orthographic."""
    matrix = torch.zeros((len(cameras.focal), 3, 3), dtype=cameras.focal.dtype, device=cameras.focal.device)
    matrix[:, 0, 0] = matrix[:, 1, 1] = cameras.focal
    matrix[:, :2, 2] = cameras.principal
    matrix[:, 2, 2] = 1.0
    return matrix


def to_camera_space(cameras: Cameras, points: torch.Tensor) -> torch.Tensor:
    """Points (N, V, 3) in mm of camera space from points (N, V, 3) in mm of world space."""
    transform = camera_from_world(cameras)
    return torch.baddbmm(transform[:, None, :3, 3], points, transform[:, :3, :3].transpose(1, 2))


def project(cameras: Cameras, points_camera: torch.Tensor) -> torch.Tensor:
    """Image points (N, V, 3) [x px, y px, depth mm] of camera-space points (N, V, 3).

    A perspective point at or behind the camera has finite but meaningless x and y; its depth tells.
    """
    depth = points_camera[..., 2:]
    xy = points_camera[..., :2] * cameras.focal[:, None, None]
    if cameras.perspective:
        xy = xy / torch.where(depth.abs() > 1e-6, depth, torch.full_like(depth, 1e-6))
    return torch.cat([xy + cameras.principal[:, None], depth], dim=-1)
