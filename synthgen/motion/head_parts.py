"""Parts of a morphable head that turning needs, found on any model: nose, top, neck, hair."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.core.conventions import CAMERA_FROM_WORLD
from synthgen.geometry.camera import Cameras, camera_from_world, project
from synthgen.morphable.model import MorphableModel
from synthgen.render.assets import HeadAssets
from synthgen.render.heads import Heads

NOSE_BASE = 33  # iBUG, 0-based: the point about which 300W-LP scales the depth of its rings
# The neck turns with the head down to the lowest vertex that carries labels, and less and less below, mm.
NECK_MM = 45.0
HAIR_MM, HAIR_RAMP_MM = 6.0, 25.0  # thickness of hair on the skull; within this of the face it is less


def with_hair(heads: Heads, assets: HeadAssets) -> Heads:
    """The heads with a skull thicker by hair, which then turns with them instead of staying with the background."""
    model = assets.model
    mean = model.mean.astype(np.float64)
    labelled = mean[model.template.triangles[: model.template.label_count]].reshape(-1, 3)
    above = (mean[:, 1] - labelled[:, 1].max()) / HAIR_RAMP_MM
    behind = np.minimum(labelled[:, 2].min() - mean[:, 2], mean[:, 1] - labelled[:, 1].mean()) / HAIR_RAMP_MM
    cover = np.clip(np.maximum(above, behind), 0.0, 1.0) * unlabelled_vertices(assets.model)
    if not cover.any():
        return heads
    outward = mean - np.average(mean, axis=0, weights=cover)
    outward *= (HAIR_MM * cover / np.maximum(np.linalg.norm(outward, axis=1), 1.0))[:, None]
    rotation = camera_from_world(heads.cameras)[:, :3, :3]
    hair = torch.from_numpy(outward.astype(np.float32)).to(rotation.device)
    moved = heads.vertices_camera + hair @ rotation.transpose(1, 2)
    return replace(heads, vertices_camera=moved, vertices_image=project(heads.cameras, moved))


def follows_head(assets: HeadAssets, device: torch.device) -> torch.Tensor:
    """(V,) how much each vertex turns with the head: 1, but for the neck below everything that carries labels."""
    model = assets.model
    labelled = model.template.triangles[: model.template.label_count]
    height = model.mean[:, 1]
    below = np.clip((height[labelled].min() - height) / NECK_MM, 0.0, 1.0)
    return torch.from_numpy((1.0 - below * below * (3.0 - 2.0 * below)).astype(np.float32)).to(device)


def nose_base(heads: Heads, assets: HeadAssets) -> torch.Tensor:
    """(N, 3) mm: the base of the nose, camera space."""
    points = assets.model.template.landmarks["ibug68"]
    corners = assets.model.template.triangles[points.triangle[NOSE_BASE]].astype(np.int64)
    weights = torch.from_numpy(points.barycentric[NOSE_BASE]).to(heads.vertices_camera.device)
    return torch.einsum("nkc,k->nc", heads.vertices_camera[:, corners], weights)


def up_direction(cameras: Cameras, centroid: torch.Tensor) -> torch.Tensor:
    """(N, 2) unit vectors: where the top of each head is in the picture, seen from its centroid."""
    axes = torch.as_tensor(CAMERA_FROM_WORLD, dtype=centroid.dtype, device=centroid.device)
    above = centroid + 10.0 * (axes @ cameras.rotation)[:, :, 1]
    ends = project(cameras, torch.stack([centroid, above], dim=1))[..., :2]
    return torch.nn.functional.normalize(ends[:, 1] - ends[:, 0], dim=1)


def unlabelled_vertices(model: MorphableModel) -> NDArray[np.bool_]:
    """(V,) bool: vertices of no triangle that carries labels."""
    template = model.template
    free = np.ones(len(model.mean), bool)
    free[template.triangles[: template.label_count]] = False
    return free
