"""Parts of a morphable head that turning needs, found on any model: nose, top, what moves with the face."""

import numpy as np
import torch

from synthgen.core.conventions import CAMERA_FROM_WORLD
from synthgen.geometry.camera import Cameras, project
from synthgen.morphable.template import evaluate_points
from synthgen.render.assets import HeadAssets
from synthgen.render.heads import Heads

NOSE_BASE = 33  # iBUG, 0-based: the point about which 300W-LP scales the depth of its rings
# What is seen through lids and lips moves with the face: parts of the mesh this near, mm, to the landmarks around them.
OPENING_MM = 15.0
_OPENINGS = (slice(36, 42), slice(42, 48), slice(48, 68))


def moving_parts(assets: HeadAssets) -> tuple[torch.Tensor, torch.Tensor]:
    """Vertices (P,) of the surface that carries labels, and triangles (T',) that are drawn, both int64.

    Drawn are that surface and what is seen through lids and lips. Scalp, ears and neck come from the photo: a fit to 68
    landmarks knows nothing of them, and a bare skull would cover the hair.
    """
    model, template = assets.model, assets.model.template
    labelled = np.zeros(len(model.mean), bool)
    labelled[template.triangles[: template.label_count]] = True
    points = evaluate_points(template.landmarks["ibug68"], template.triangles, model.mean)
    seen_through = np.zeros(len(model.mean), bool)
    for opening in _OPENINGS:
        low, high = points[opening, :2].min(axis=0) - OPENING_MM, points[opening, :2].max(axis=0) + OPENING_MM
        seen_through |= ((model.mean[:, :2] > low) & (model.mean[:, :2] < high)).all(axis=1)
    seen_through &= model.mean[:, 2] > model.mean[labelled, 2].min()
    drawn = (labelled | seen_through)[template.triangles].all(axis=1)
    device = assets.tensors.triangles.device
    return torch.from_numpy(np.flatnonzero(labelled)).to(device), torch.from_numpy(np.flatnonzero(drawn)).to(device)


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
