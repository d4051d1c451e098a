"""Isotropic losses of landmarks, against which the anisotropic paper compares its own (table 6)."""

import torch

from training.losses.wing import wing_loss


def landmark_distance(
    loss: str, predicted: torch.Tensor, target: torch.Tensor, wing: tuple[float, float] = (10.0, 2.0)
) -> torch.Tensor:
    """Mean over all coordinates (B, K, 2), px: `l1`, `l2` (squared), `smooth_l1` (from squared to absolute at 1 px) or
    `wing`, of width and curvature px."""
    if loss == "wing":
        return wing_loss(predicted, target, *wing)
    if loss == "l1":
        return (predicted - target).abs().mean()
    if loss == "l2":
        return (predicted - target).square().mean()
    if loss == "smooth_l1":
        return torch.nn.functional.smooth_l1_loss(predicted, target)
    raise ValueError(loss)
