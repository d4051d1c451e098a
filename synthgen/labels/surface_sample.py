"""A sparse grid of pixels of every picture, with the surface points that their labels name: what checks look at."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.raster.fragments import Fragments

# Pixels of the grid along the shorter side of a picture: the same mistakes are found in a fraction of the time.
GRID_SIDE = 12


@dataclass(frozen=True)
class GridPixels:
    """P pixels of N pictures, in order, on one device. picture, row, column: (P,) int64."""

    picture: torch.Tensor
    row: torch.Tensor
    column: torch.Tensor

    @property
    def centre(self) -> torch.Tensor:
        """(P, 2) float64 px."""
        return torch.stack([self.column, self.row], dim=-1) + 0.5

    def number(self, size: tuple[int, int]) -> torch.Tensor:
        """(P,) int64: the pixels numbered through all pictures of `size` (H, W)."""
        return (self.picture * size[0] + self.row) * size[1] + self.column

    def of(self, plane: torch.Tensor) -> torch.Tensor:
        """The values (P, ...) of a plane (N, H, W, ...) at the pixels."""
        number = self.number((plane.shape[1], plane.shape[2]))
        return plane.reshape(-1, *plane.shape[3:]).index_select(0, number)

    def at(self, rows: torch.Tensor) -> "GridPixels":
        """Those at the places `rows` (Q,) int64 of the list."""
        return GridPixels(*(part.index_select(0, rows) for part in (self.picture, self.row, self.column)))


@dataclass(frozen=True)
class SurfaceSample:
    """Labelled pixels of N pictures.

    pixels: P of them. picture: (P,) in order. centre: (P, 2) px. triangle: (P,). barycentric: (P, 3). depth: (P,) mm,
    of the depth map. points: (P, 3) mm, camera space, what triangle and barycentric stand for.
    """

    pixels: GridPixels
    picture: NDArray[np.int64]
    centre: NDArray[np.float64]
    triangle: NDArray[np.int64]
    barycentric: NDArray[np.float32]
    depth: NDArray[np.float64]
    points: NDArray[np.float64]


def pick_pixels(mask: torch.Tensor, side: int = GRID_SIDE) -> GridPixels:
    """The pixels of the grid where `mask` (N, H, W) is True; about `side` of the grid along the shorter side."""
    step = max(1, min(mask.shape[1:]) // side)
    picture, row, column = torch.nonzero(mask[:, step // 2 :: step, step // 2 :: step], as_tuple=True)
    return GridPixels(picture, row * step + step // 2, column * step + step // 2)


def sample_surface(
    fragments: Fragments, pixels: GridPixels, triangles: torch.Tensor, vertices_camera: torch.Tensor
) -> SurfaceSample:
    """The surface at labelled pixels of pictures of one head each: triangles (T, 3), vertices (N, V, 3) float32 mm."""
    triangle = pixels.of(fragments.triangle_id).long()
    barycentric = pixels.of(fragments.barycentric).cpu().numpy()
    return SurfaceSample(
        pixels,
        pixels.picture.cpu().numpy(),
        pixels.centre.cpu().numpy(),
        triangle.cpu().numpy(),
        barycentric,
        pixels.of(fragments.depth).double().cpu().numpy(),
        surface_points(pixels.picture, triangle, barycentric, triangles, vertices_camera),
    )


def surface_points(
    picture: torch.Tensor,
    triangle: torch.Tensor,
    barycentric: NDArray[np.floating],
    triangles: torch.Tensor,
    vertices: torch.Tensor,
) -> NDArray[np.float64]:
    """(P, 3) float64: the points with barycentrics (P, 3) in triangle (P,) of picture (P,), among triangles (T, 3) and
    vertices (N, V, 3)."""
    # A pixel without a triangle, which ought not to be here, has NaN weights.
    corner = triangles.index_select(0, triangle.clamp(min=0)).long() + (picture * vertices.shape[1])[:, None]
    corners = vertices.reshape(-1, 3).index_select(0, corner.view(-1)).view(-1, 3, 3).double().cpu().numpy()
    return np.einsum("pkc,pk->pc", corners, barycentric.astype(np.float64))
