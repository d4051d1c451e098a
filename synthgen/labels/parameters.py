"""The numbers behind a picture: pose, camera, coefficients, and tddfa_v2's vector of 62."""

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
