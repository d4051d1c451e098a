"""Bilinear texture lookup, differentiable by the texture and by where it is read."""

import torch

from synthgen.core.errors import UsageError


def sample_texture(texture: torch.Tensor, uv: torch.Tensor) -> torch.Tensor:
    """Values (N, H, W, C) of textures (N, S, S', C) at uv (N, H, W, 2) in [0, 1], v up.

    Row 0 of a texture is v = 1; texel centres lie half a texel inside; beyond the outermost ones the edge is repeated.
    One texture (1, S, S', C) serves all N. uv must be finite; one float dtype.

    Raises UsageError for a wrong shape.
    """
    fits = texture.ndim == 4 and uv.ndim == 4 and uv.shape[-1] == 2 and len(texture) in (1, len(uv))
    if not fits:
        shapes = f"{tuple(texture.shape)} and {tuple(uv.shape)}"
        raise UsageError(f"`texture` must be (N, S, S, C) and `uv` (N, H, W, 2), got {shapes}")
    planes = texture.permute(0, 3, 1, 2).expand(len(uv), -1, -1, -1)
    # torch's grid runs from -1 at the left and upper edge of the outermost texels to 1 at the others.
    grid = torch.stack([2 * uv[..., 0] - 1, 1 - 2 * uv[..., 1]], dim=-1)
    values = torch.nn.functional.grid_sample(planes, grid, padding_mode="border", align_corners=False)
    return values.permute(0, 2, 3, 1)
