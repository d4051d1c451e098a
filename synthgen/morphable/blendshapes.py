"""A linear head model as a differentiable function of its coefficients."""

import torch


def blendshape_vertices(mean: torch.Tensor, basis: torch.Tensor, coefficients: torch.Tensor) -> torch.Tensor:
    """Vertices (N, V, 3), mm, world space, of N heads: mean + coefficients . basis (dfc equation 1).

    mean: (3V,) mm. basis: (K, 3V) mm per unit. coefficients: (N, K) in the model's units, identity before expression.
    All in one float dtype; differentiable by each.
    """
    return torch.addmm(mean, coefficients, basis).unflatten(1, (-1, 3))
