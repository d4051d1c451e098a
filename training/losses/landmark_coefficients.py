"""dal2d's losses (Tu 2020, section III): weighted coefficients, and consistency of landmarks and parameters."""

import torch

from training.losses.shape_model import ShapeModel, displacements


def weighted_coefficient_loss(outputs: torch.Tensor, targets: torch.Tensor, landmarks: ShapeModel) -> torch.Tensor:
    """Mean over the batch of (a - a_g)' diag(w) (a - a_g), z-scored parameters (B, 62).

    w_i: how far the landmarks in the picture move when parameter i alone is wrong, by the sum over all i.
    landmarks: the model of the landmarks' vertices.
    """
    weights = coefficient_weights(outputs, targets, landmarks).detach()
    return (weights * (outputs - targets).square()).sum(dim=1).mean()


def coefficient_weights(outputs: torch.Tensor, targets: torch.Tensor, landmarks: ShapeModel) -> torch.Tensor:
    """(B, 62) weights that sum to 1; equal ones where nothing is wrong."""
    weights = displacements(landmarks, outputs, targets, axes=2)
    total = weights.sum(dim=1, keepdim=True)
    return torch.where(total > 0, weights / total.clamp(min=1e-12), torch.full_like(weights, 1.0 / weights.shape[1]))


def landmark_consistency(first: torch.Tensor, second: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
    """Mean over the batch of sum over points of w |first - second|, landmarks (B, K, 2 or 3) px (section III-D).

    weight: (K,), the mask that weighs groups of points 4 : 2 : 1; 1 without it. In pictures it is the 2-D consistency
    of the paper, in space the 3-D one, and between landmarks and those of a second pass the cycle.
    """
    squared = (first - second).square().sum(dim=-1)
    # The root has no derivative at 0, where nothing is to be learnt.
    distance = torch.where(squared > 0, squared, torch.ones_like(squared)).sqrt() * (squared > 0)
    return (distance if weight is None else distance * weight).sum(dim=1).mean()
