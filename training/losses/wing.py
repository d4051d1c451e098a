"""Losses of single coordinates against which the anisotropic one is compared: wing (Feng et al. 2018)."""

from math import log

import torch


def wing_loss(
    predicted: torch.Tensor, target: torch.Tensor, width: float = 10.0, curvature: float = 2.0
) -> torch.Tensor:
    """Mean of w ln(1 + |x| / e) up to |x| = w, and of |x| - C beyond, of all coordinates.

    width: w, px; curvature: e, px; C makes both meet.
    """
    error = (predicted - target).abs()
    offset = width - width * log(1.0 + width / curvature)
    return torch.where(error < width, width * torch.log1p(error / curvature), error - offset).mean()
