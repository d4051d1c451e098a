"""Normalised mean errors of landmarks, as measures of an evaluation."""

import torch

from training.method import Measure


def box_errors(predicted: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """(B,): mean distance of landmarks (B, K, 2) over the root of the area of the true ones' box."""
    extent = truth.amax(dim=1) - truth.amin(dim=1)
    return (predicted - truth).norm(dim=-1).mean(dim=1) / extent.prod(dim=-1).sqrt()


def box_nme(predicted: torch.Tensor, truth: torch.Tensor) -> Measure:
    """`box_errors` as a sum over samples."""
    error = box_errors(predicted, truth)
    return Measure(float(error.sum()), len(error))
