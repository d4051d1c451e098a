"""Attributes of the surface at every pixel."""

import torch

from synthgen.core.conventions import EMPTY_FLOAT
from synthgen.core.errors import UsageError
from synthgen.raster.check import check_same_device
from synthgen.raster.fragments import Fragments


def interpolate(fragments: Fragments, triangles: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
    """Attributes (N, H, W, C) of the surface point at each pixel, NaN where nothing is seen.

    triangles: (T, 3) int32. attributes: (N, V, C) per vertex of each image's mesh, or (T, 3, C) per triangle corner,
    floating. Differentiable with respect to `attributes`, and to barycentric, which `raster.surface_gradient` makes a
    function of the vertices.

    Raises UsageError when `attributes` fits neither form. Where both fit (N = T and V = 3), it is per vertex.
    """
    ids, weights = fragments.triangle_id, fragments.barycentric
    check_same_device(("triangle_id", ids), ("triangles", triangles), ("attributes", attributes))
    if attributes.ndim != 3 or not attributes.is_floating_point():
        raise UsageError(f"`attributes` must be (N, V, C) or (T, 3, C) floating, got {tuple(attributes.shape)}")
    place = torch.nonzero(ids.flatten() >= 0)[:, 0]  # (P,)
    seen = ids.flatten().index_select(0, place).long()
    if len(attributes) == len(ids):
        vertex = triangles.index_select(0, seen) + (place // ids[0].numel() * attributes.shape[1])[:, None]
        corners = attributes.flatten(0, 1).index_select(0, vertex.flatten()).unflatten(0, (-1, 3))  # (P, 3, C)
    elif attributes.shape[:2] == (len(triangles), 3):
        corners = attributes.index_select(0, seen)
    else:
        raise UsageError(
            f"`attributes` must be ({len(ids)}, V, C) or ({len(triangles)}, 3, C), got {tuple(attributes.shape)}"
        )
    at_place = weights.flatten(0, -2).index_select(0, place).to(attributes.dtype)
    values = (corners * at_place[..., None]).sum(dim=1)
    empty = torch.full((ids.numel(), attributes.shape[2]), EMPTY_FLOAT, dtype=attributes.dtype, device=ids.device)
    return empty.index_copy(0, place, values).unflatten(0, ids.shape)
