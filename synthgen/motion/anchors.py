"""The background around a head as a mesh of fixed topology: rings of anchors from inside the outline to the border.

300W-LP triangulates contour and anchors of each photo by itself (Delaunay). Here the anchors are K sectors times rings
in polar coordinates about the head's projected centroid, so one triangle list serves a batch. An anchor moves along its
ray alone and the rings stay in order, so the background can neither fold nor tear.
"""

from dataclasses import dataclass

import numpy as np
import torch

from synthgen.motion.contour import SECTORS, Outline, directions, smooth_around

INNER = (0.0, 0.5, 0.85)  # of the outline's radius: hidden behind the head unless it leaves its place
EDGE = 0.985  # just inside, so that no pixel outside the head is lost
RINGS = (1.10, 1.15, 1.20, 1.25, 1.30)  # 300W-LP's five
BETWEEN = (0.25, 0.5, 0.75)  # of the way from the last of them to the border
OUTER = 3.0  # of the border's radius: what a zoom out or a shift of the picture shows, its border repeated
NEAR_HEAD = len(INNER) + 1 + len(RINGS)
RING_COUNT = NEAR_HEAD + len(BETWEEN) + 2
ANCHORS = RING_COUNT * SECTORS

HIDDEN_AFTER = 0.4  # of the outline's radius: motion of the nose after which the far side's hair is behind the face
FRAME_MARGIN = 0.12  # anchors nearer to the photo's border than this are not drawn inwards wholly
NEAR_LOSS = 0.08  # on the side that turns into view, rings nearer to the outline than this go behind the head
FAR_RING, FAR_STEP = 0.85, 0.75  # on the far side the ring at 1 goes to the first, relative to the new outline, and on
MOST_GROWTH = 0.8  # of an outline, in terms of the room there is to the border

# Turned by this and more, the surroundings of the outline cover the place that the head has left. Less is less visible,
# and nothing may change at 0.
FULL_COVER = np.radians(15.0)
COVER_SHIFT = 0.05  # the outline's own pixels are a mix of head and background: leave them out
# Sectors below the jaw show neck and shoulders, which do not turn with the head: sine of the elevation from which an
# anchor follows the head, and below which it stays.
FOLLOWS, STAYS = -0.3, -0.65


@dataclass(frozen=True)
class Anchors:
    """The anchors of N photos, R rings of K sectors.

    radius: (N, R, K) px; depth: (N, NEAR_HEAD, K) mm, of the rings near the head; outline: (N, K) px; frame: (N, K)
    px, distance of the photo's border from the centre. follows: (N, K) in [0, 1], how much a sector follows the head.
    centre: (N, 2) px.
    """

    radius: torch.Tensor
    depth: torch.Tensor
    outline: torch.Tensor
    frame: torch.Tensor
    follows: torch.Tensor
    centre: torch.Tensor


def ring_triangles() -> np.ndarray:
    """(TB, 3) int32 triangles of the anchors, ring by ring, facing the viewer; anchor = ring * K + sector."""
    ring, sector = np.meshgrid(np.arange(RING_COUNT - 1), np.arange(SECTORS), indexing="ij")
    following = (sector + 1) % SECTORS
    a, b = ring * SECTORS + sector, ring * SECTORS + following
    c, d = a + SECTORS, b + SECTORS
    return np.stack([np.stack([a, b, c], -1), np.stack([b, d, c], -1)], axis=2).reshape(-1, 3).astype(np.int32)


def place_anchors(
    outline: Outline, centre: torch.Tensor, nose_depth: torch.Tensor, up: torch.Tensor, size: tuple[int, int]
) -> Anchors:
    """Anchors about the outlines of heads in photos of `size`.

    nose_depth: (N,) mm, depth of the nose tip, about which the depth of the outline is scaled with the rings
    (300W-LP); up: (N, 2) unit vectors, where the head's top is in the picture.
    """
    device = centre.device
    relative = torch.tensor((*INNER, EDGE, *RINGS), device=device)
    near = relative[:, None] * outline.radius[:, None]  # (N, near, K)
    last = near[:, -1]
    frame = _border_distance(centre, size)
    border = torch.maximum(frame, 1.12 * last)
    share = torch.tensor((*BETWEEN, 1.0), device=device)
    far = last[:, None] + share[:, None] * (border - last)[:, None]
    radius = torch.cat([near, far, OUTER * border[:, None]], dim=1)
    nose = nose_depth[:, None, None]
    depth = nose + relative.clamp_min(1.0)[:, None] * (outline.depth[:, None] - nose)
    elevation = up @ directions(device).T
    rise = ((elevation - STAYS) / (FOLLOWS - STAYS)).clamp(0.0, 1.0)
    return Anchors(radius, depth, outline.radius, frame, rise * rise * (3 - 2 * rise), centre)


def anchor_points(anchors: Anchors, radius: torch.Tensor) -> torch.Tensor:
    """(N, R, K, 2) px of anchors at `radius` (N, R, K)."""
    return anchors.centre[:, None, None] + radius[..., None] * directions(radius.device)


def source_points(anchors: Anchors, cover: torch.Tensor) -> torch.Tensor:
    """(N, len(INNER) + 1, K, 2) px in the photo that the anchors inside the outline show, `cover` (N,) in [0, 1].

    Inside the outline the surroundings are mirrored, so that no face shows behind the face.
    """
    edge = len(INNER)
    radius = anchors.radius[:, : edge + 1]
    relative = torch.tensor((*INNER, EDGE), device=radius.device)[:, None]
    mirrored = (1.0 + COVER_SHIFT + 0.5 * (1.0 - relative)) * anchors.outline[:, None]
    return anchor_points(anchors, torch.lerp(radius, mirrored, cover[:, None, None]))


def moved_radius(anchors: Anchors, rigid: torch.Tensor, outline: torch.Tensor, motion: torch.Tensor) -> torch.Tensor:
    """(N, R, K) px, radius of the anchors when the head has turned.

    rigid: (N, NEAR_HEAD, K, 2) px, the anchors near the head turned with it; outline: (N, K) px of the turned head;
    motion: (N, 2) px, how far the nose has moved. On the side that turns into view the anchors stay outside the new
    outline, and hair with them; on the other side they go behind the head as they turn.
    """
    edge = len(INNER)
    relative = torch.tensor((EDGE, *RINGS), device=rigid.device)[:, None]
    away = motion / torch.maximum(motion.norm(dim=1), 0.05 * anchors.outline.mean(dim=1))[:, None]
    ahead = away @ directions(rigid.device).T
    beside = (0.5 - 0.9 * ahead).clamp(0.0, 1.0)[:, None]
    far = FAR_RING + FAR_STEP * (relative - 1)
    least = beside * (relative - NEAR_LOSS) + (1 - beside) * far
    turned = (rigid[:, edge:] - anchors.centre[:, None, None]).norm(dim=-1)
    radius = torch.maximum(turned, least * outline[:, None])
    progress = (motion.norm(dim=1) / (HIDDEN_AFTER * anchors.outline.mean(dim=1))).clamp(0.0, 1.0)[:, None, None]
    hidden = torch.minimum(radius, far * outline[:, None])
    radius = torch.lerp(radius, hidden, (1 - beside) * progress)
    gap = 0.3 * (relative - EDGE) * anchors.outline[:, None]
    radius = torch.cummax(radius - gap, dim=1).values + gap
    growth = smooth_around(anchors.follows[:, None] * (radius - anchors.radius[:, edge:NEAR_HEAD]), 4.0)
    # Nothing from beside the photo is drawn into the picture.
    inside = (anchors.frame[:, None] / anchors.radius[:, edge:NEAR_HEAD] - 1.0) / FRAME_MARGIN
    growth = torch.where(growth < 0, growth * inside.clamp(0.0, 1.0), growth)
    room = anchors.radius[:, -2] - anchors.radius[:, NEAR_HEAD - 1]
    return _spread(anchors, torch.minimum(growth, MOST_GROWTH * room[:, None]))


def _spread(anchors: Anchors, growth: torch.Tensor) -> torch.Tensor:
    """Radius of all rings: inside the outline in proportion, towards the border less and less growth."""
    edge = len(INNER)
    radius = anchors.radius.clone()
    radius[:, edge:NEAR_HEAD] += growth
    radius[:, :edge] *= radius[:, edge : edge + 1] / anchors.radius[:, edge : edge + 1]
    left = 1.0 - torch.tensor(BETWEEN, device=radius.device)[:, None]
    radius[:, NEAR_HEAD : NEAR_HEAD + len(BETWEEN)] += left * growth[:, -1:]
    return radius


def _border_distance(centre: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """(N, K) px from the centre to the frame of a picture of `size` along each direction; at least a tenth of it."""
    ray = directions(centre.device)
    height, width = size
    frame = torch.tensor([float(width), float(height)], device=centre.device)
    room = torch.where(ray > 0, frame - centre[:, None], centre[:, None])  # (N, K, 2)
    distance = room / ray.abs().clamp_min(1e-6)
    return distance.amin(dim=-1).clamp_min(0.1 * min(size))
