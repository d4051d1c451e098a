"""Posed heads before both kinds of camera, as the tests of profiling need them."""

from functools import cache

import numpy as np
import torch

from synthgen.geometry.camera import Cameras
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.labels.landmark_visibility import place_points
from synthgen.morphable.procedural.build import build_procedural_model
from synthgen.raster.normals import build_adjacency
from synthgen.render.assets import HeadAssets
from synthgen.render.heads import Heads, evaluate_heads, model_tensors
from synthgen.sampling.placement import mean_face_box

SIZE = (240, 260)


@cache
def head_assets() -> HeadAssets:
    model = build_procedural_model("base")
    tensors = model_tensors(model, "cpu")
    adjacency = build_adjacency(tensors.triangles, len(model.mean))
    landmarks = place_points(model.template.landmarks["ibug68"], tensors.triangles)
    return HeadAssets(model, tensors, adjacency, landmarks, mean_face_box(model), ())


def cameras_at(euler_deg: list[tuple[float, float, float]], perspective: bool) -> Cameras:
    """Heads about 110 px wide, a little off the middle of the picture."""
    count = len(euler_deg)
    rotation = rotation_from_euler(np.radians(np.array(euler_deg)))
    translation = np.zeros((count, 3))
    focal, principal = np.full(count, 0.8), np.tile([133.0, 124.0], (count, 1))
    if perspective:
        translation[:] = [3.0, -2.0, 900.0]
        focal, principal = np.full(count, 720.0), np.tile([130.0, 120.0], (count, 1))

    def tensor(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array.astype(np.float32))

    return Cameras(perspective, tensor(rotation), tensor(translation), tensor(focal), tensor(principal))


def coefficients(count: int) -> tuple[np.ndarray, np.ndarray]:
    model, rng = head_assets().model, np.random.default_rng(5)
    identity = rng.normal(size=(count, len(model.identity_basis)))
    return identity, rng.normal(size=(count, len(model.expression_basis))) * 0.3


def heads_at(euler_deg: list[tuple[float, float, float]], perspective: bool) -> Heads:
    return evaluate_heads(coefficients(len(euler_deg)), cameras_at(euler_deg, perspective), head_assets().tensors)


def pixels(count: int) -> torch.Tensor:
    """Smooth colourful pictures (N, H, W, 3) uint8."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    waves = [np.sin(x / 17 + n) + np.cos(y / 11 - n) for n in range(3)]
    picture = (np.stack(waves, axis=-1) * 60 + 128).clip(0, 255).astype(np.uint8)
    return torch.from_numpy(np.stack([picture] * count))
