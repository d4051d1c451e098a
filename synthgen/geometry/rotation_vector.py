"""Rotations as vectors: three unconstrained numbers for optimisation, differentiable everywhere."""

import torch


def rotation_from_vector(vector: torch.Tensor) -> torch.Tensor:
    """Right-handed rotations (N, 3, 3) about vectors (N, 3), world axes, by their lengths in radians.

    The exponential of the cross-product matrix (Rodrigues' formula), smooth at zero too.
    """
    x, y, z = vector.unbind(dim=-1)
    zero = torch.zeros_like(x)
    rows = [zero, -z, y, z, zero, -x, -y, x, zero]
    return torch.linalg.matrix_exp(torch.stack(rows, dim=-1).unflatten(-1, (3, 3)))
