"""Parts of a morphable head that turning needs, found on any model: nose, top, what moves with the face."""

from dataclasses import dataclass

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


@dataclass(frozen=True)
class MovingParts:
    """What turns with a face. labelled: (P,) int64, vertices of the surface that carries labels; vertices: (V,) int64,
    those of all that is drawn; triangles: (T, 3) int32 rows of `vertices`, in the order of the model."""

    labelled: torch.Tensor
    vertices: torch.Tensor
    triangles: torch.Tensor


def moving_parts(assets: HeadAssets) -> MovingParts:
    """Drawn are the surface that carries labels and what is seen through lids and lips.

    Scalp, ears and neck come from the photo: a fit to 68 landmarks knows nothing of them, and a bare skull would cover
    the hair.
    """
    model, template = assets.model, assets.model.template
    labelled = np.zeros(len(model.mean), bool)
    labelled[template.triangles[: template.label_count]] = True
    points = evaluate_points(template.landmarks["ibug68"], template.triangles, model.mean)
    seen_through = np.zeros(len(model.mean), bool)
    x, y = model.mean[:, 0], model.mean[:, 1]
    for opening in _OPENINGS:
        low, high = points[opening, :2].min(axis=0) - OPENING_MM, points[opening, :2].max(axis=0) + OPENING_MM
        # Column by column: reductions over rows of two or three take ten times as long.
        seen_through |= (x > low[0]) & (x < high[0]) & (y > low[1]) & (y < high[1])
    seen_through &= model.mean[:, 2] > model.mean[labelled, 2].min()
    moves = labelled | seen_through
    first, second, third = template.triangles.T
    triangles = template.triangles[moves[first] & moves[second] & moves[third]]
    drawn = np.zeros(len(model.mean), bool)
    drawn[triangles] = True
    number = (np.cumsum(drawn) - 1).astype(np.int32)
    device = assets.tensors.triangles.device
    return MovingParts(
        torch.from_numpy(np.flatnonzero(labelled)).to(device),
        torch.from_numpy(np.flatnonzero(drawn)).to(device),
        torch.from_numpy(number[triangles]).to(device),
    )


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
