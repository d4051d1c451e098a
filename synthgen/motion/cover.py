"""What the surfaces of a head show that its photo shows badly or not at all: its sides, its back."""

import torch

from synthgen.motion.anchors import Anchors
from synthgen.motion.contour import radius_towards
from synthgen.motion.head_parts import follows_head, nose_base, unlabelled_vertices, up_direction
from synthgen.raster.normals import vertex_normals
from synthgen.render.assets import HeadAssets
from synthgen.render.heads import Heads

# How far behind the outline, mm, the head stops to show what the photo has at its place, which is its front.
BEHIND_MM = 25.0
GRAZING = (0.62, 0.3)  # cosine of the angle of view at which a surface begins to show what lies further inside, ends
REACH = (0.35, 0.7)  # of the way from the nose back to the outline: where that happens
PULL, PULL_SCALP = 0.1, 0.05  # how far inside, relative to the outline's radius
EAR_LEVEL = (0.35, 0.1)  # sine of the elevation from the centroid above which is scalp, below which ears and neck
BACK_BAND = 0.15  # the back shows a band this wide inside the outline, relative to the radius
BACK_LIFT, SIDE_LIFT = 0.75, 0.4  # and as much of the way up to the top, where the hair is; the sides do a little


def covering_sources(heads: Heads, anchors: Anchors, rim_depth: torch.Tensor, assets: HeadAssets) -> torch.Tensor:
    """(N, V, 2) px of the photo that each vertex shows when the head has turned far.

    Near the outline of a head the photo has what a fit a few pixels off makes of it, background often, and turning
    spreads that over the cheek: surfaces seen at a grazing angle show what lies a little further inside. The back of
    the head has the face before it in the photo: it shows a narrow band along the outline, the more of its upper end
    the further a vertex is behind the outline.
    """
    own = heads.vertices_image[..., :2]
    unlabelled = torch.from_numpy(unlabelled_vertices(assets.model)).to(own.device)
    normals = vertex_normals(heads.vertices_camera, assets.tensors.triangles, assets.adjacency)
    offset = own - anchors.centre[:, None]
    angle = torch.atan2(offset[..., 1], offset[..., 0])
    rim = radius_towards(anchors.outline, angle)
    depth, nose = heads.vertices_image[..., 2], nose_base(heads, assets)[:, 2:]
    rim_z = radius_towards(rim_depth, angle)
    # Seen from the front 1, from the side 0; at the nose 0, at the outline 1.
    facing = -(normals * _view_directions(heads)).sum(dim=-1)
    backward = (depth - nose) / (rim_z - nose).clamp_min(1.0)
    hind = _step((backward - REACH[0]) / (REACH[1] - REACH[0]))
    graze = _step((GRAZING[0] - facing) / (GRAZING[0] - GRAZING[1])) * hind
    up = up_direction(heads.cameras, heads.vertices_camera.mean(dim=1))
    turn = torch.atan2(up[:, 1], up[:, 0])[:, None] - angle
    turn = torch.remainder(turn + torch.pi, 2 * torch.pi) - torch.pi
    scalp = _step((turn.cos() - EAR_LEVEL[1]) / (EAR_LEVEL[0] - EAR_LEVEL[1]))
    deepest = PULL * (1 - scalp) + PULL_SCALP * scalp
    relative = offset.norm(dim=-1) / rim.clamp_min(1e-6)
    back = ((depth - rim_z) / BEHIND_MM).clamp(0.0, 1.0) * unlabelled * (relative < 1.0)
    follows = follows_head(assets, own.device)
    lift = torch.maximum(
        BACK_LIFT * back * (1.0 - (turn.abs() / 2.0).clamp(0.0, 1.0) ** 4), SIDE_LIFT * graze * scalp * unlabelled
    )
    lifted = angle + lift * follows * turn
    # The ear turns its sides every way: it is shifted as one.
    grip = torch.where(unlabelled, hind * (1 - scalp) + graze * scalp, graze) * _step((1.15 - relative) / 0.15)
    radius = relative - deepest * grip * follows
    band = 1.0 - deepest - BACK_BAND * (1.0 - relative).clamp(0.0, 1.0)
    radius = torch.lerp(radius, band, back * follows) * radius_towards(anchors.outline, lifted)
    return anchors.centre[:, None] + radius[..., None] * torch.stack([lifted.cos(), lifted.sin()], dim=-1)


def _view_directions(heads: Heads) -> torch.Tensor:
    """(N, V, 3) unit vectors from the camera to the vertices; (1, 1, 3) for scaled-orthographic cameras."""
    if heads.cameras.perspective:
        return torch.nn.functional.normalize(heads.vertices_camera, dim=-1)
    return torch.tensor([[[0.0, 0.0, 1.0]]], device=heads.vertices_camera.device)


def _step(share: torch.Tensor) -> torch.Tensor:
    """Smooth step from 0 at share 0 to 1 at share 1."""
    inside = share.clamp(0.0, 1.0)
    return inside * inside * (3.0 - 2.0 * inside)
