"""The background around a face as a mesh of fixed topology: rings of anchors from behind the face to the border.

300W-LP triangulates contour and anchors of each photo by itself (Delaunay). Here the anchors are K sectors times rings
in polar coordinates about the face's projected centroid, so one triangle list serves a batch. Rings near the face are
points in space that turn with it, farther and farther back as they widen (300W-LP scales the depth of the contour about
the nose with the ring): hair and ears turn with the face. The border stays, and what lies between is stretched.
"""

from dataclasses import dataclass

import numpy as np
import torch

from synthgen.motion.contour import SECTORS, Outline, directions

INNER = (
    0.0,
    0.25,
    0.5,
    0.7,
    0.9,
)  # of the outline's radius: behind the face, for the gaps of meshes with an open mouth
BEHIND_MM = 4.0  # how far behind the outline they lie
RINGS = (0.985, 1.10, 1.15, 1.20, 1.25, 1.30)  # just inside the outline, so that nothing gapes, then 300W-LP's five
STEEPNESS = 2.0  # 300W-LP's cone (1) makes thin heads; a skull recedes faster
LEAST_SLOPE = 1.2  # mm of depth per mm away from the centre: above a flat forehead the cone would stand upright
BEHIND_HEAD_MM = 400.0  # all are drawn this much farther away: more than any head is deep
BETWEEN = tuple(k / 16 for k in range(1, 16))  # of the way from the last ring to the border
OUTER = 3.0  # of the border's radius: what a zoom out or a shift of the picture shows, its border repeated
NEAR_FACE = len(INNER) + len(RINGS)
RING_COUNT = NEAR_FACE + len(BETWEEN) + 2
ANCHORS = RING_COUNT * SECTORS
# Sectors below the jaw show neck and shoulders, which do not turn with the head: sine of the elevation from which an
# anchor follows the head, and below which it stays.
FOLLOWS, STAYS = -0.3, -0.65


@dataclass(frozen=True)
class Anchors:
    """The anchors of N photos, R rings of K sectors.

    points: (N, R, K, 2) px; depth: (N, R, K) mm; follows: (N, NEAR_FACE, K) in [0, 1], how much each turns with the
    face.
    """

    points: torch.Tensor
    depth: torch.Tensor
    follows: torch.Tensor


def ring_triangles() -> np.ndarray:
    """(TB, 3) int32 triangles of the anchors, ring by ring, facing the viewer; anchor = ring * K + sector."""
    ring, sector = np.meshgrid(np.arange(RING_COUNT - 1), np.arange(SECTORS), indexing="ij")
    following = (sector + 1) % SECTORS
    a, b = ring * SECTORS + sector, ring * SECTORS + following
    c, d = a + SECTORS, b + SECTORS
    return np.stack([np.stack([a, b, c], -1), np.stack([b, d, c], -1)], axis=2).reshape(-1, 3).astype(np.int32)


def place_anchors(
    outline: Outline,
    centre: torch.Tensor,
    nose_depth: torch.Tensor,
    up: torch.Tensor,
    mm_per_px: torch.Tensor,
    size: tuple[int, int],
) -> Anchors:
    """Anchors about the outlines of faces in photos of `size`.

    centre: (N, 2) px, of the outlines; nose_depth: (N,) mm, depth of the nose, about which the depth of the outline is
    scaled; up: (N, 2) unit vectors, where the head's top is in the picture;
    mm_per_px: (N,), at the depth of the nose.
    """
    device = centre.device
    relative = torch.tensor((*INNER, *RINGS), device=device)[:, None]
    near = relative * outline.radius[:, None]  # (N, near, K)
    last = near[:, -1]
    border = torch.maximum(_border_distance(centre, size), 1.12 * last)
    share = torch.tensor((*BETWEEN, 1.0), device=device)[:, None]
    far = last[:, None] + share * (border - last)[:, None]
    radius = torch.cat([near, far, OUTER * border[:, None]], dim=1)
    nose, rim = nose_depth[:, None, None], outline.depth[:, None]
    slope = torch.maximum(STEEPNESS * (rim - nose), LEAST_SLOPE * outline.radius[:, None] * mm_per_px[:, None, None])
    cone = rim + (relative - 1.0).clamp_min(0.0) * slope + (relative - 1.0).clamp_max(0.0) * (rim - nose)
    flat = BEHIND_MM + torch.lerp(rim.mean(dim=2, keepdim=True), rim, relative)
    depth = torch.where(relative < RINGS[0], flat, cone)
    depth = torch.cat([depth, depth[:, -1:].expand(-1, RING_COUNT - NEAR_FACE, -1)], dim=1)
    rise = ((up @ directions(device).T - STAYS) / (FOLLOWS - STAYS)).clamp(0.0, 1.0)
    sector = (rise * rise * (3 - 2 * rise))[:, None]
    away = ((relative - 1.0) / (RINGS[-1] - 1.0)).clamp(0.0, 1.0)
    points = centre[:, None, None] + radius[..., None] * directions(device)
    return Anchors(points, depth, torch.lerp(torch.ones_like(sector), sector, away.sqrt()))


def move_anchors(anchors: Anchors, near: torch.Tensor) -> torch.Tensor:
    """(N, R, K, 3) [x px, y px, depth mm] of all anchors when those near the face are at `near` (N, NEAR_FACE, K, 3).

    Border and beyond stay; the rings between keep their share of the way from the last ring to the border.
    """
    share = torch.tensor(BETWEEN, device=near.device)[:, None, None]
    still = torch.cat([anchors.points, anchors.depth[..., None]], dim=-1)
    border = still[:, -2:-1]
    between = torch.lerp(near[:, -1:].expand(-1, len(BETWEEN), -1, -1), border.expand(-1, len(BETWEEN), -1, -1), share)
    return torch.cat([near, between, still[:, -2:]], dim=1)


def _border_distance(centre: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """(N, K) px from the centre to the frame of a picture of `size` along each direction; at least a tenth of it."""
    ray = directions(centre.device)
    height, width = size
    frame = torch.tensor([float(width), float(height)], device=centre.device)
    room = torch.where(ray > 0, frame - centre[:, None], centre[:, None])  # (N, K, 2)
    distance = room / ray.abs().clamp_min(1e-6)
    return distance.amin(dim=-1).clamp_min(0.1 * min(size))
