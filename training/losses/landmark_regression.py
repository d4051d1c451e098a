"""Landmarks as plain numbers: tddfa_v2's landmark-regression regularisation (section 2.3)."""

import torch

from training.devices import mean_over_devices


def landmark_regression(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean over the batch of (1 / 2K) sum |l - l_g|^2, px^2, of landmarks (B, K, 2); NaN in the target: not known."""
    known = torch.isfinite(target)
    difference = torch.where(known, predicted - target.nan_to_num(), torch.zeros_like(predicted))
    return difference.square().sum() / mean_over_devices(known.sum().float()).clamp(min=1)
