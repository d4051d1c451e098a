"""What the rasteriser hands on: for each pixel centre, the surface point that is seen there."""

from dataclasses import dataclass

import torch

# Tiles per image side in the boxes of FrontTriangles, which are packed in four numbers of seven bits.
TILES = 128


def tile_shift(size: tuple[int, int]) -> int:
    """Logarithm to base 2 of the side in pixels of the tiles of an image of `size`, at most TILES per side."""
    return max(0, (max(size) - 1).bit_length() - (TILES - 1).bit_length())


@dataclass(frozen=True)
class FrontTriangles:
    """The triangles that face the camera, can be drawn and reach into the frame, in order; others can hide nothing.

    entry: (N, T, 2) int32, row of `triangles` and the box of tiles that it touches, x0 | y0 << 8 | x1 << 16 | y1 << 24.
    count: (N,) int32, number of valid entries of each image.
    """

    entry: torch.Tensor
    count: torch.Tensor


@dataclass(frozen=True)
class Fragments:
    """One element describes the front-most surface point at one pixel centre.

    triangle_id: (N, H, W) int32, row of `triangles`; -1 where nothing is seen.
    barycentric: (N, H, W, 3) float32, perspective-correct weights of the triangle's corners; NaN where nothing is seen.
    depth: (N, H, W) float32, planar z in camera space, mm; NaN where nothing is seen.
    fronts: what the rasteriser learnt about the mesh, to spare visibility a second look; None if it does not tell.
    """

    triangle_id: torch.Tensor
    barycentric: torch.Tensor
    depth: torch.Tensor
    fronts: FrontTriangles | None = None
