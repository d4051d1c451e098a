"""Fragments -> colour, normals and intrinsic layers of the surface, for a batch of heads that share a template."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.raster.fragments import Fragments
from synthgen.shading.transfer import linear_of_byte_table, transmittance_table

# Density layers are padded to this many, so that a texel is one vector.
LAYERS = 16


@dataclass(frozen=True)
class ChartLayers:
    """Density layers of the procedural albedo on the device, all mip levels.

    values: (texels, 16) float32, layers beyond the model's are 0; level l is size_l x size_l texels from offset_l.
    offset, size: (L,) int32.
    texel_mm: mean edge of a level-0 texel on the mean head, mm.
    """

    values: torch.Tensor
    offset: torch.Tensor
    size: torch.Tensor
    texel_mm: float


@dataclass(frozen=True)
class HeadAlbedo:
    """What each of M heads is painted with.

    absorbance: (M, 3, 16) float32. level: (M,) int32 mip level. textures: (M, S, S, 3) uint8 sRGB, S = 0 for layers.
    """

    absorbance: torch.Tensor
    level: torch.Tensor
    textures: torch.Tensor


@dataclass(frozen=True)
class HeadGeometry:
    """triangles (T, 3) int32, the first label_count carry labels; uv (T, 3, 2) float32; normals (M, V, 3) float32, unit
    or not, model space; rotation (M, 3, 3) float32, model to posed model in world axes."""

    triangles: torch.Tensor
    label_count: int
    uv: torch.Tensor
    normals: torch.Tensor
    rotation: torch.Tensor


@dataclass(frozen=True)
class Surface:
    """What is seen at each pixel centre of M pictures of one head.

    colour: (M, H, W, 4) float32, linear RGB premultiplied by coverage, coverage.
    labelled: the fragments of label-carrying triangles; -1 and NaN elsewhere.
    normals: (M, H, W, 3) float32, unit, camera space, NaN where `labelled` is empty.
    albedo, shading: (M, H, W, 3) float32, linear, NaN where `labelled` is empty; None unless asked for.
    """

    colour: torch.Tensor
    labelled: Fragments
    normals: torch.Tensor
    albedo: torch.Tensor | None
    shading: torch.Tensor | None


def chart_layers(levels: list[NDArray[np.float32]], texel_mm: float, device: str) -> ChartLayers:
    """Density layers on the device from mip levels (S, S, K), (S/2, S/2, K), ..."""
    sizes = [level.shape[0] for level in levels]
    offsets = np.cumsum([0, *(size * size for size in sizes[:-1])])
    values = np.zeros((sum(size * size for size in sizes), LAYERS), np.float32)
    values[:, : levels[0].shape[2]] = np.concatenate([level.reshape(-1, level.shape[2]) for level in levels])
    return ChartLayers(
        torch.from_numpy(values).to(device),
        torch.tensor(offsets, dtype=torch.int32, device=device),
        torch.tensor(sizes, dtype=torch.int32, device=device),
        texel_mm,
    )


def padded_absorbance(absorbance: NDArray[np.floating]) -> NDArray[np.float32]:
    """(M, 3, 16) from the absorbance (M, K, 3) of K <= 16 layers."""
    padded = np.zeros((len(absorbance), 3, LAYERS), np.float32)
    padded[:, :, : absorbance.shape[1]] = np.swapaxes(absorbance, 1, 2)
    return padded


def mip_level(chart: ChartLayers, pixels_per_mm: NDArray[np.floating]) -> NDArray[np.int32]:
    """(M,) the mip level whose texels are nearest to a pixel in size, for heads seen at (M,) pixels per mm."""
    level = np.rint(np.log2(1.0 / (np.asarray(pixels_per_mm) * chart.texel_mm)))
    return np.clip(level, 0, len(chart.size) - 1).astype(np.int32)


def shade_heads(
    fragments: Fragments,
    geometry: HeadGeometry,
    chart: ChartLayers,
    albedo: HeadAlbedo,
    light: torch.Tensor,
    keep_layers: bool = False,
) -> Surface:
    """Colour and normals at every pixel: albedo x max(E, 0) / pi with E from light (M, 9, 3), radiance, world space."""
    from synthgen.shading.warp_surface import launch_shade_surface

    shape = fragments.triangle_id.shape
    device = fragments.triangle_id.device

    def plane(channels: int, wanted: bool = True) -> torch.Tensor:
        size = shape if wanted else (0, 0, 0)
        return torch.empty((*size, channels), dtype=torch.float32, device=device)

    labelled = Fragments(
        torch.empty(shape, dtype=torch.int32, device=device),
        plane(3),
        torch.empty(shape, dtype=torch.float32, device=device),
    )
    surface = Surface(plane(4), labelled, plane(3), plane(3, keep_layers), plane(3, keep_layers))
    tables = (torch.from_numpy(linear_of_byte_table()).to(device), torch.from_numpy(transmittance_table()).to(device))
    launch_shade_surface(fragments, geometry, chart, albedo, light, tables, surface)
    return surface if keep_layers else Surface(surface.colour, labelled, surface.normals, None, None)
