"""What the sides of a face show, which its photo shows badly."""

import torch

from synthgen.motion.contour import Outline, radius_towards
from synthgen.motion.head_parts import nose_base, up_direction
from synthgen.raster.normals import vertex_normals
from synthgen.render.assets import HeadAssets
from synthgen.render.heads import Heads

GRAZING = (0.62, 0.3)  # cosine of the angle of view at which a surface begins to show what lies further inside, ends
REACH = (0.35, 0.7)  # of the way from the nose back to the outline: where that happens
PULL = 0.12  # how far inside, relative to the outline's radius
LEVEL = (0.0, 0.3)  # sine of the elevation from the centroid up to which that happens, above which it does not


def covering_sources(heads: Heads, outline: Outline, centre: torch.Tensor, assets: HeadAssets) -> torch.Tensor:
    """(N, V, 2) px of the photo that each vertex shows when the head has turned far. centre: (N, 2) px, of the outline.

    Near the outline of a face the photo has what a fit a few pixels off makes of it, background often, and turning
    spreads that over the cheek: below the eyes, surfaces seen at a grazing angle show what lies a little further
    inside.
    """
    own = heads.vertices_image[..., :2]
    normals = vertex_normals(heads.vertices_camera, assets.tensors.triangles, assets.adjacency)
    offset = own - centre[:, None]
    angle = torch.atan2(offset[..., 1], offset[..., 0])
    rim = radius_towards(outline.radius, angle)
    depth, nose = heads.vertices_image[..., 2], nose_base(heads, assets)[:, 2:]
    # Seen from the front 1, from the side 0; at the nose 0, at the outline 1.
    facing = -(normals * _view_directions(heads)).sum(dim=-1)
    backward = (depth - nose) / (radius_towards(outline.depth, angle) - nose).clamp_min(1.0)
    sides = _step((backward - REACH[0]) / (REACH[1] - REACH[0]))
    graze = _step((GRAZING[0] - facing) / (GRAZING[0] - GRAZING[1]))
    outward = offset / offset.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    up = up_direction(heads.cameras, heads.vertices_camera.mean(dim=1))
    low = 1.0 - _step(((outward @ up[..., None])[..., 0] - LEVEL[0]) / (LEVEL[1] - LEVEL[0]))
    return own - (PULL * graze * sides * low * rim)[..., None] * outward


def _view_directions(heads: Heads) -> torch.Tensor:
    """(N, V, 3) unit vectors from the camera to the vertices; (1, 1, 3) for scaled-orthographic cameras."""
    if heads.cameras.perspective:
        return torch.nn.functional.normalize(heads.vertices_camera, dim=-1)
    return torch.tensor([[[0.0, 0.0, 1.0]]], device=heads.vertices_camera.device)


def _step(share: torch.Tensor) -> torch.Tensor:
    """Smooth step from 0 at share 0 to 1 at share 1."""
    inside = share.clamp(0.0, 1.0)
    return inside * inside * (3.0 - 2.0 * inside)
