"""Rotations and the two Euler conventions this project meets: ours and that of 300W-LP."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def _axis_rotations(angles: Array) -> tuple[Array, Array, Array]:
    """Right-handed Rx, Ry, Rz, each (..., 3, 3), of angles (..., 3) about x, y, z."""
    cos, sin = np.cos(angles), np.sin(angles)
    rotations = []
    for axis in range(3):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        matrix = np.zeros((*angles.shape[:-1], 3, 3))
        matrix[..., axis, axis] = 1.0
        matrix[..., first, first] = matrix[..., second, second] = cos[..., axis]
        matrix[..., first, second] = -sin[..., axis]
        matrix[..., second, first] = sin[..., axis]
        rotations.append(matrix)
    return rotations[0], rotations[1], rotations[2]


def rotation_from_euler(euler: Array) -> Array:
    """World-axes rotation (..., 3, 3) of (pitch, yaw, roll) (..., 3) in radians: Rz(roll) Ry(yaw) Rx(pitch)."""
    x, y, z = _axis_rotations(np.asarray(euler, np.float64))
    return z @ y @ x


def euler_from_rotation(rotation: Array) -> Array:
    """(pitch, yaw, roll) (..., 3) in radians of world-axes rotations (..., 3, 3); yaw lies in [-pi/2, pi/2]."""
    r = np.asarray(rotation, np.float64)
    yaw = np.arctan2(-r[..., 2, 0], np.hypot(r[..., 2, 1], r[..., 2, 2]))
    pitch = np.arctan2(r[..., 2, 1], r[..., 2, 2])
    roll = np.arctan2(r[..., 1, 0], r[..., 0, 0])
    return np.stack([pitch, yaw, roll], axis=-1)


def rotation_from_zhu_euler(euler: Array) -> Array:
    """World-axes rotation (..., 3, 3) of 300W-LP's (pitch, yaw, roll): Rx Ry Rz, the usual ones transposed."""
    x, y, z = _axis_rotations(-np.asarray(euler, np.float64))
    return x @ y @ z


def zhu_euler_from_rotation(rotation: Array) -> Array:
    """300W-LP's (pitch, yaw, roll) (..., 3) in radians of world-axes rotations (..., 3, 3); yaw in [-pi/2, pi/2]."""
    r = np.asarray(rotation, np.float64)
    yaw = np.arctan2(-r[..., 0, 2], np.hypot(r[..., 0, 0], r[..., 0, 1]))
    pitch = np.arctan2(r[..., 1, 2], r[..., 2, 2])
    roll = np.arctan2(r[..., 0, 1], r[..., 0, 0])
    return np.stack([pitch, yaw, roll], axis=-1)
