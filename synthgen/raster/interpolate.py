"""Attributes of the surface at every pixel."""

import torch

from synthgen.core.conventions import EMPTY_FLOAT
from synthgen.core.errors import UsageError
from synthgen.raster.check import check_same_device
from synthgen.raster.fragments import Fragments


def interpolate(fragments: Fragments, triangles: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
    """Attributes (N, H, W, C) of the surface point at each pixel, NaN where nothing is seen.

    triangles: (T, 3) int32. attributes: (N, V, C) per vertex of each image's mesh, or (T, 3, C) per triangle corner,
    floating. Differentiable with respect to `attributes`.

    Raises UsageError when `attributes` fits neither form. Where both fit (N = T and V = 3), it is per vertex.
    """
    ids, weights = fragments.triangle_id, fragments.barycentric
    check_same_device(("triangle_id", ids), ("triangles", triangles), ("attributes", attributes))
    if attributes.ndim != 3 or not attributes.is_floating_point():
        raise UsageError(f"`attributes` must be (N, V, C) or (T, 3, C) floating, got {tuple(attributes.shape)}")
    batch, row, column = torch.nonzero(ids >= 0, as_tuple=True)
    seen = ids[batch, row, column].long()
    if len(attributes) == len(ids):
        corners = attributes[batch[:, None], triangles[seen].long()]  # (P, 3, C)
    elif attributes.shape[:2] == (len(triangles), 3):
        corners = attributes[seen]
    else:
        raise UsageError(
            f"`attributes` must be ({len(ids)}, V, C) or ({len(triangles)}, 3, C), got {tuple(attributes.shape)}"
        )
    values = (corners * weights[batch, row, column].to(attributes.dtype)[..., None]).sum(dim=1)
    empty = torch.full((*ids.shape, attributes.shape[2]), EMPTY_FLOAT, dtype=attributes.dtype, device=ids.device)
    return empty.index_put((batch, row, column), values)
