"""The numbers behind a picture: pose, camera, coefficients, and tddfa_v2's vector of 62."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.geometry.camera import Cameras, camera_from_world, intrinsics
from synthgen.morphable.model import MorphableModel

IDENTITY_62 = 40
EXPRESSION_62 = 10
# 3DDFA's arrays are in micrometres.
MICROMETRES_PER_MM = 1000.0


def parameters_62(
    model: MorphableModel,
    cameras: Cameras,
    coefficients: tuple[NDArray[np.floating], NDArray[np.floating]],
    height: int,
    depth_shift: NDArray[np.floating] | None = None,
) -> NDArray[np.float32]:
    """(N, 62): row-major 3x4 [f R | t], 40 identity and 10 expression coefficients in standard deviations.

    t = (x + 0.5, height + 0.5 - y, depth_shift) for the model origin at pixel (x, y): 3DDFA's 1-based, y-up image.
    coefficients: identity (N, I) and expression (N, E) in the model's unit; depth_shift: (N,) px, 0 unless a fitting
    has one. NaN for perspective cameras, whose pose has no such form (tddfa_v2 equation 3 is scaled orthographic).
    """
    count = len(cameras.focal)
    if cameras.perspective:
        return np.full((count, 12 + IDENTITY_62 + EXPRESSION_62), np.nan, np.float32)
    focal = cameras.focal.cpu().numpy().astype(np.float64)
    origin = cameras.principal.cpu().numpy().astype(np.float64)
    pose = np.zeros((count, 3, 4))
    pose[:, :, :3] = focal[:, None, None] * cameras.rotation.cpu().numpy()
    pose[:, 0, 3] = origin[:, 0] + 0.5
    pose[:, 1, 3] = height + 0.5 - origin[:, 1]
    pose[:, 2, 3] = 0.0 if depth_shift is None else depth_shift
    identity, expression = coefficients
    shape = np.zeros((count, IDENTITY_62))
    used = min(IDENTITY_62, identity.shape[1])
    shape[:, :used] = identity[:, :used]
    movement = (expression - model.expression_pca_mean) @ model.expression_pca.T.astype(np.float64)
    return np.concatenate([pose.reshape(count, 12), shape, movement], axis=1).astype(np.float32)


def shape_basis_62(
    model: MorphableModel, at: Callable[[NDArray[np.floating]], NDArray[np.floating]] = lambda vertices: vertices
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (N, 3) and basis (50, N, 3), mm, of the 40 + 10 coefficients of the 62 parameters.

    at: linear, what is looked at of vertices (..., V, 3), such as landmarks; all of them without it. Ten numbers say
    where expressions are along the axes of their PCA: the shortest expressions that give them.
    """
    axes = np.linalg.pinv(model.expression_pca.astype(np.float64))  # (E, 10)
    expressions = np.asarray(at(model.expression_basis), np.float64)
    middle = np.tensordot(model.expression_pca_mean.astype(np.float64), expressions, axes=1)
    identity = np.zeros((IDENTITY_62, *expressions.shape[1:]))
    used = min(IDENTITY_62, len(model.identity_basis))
    identity[:used] = at(model.identity_basis[:used])
    basis = np.concatenate([identity, np.tensordot(axes.T, expressions, axes=1)[:EXPRESSION_62]])
    return np.asarray(at(model.mean), np.float64) + middle, basis


def points_62(
    shape: tuple[NDArray[np.float64], NDArray[np.float64]], parameters: NDArray[np.floating], height: int
) -> NDArray[np.float64]:
    """(B, N, 3) px of parameters (B, 62): x and y in a picture of `height`, z towards the viewer.

    shape: mean and basis of shape_basis_62. The inverse of parameters_62, which counts pixels from 1 and y upwards.
    """
    mean, basis = shape
    pose = np.asarray(parameters, np.float64)[:, :12].reshape(-1, 3, 4)
    heads = mean + np.tensordot(np.asarray(parameters, np.float64)[:, 12:], basis, axes=1)
    posed = heads @ pose[:, :, :3].transpose(0, 2, 1) + pose[:, None, :, 3]
    posed[..., 0] -= 0.5
    posed[..., 1] = height + 0.5 - posed[..., 1]
    return posed


def moved_62(
    parameters: NDArray[np.floating], scale: NDArray[np.floating], shift: NDArray[np.floating], heights: tuple[int, int]
) -> NDArray[np.float64]:
    """(B, 62) for pictures whose points are scale x + shift of those before; scale (B,), shift (B, 2) px.

    heights: of the pictures before and after; t_z is scaled too.
    """
    moved = np.array(parameters, np.float64)
    pose = moved[:, :12].reshape(-1, 3, 4)
    x, y = pose[:, 0, 3] - 0.5, heights[0] + 0.5 - pose[:, 1, 3]
    pose *= np.asarray(scale, np.float64)[:, None, None]
    pose[:, 0, 3] = scale * x + shift[:, 0] + 0.5
    pose[:, 1, 3] = heights[1] + 0.5 - (scale * y + shift[:, 1])
    moved[:, :12] = pose.reshape(-1, 12)
    return moved


def to_tddfa_v2(
    parameters: NDArray[np.floating], shape_stddev: NDArray[np.floating], expression_stddev: NDArray[np.floating]
) -> NDArray[np.float32]:
    """(N, 62) in 3DDFA's units from our (N, 62): f R per micrometre, coefficients times their sigma (40,) and (10,)."""
    converted = np.array(parameters, np.float64)
    pose = converted[..., :12].reshape(*converted.shape[:-1], 3, 4)
    pose[..., :3] /= MICROMETRES_PER_MM
    converted[..., :12] = pose.reshape(*converted.shape[:-1], 12)
    converted[..., 12 : 12 + IDENTITY_62] *= shape_stddev
    converted[..., 12 + IDENTITY_62 :] *= expression_stddev
    return converted.astype(np.float32)


def pose_arrays(cameras: Cameras) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """camera_from_world (N, 4, 4) and intrinsics (N, 3, 3) as NumPy arrays."""
    return _numpy(camera_from_world(cameras)), _numpy(intrinsics(cameras))


def _numpy(tensor: torch.Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.cpu().numpy()
    return array
