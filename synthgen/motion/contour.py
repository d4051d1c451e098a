"""The outline of a head in a picture as a radius and a depth per direction from its centre."""

from dataclasses import dataclass
from math import tau

import torch

SECTORS = 120
# Vertices this near to the outermost one of their sector, relative to its radius, give the depth of the outline.
RIM = 0.97


@dataclass(frozen=True)
class Outline:
    """N outlines sampled in SECTORS directions; direction k points to (cos, sin)(2 pi k / SECTORS) px, y down.

    radius: (N, K) float32 px from the centre; depth: (N, K) mm, camera space, smoothed along the outline.
    """

    radius: torch.Tensor
    depth: torch.Tensor


def directions(device: torch.device) -> torch.Tensor:
    """(K, 2) float32 unit vectors of the sectors."""
    angle = torch.arange(SECTORS, device=device, dtype=torch.float64) * (tau / SECTORS)
    return torch.stack([angle.cos(), angle.sin()], dim=1).float()


def head_outline(points: torch.Tensor, centre: torch.Tensor) -> Outline:
    """The outermost points per sector, whatever the mesh: no list of contour vertices is needed.

    points: (N, P, 3) float32 [x px, y px, depth mm] of the vertices that make the outline; centre: (N, 2) px inside.
    A sector without points takes the radius between its neighbours'.
    """
    offset = points[..., :2] - centre[:, None]
    radius = torch.linalg.vector_norm(offset, dim=-1)
    angle = torch.atan2(offset[..., 1], offset[..., 0])
    sector = torch.round(angle * (SECTORS / tau)).long() % SECTORS
    outer = radius.new_zeros((len(points), SECTORS)).scatter_reduce(1, sector, radius, "amax")
    outer = _filled(outer)
    on_rim = (radius >= RIM * outer.gather(1, sector)).float()
    weight = torch.zeros_like(outer).scatter_add(1, sector, on_rim)
    total = torch.zeros_like(outer).scatter_add(1, sector, on_rim * points[..., 2])
    return Outline(outer, smooth_around(total, 1.0) / smooth_around(weight, 1.0).clamp_min(1e-6))


def smooth_around(values: torch.Tensor, sigma: float) -> torch.Tensor:
    """(..., K) values filtered along the outline with a Gaussian of `sigma` sectors; the ends are neighbours."""
    reach = int(3 * sigma + 0.5)
    steps = torch.arange(-reach, reach + 1, device=values.device, dtype=values.dtype)
    kernel = torch.exp(-0.5 * (steps / sigma) ** 2)
    padded = torch.cat([values[..., -reach:], values, values[..., :reach]], dim=-1)
    return padded.unfold(-1, 2 * reach + 1, 1) @ (kernel / kernel.sum())


def radius_towards(radius: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """Radius (N, ...) of outlines (N, K) in directions `angle` (N, ...) radians, linear between the sectors."""
    place = (angle * (SECTORS / tau)).flatten(1) % SECTORS
    low = place.floor()
    share = place - low
    first = low.long() % SECTORS
    values = radius.gather(1, first) * (1 - share) + radius.gather(1, (first + 1) % SECTORS) * share
    return values.view(angle.shape)


def _filled(radius: torch.Tensor) -> torch.Tensor:
    """Empty sectors (radius 0) take the mean of their nearest neighbours with a radius."""
    for _ in range(SECTORS // 2):
        empty = radius <= 0
        if not bool(empty.any()):
            break
        before, after = radius.roll(1, 1), radius.roll(-1, 1)
        count = (before > 0).float() + (after > 0).float()
        radius = torch.where(empty, (before + after) / count.clamp_min(1.0), radius)
    return radius
