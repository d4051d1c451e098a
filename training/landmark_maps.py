"""dal2d's 18 landmarks and their heat map (Tu 2020, sections III-B and D; figure 4)."""

from collections.abc import Sequence
from typing import Literal

import torch

# Of the 68, 0-based: brows (outer, middle, inner), eyes (outer corner, pupil, inner corner), nose (left, tip, right),
# mouth (left corner, middle, right corner); several stand for the point between them. The mouth's middle is that of its
# corners, as the paper has it.
POINTS: tuple[tuple[int, ...], ...] = (
    (17,), (19,), (21,), (22,), (24,), (26,),
    (36,), (37, 40), (39,), (42,), (43, 46), (45,),
    (31,), (30,), (35,),
    (48,), (48, 54), (54,),
)  # fmt: skip
MOUTH_CENTRE, LIPS = 16, (62, 66)  # its code takes the points between the lips instead
# 4 : 2 : 1. The text does not say which points have which colour in figure 4: eye corners and nose tip are taken to be
# the red ones, mouth, pupils and nose wings the pink ones, brows the yellow ones (CONVENTIONS H).
GROUPS: tuple[Literal[1, 2, 4], ...] = (1, 1, 1, 1, 1, 1, 4, 2, 4, 4, 2, 4, 2, 4, 2, 2, 2, 2)
SPREAD_PX = 2.0


def sparse_landmarks(landmarks: torch.Tensor, lips: bool = False) -> torch.Tensor:
    """(B, 18, C) of the 68 landmarks (B, 68, C); lips: the mouth's centre is between the lips, as the code has it."""
    members = [LIPS if lips and number == MOUTH_CENTRE else some for number, some in enumerate(POINTS)]
    return torch.stack([landmarks[:, list(some)].mean(dim=1) for some in members], dim=1)


def landmark_weights(ratio: tuple[float, float, float], groups: Sequence[int] = GROUPS) -> torch.Tensor:
    """(18,) weights with this ratio instead of 4 : 2 : 1; their mean is 1, so that ratios can be compared.

    groups: 4, 2 or 1 for each point.
    """
    by_group = dict(zip((4, 2, 1), ratio, strict=True))
    weights = torch.tensor([float(by_group[group]) for group in groups])
    return weights / weights.mean()


def landmark_maps(points: torch.Tensor, size: tuple[int, int], spread: float) -> torch.Tensor:
    """(B, K, H, W): for each of the points (B, K, 2) px a Gaussian about it, 1 at the point; differentiable by it."""
    height, width = size
    x = torch.arange(width, device=points.device) + 0.5
    y = torch.arange(height, device=points.device) + 0.5
    across = torch.exp(-0.5 * ((x - points[..., :1]) / spread).square())  # (B, K, W)
    down = torch.exp(-0.5 * ((y - points[..., 1:]) / spread).square())  # (B, K, H)
    return down[..., :, None] * across[..., None, :]


def landmark_map(points: torch.Tensor, size: tuple[int, int], spread: float = SPREAD_PX) -> torch.Tensor:
    """(B, 1, H, W): 1 at points (B, K, 2) px, a Gaussian about them, -1 far away; differentiable by the points."""
    return 2.0 * landmark_maps(points, size, spread).amax(dim=1, keepdim=True) - 1.0


def landmark_pixels(points: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """(B, 1, H, W): 1 in the pixels that points (B, K, 2) px lie in, else -1, as 2DAL's code has it; it has no
    derivative by the points. Points beside the picture mark nothing."""
    height, width = size
    place = points.detach().floor().long()
    x, y = place.unbind(dim=-1)
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    row = torch.arange(len(points), device=points.device)[:, None].expand_as(x)
    planes = torch.full((len(points), 1, height, width), -1.0, device=points.device)
    planes[row[inside], 0, y[inside], x[inside]] = 1.0
    return planes
