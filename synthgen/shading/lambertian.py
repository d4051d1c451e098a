"""Diffuse shading under spherical-harmonics light in plain torch: differentiable by normals and light."""

from math import pi

import torch

from synthgen.core.errors import UsageError
from synthgen.core.spherical_harmonics import LAMBERT, SH_FACTORS

# Of each polynomial in max(E, 0) / pi, E = sum A_l L_lm Y_lm.
_FACTORS = LAMBERT * SH_FACTORS / pi


def lambertian_shading(light: torch.Tensor, normals: torch.Tensor) -> torch.Tensor:
    """Shading (N, ..., C), max(E, 0) / pi, what multiplies linear albedo; see core.conventions.

    light: (N, 9, C) radiance, world space, order L00 L1-1 L10 L11 L2-2 L2-1 L20 L21 L22. normals: (N, ..., 3) unit,
    world space, finite. One float dtype. Where E is clamped, nothing has a gradient.

    Raises UsageError for a wrong shape.
    """
    if light.ndim != 3 or light.shape[1] != 9 or normals.shape[-1] != 3 or len(light) != len(normals):
        shapes = f"{tuple(light.shape)} and {tuple(normals.shape)}"
        raise UsageError(f"`light` must be (N, 9, C) and `normals` (N, ..., 3), got {shapes}")
    x, y, z = normals.flatten(1, -2).unbind(dim=-1)  # (N, P)
    polynomials = [torch.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y]
    factors = torch.as_tensor(_FACTORS, dtype=light.dtype, device=light.device)
    shading = torch.stack(polynomials, dim=-1) @ (light * factors[:, None])  # (N, P, C)
    return shading.relu().unflatten(1, normals.shape[1:-1])
