"""Adaptive wing (Wang et al. 2019), a loss of heat maps that depends on how bright the truth is."""

import torch

BRIGHT = 0.2


def adaptive_wing_loss(
    predicted: torch.Tensor,
    target: torch.Tensor,
    width: float = 14.0,
    threshold: float = 0.5,
    curvature: float = 1.0,
    exponent: float = 2.1,
    weight: float = 0.0,
) -> torch.Tensor:
    """Mean over values in [0, 1] of w ln(1 + |x / e|^(a - y)) up to |x| = t, and of A |x| - C beyond.

    width: w; threshold: t; curvature: e; exponent: a; y: the truth. A and C make value and slope meet at t. weight: W
    of the paper's section 4.3, which has 10: maps (B, K, H, W) count 1 + W times where, or beside where, y >= 0.2.
    """
    error = (predicted - target).abs()
    power = exponent - target
    ratio = threshold / curvature
    slope = width / (1.0 + ratio**power) * power * ratio ** (power - 1.0) / curvature
    offset = threshold * slope - width * torch.log1p(ratio**power)
    # Away from 0, where the derivative of a power below 1 is infinite.
    inside = width * torch.log1p((error.clamp(min=1e-12) / curvature) ** power)
    loss = torch.where(error < threshold, inside, slope * error - offset)
    if weight:
        bright = torch.nn.functional.max_pool2d(target, 3, 1, 1) >= BRIGHT
        loss = loss * (1.0 + weight * bright)
    return loss.mean()
