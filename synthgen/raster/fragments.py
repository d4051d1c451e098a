"""What the rasteriser hands on: for each pixel centre, the surface point that is seen there."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Fragments:
    """One element describes the front-most surface point at one pixel centre.

    triangle_id: (N, H, W) int32, row of `triangles`; -1 where nothing is seen.
    barycentric: (N, H, W, 3) float32, perspective-correct weights of the triangle's corners; NaN where nothing is seen.
    depth: (N, H, W) float32, planar z in camera space, mm; NaN where nothing is seen.
    """

    triangle_id: torch.Tensor
    barycentric: torch.Tensor
    depth: torch.Tensor
