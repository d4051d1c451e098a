"""Normalised mean errors of landmarks, as measures of an evaluation."""

import torch

from training.method import Measure


def box_nme(predicted: torch.Tensor, truth: torch.Tensor) -> Measure:
    """Sum over samples of the mean distance of landmarks (B, K, 2) over the root of the area of the true ones' box."""
    extent = truth.amax(dim=1) - truth.amin(dim=1)
    error = (predicted - truth).norm(dim=-1).mean(dim=1) / extent.prod(dim=-1).sqrt()
    return Measure(float(error.sum()), len(error))
