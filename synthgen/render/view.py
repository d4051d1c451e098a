"""Scenes -> pictures and per-pixel arrays: one batch through raster, shading and compositing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from synthgen.core.spherical_harmonics import rotate_sh_y
from synthgen.raster.fragments import Fragments
from synthgen.raster.normals import vertex_normals
from synthgen.raster.rasterize import rasterize
from synthgen.render.assets import RenderAssets
from synthgen.render.faces import MergedFaces, merge_faces
from synthgen.render.heads import Heads, check_vertices, pose_heads
from synthgen.sampling.albedo import absorbance
from synthgen.sampling.scene import FaceParams, SceneParams
from synthgen.shading.occlude import render_occluders
from synthgen.shading.picture import PictureLayers, Sensor, develop_pictures, shrink_coverage
from synthgen.shading.surface import HeadAlbedo, HeadGeometry, mip_level, padded_absorbance, shade_heads

# Fine pixels in memory at the same time, about 80 bytes each.
FINE_PIXELS_AT_ONCE = 2**21


@dataclass(frozen=True)
class View:
    """N pictures and what is seen in them.

    image: (N, H, W, 3) uint8. occluder_mask: (N, H, W) bool. heads: the M posed heads.
    everything: Fragments of all heads (M), all triangles, for visibility. faces: label-carrying surface per picture.
    invented_mask: (N, H, W) bool, pixels that no camera saw, in pictures made from a photo; None = nowhere.
    colour: (M, H, W, 4) float32, what the picture shows of each head, linear, and its coverage; None for photos.
    """

    heads: Heads
    everything: Fragments
    faces: MergedFaces
    image: torch.Tensor
    occluder_mask: torch.Tensor
    invented_mask: torch.Tensor | None = None
    colour: torch.Tensor | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.image.shape[1]), int(self.image.shape[2])


@dataclass(frozen=True)
class ViewOptions:
    """supersampling: pixels per side that a picture pixel averages; keep_layers: compute albedo and shading;
    label_others: label every face, not the main one alone."""

    supersampling: int = 1
    keep_layers: bool = False
    label_others: bool = False


def render_view(scenes: Sequence[SceneParams], assets: RenderAssets, options: ViewOptions) -> View:
    """The pictures of N scenes of equal size and camera kind, with fragments, normals and masks."""
    heads = pose_heads(scenes, assets.tensors, assets.box)
    size = scenes[0].size
    geometry = HeadGeometry(
        assets.tensors.triangles,
        assets.model.template.label_count,
        assets.tensors.uv,
        vertex_normals(heads.vertices, assets.tensors.triangles, assets.adjacency),
        heads.cameras.rotation,
    )
    fragments = rasterize(heads.vertices_image, assets.tensors.triangles, size, heads.cameras.perspective)
    paint = _paint_heads(scenes, heads, assets, 1)
    surface = shade_heads(fragments, geometry, assets.chart, paint.albedo, paint.light, options.keep_layers)
    faces = merge_faces(heads, fragments, surface, options.label_others)
    colour = surface.colour
    if options.supersampling > 1:
        colour = _supersampled_colour(geometry, scenes, heads, assets, options.supersampling)
    background, occluder, occluder_mask = _picture_layers(scenes, assets)
    first_face = torch.from_numpy(heads.first_face.astype(np.int32)).to(colour.device)
    layers = PictureLayers(first_face, colour, background, occluder, occluder_mask)
    image = develop_pictures(layers, _sensor(scenes, colour.device))
    # Last, because the answer waits for a GPU; what is not finite was not drawn.
    check_vertices(heads, scenes)
    return View(heads, fragments, faces, image, occluder_mask, colour=colour)


@dataclass(frozen=True)
class _Paint:
    """What M heads are painted and lit with. light: (M, 9, 3) float32 radiance."""

    albedo: HeadAlbedo
    light: torch.Tensor


def _paint_heads(scenes: Sequence[SceneParams], heads: Heads, assets: RenderAssets, factor: int) -> _Paint:
    """Albedo and light of every head, for pictures `factor` times as large as the scenes'."""
    device = heads.vertices.device
    counts = np.diff(heads.first_face)
    faces = [face for scene in scenes for face in scene.faces]
    lights = _radiance(scenes, assets).repeat(counts, axis=0)
    pixels_per_mm = np.array([face.scale for face in faces]) * factor
    albedo = HeadAlbedo(
        torch.from_numpy(padded_absorbance(np.stack([absorbance(face.skin) for face in faces]))).to(device),
        torch.from_numpy(mip_level(assets.chart, pixels_per_mm)).to(device),
        _textures(faces, assets, device),
    )
    return _Paint(albedo, torch.from_numpy(lights.astype(np.float32)).to(device))


def _supersampled_colour(
    geometry: HeadGeometry, scenes: Sequence[SceneParams], heads: Heads, assets: RenderAssets, factor: int
) -> torch.Tensor:
    """(M, H, W, 4) colour and coverage averaged over factor x factor pixels, a few heads at a time."""
    height, width = scenes[0].size
    scale = torch.tensor([factor, factor, 1.0], device=heads.vertices_image.device)
    paint = _paint_heads(scenes, heads, assets, factor)
    coarse = []
    at_once = max(1, FINE_PIXELS_AT_ONCE // (height * width * factor * factor))
    for first in range(0, len(heads), at_once):
        rows = slice(first, first + at_once)
        fine = rasterize(
            heads.vertices_image[rows] * scale,
            assets.tensors.triangles,
            (height * factor, width * factor),
            heads.cameras.perspective,
        )
        part = replace(geometry, normals=geometry.normals[rows], rotation=geometry.rotation[rows])
        albedo = HeadAlbedo(paint.albedo.absorbance[rows], paint.albedo.level[rows], paint.albedo.textures[rows])
        surface = shade_heads(fine, part, assets.chart, albedo, paint.light[rows])
        coarse.append(shrink_coverage(surface.colour, factor))
    return torch.cat(coarse)


def _radiance(scenes: Sequence[SceneParams], assets: RenderAssets) -> np.ndarray:
    """(N, 9, 3) float64 radiance of each picture's environment, turned and scaled."""
    environments = assets.lights.coefficients
    picked = [int(scene.light.pick * len(environments)) for scene in scenes]
    intensity = np.array([scene.light.intensity for scene in scenes])
    turned = rotate_sh_y(environments[picked], [scene.light.rotation for scene in scenes])
    return intensity[:, None, None] * turned


def _textures(faces: Sequence[FaceParams], assets: RenderAssets, device: torch.device) -> torch.Tensor:
    if assets.textures is None:
        return torch.zeros((len(faces), 0, 0, 3), dtype=torch.uint8, device=device)
    return torch.from_numpy(np.stack([assets.textures.load(face.texture) for face in faces])).to(device)


def _picture_layers(
    scenes: Sequence[SceneParams], assets: RenderAssets
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """background and occluder (N, H, W, 3) uint8, occluder mask (N, H, W) bool."""
    size = scenes[0].size
    background = np.stack([assets.backgrounds.render(scene.background, size) for scene in scenes])
    occluder = np.zeros_like(background)
    mask = np.zeros(background.shape[:3], bool)
    for n, scene in enumerate(scenes):
        if scene.occluders:
            occluder[n], mask[n] = render_occluders(scene.occluders, size, assets.cutouts)
    device = assets.tensors.mean.device
    return (
        torch.from_numpy(background).to(device),
        torch.from_numpy(occluder).to(device),
        torch.from_numpy(mask).to(device),
    )


def _sensor(scenes: Sequence[SceneParams], device: torch.device) -> Sensor:
    def tensor(name: str, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        return torch.tensor([getattr(scene.sensor, name) for scene in scenes], dtype=dtype, device=device)

    blurred = any(scene.sensor.blur > 0 for scene in scenes)
    return Sensor(tensor("exposure"), tensor("blur"), tensor("noise"), tensor("seed", torch.int32), blurred)
