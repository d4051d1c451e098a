"""What a process loads once: model, albedo layers, lights, backgrounds, textures, cut-outs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.asset_io.backgrounds import Backgrounds, BackgroundSpec, open_backgrounds
from synthgen.asset_io.catalogue import AssetRecord
from synthgen.asset_io.cutouts import Cutouts, open_cutouts
from synthgen.asset_io.lighting import Lights, light_assets, open_lights
from synthgen.asset_io.textures import Textures, open_textures
from synthgen.morphable.albedo.build import build_albedo_model, mip_levels
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.open_model import open_model
from synthgen.morphable.template import Template
from synthgen.raster.normals import Adjacency, build_adjacency
from synthgen.recipe.schema import Recipe
from synthgen.recipe.sections import TextureAlbedo
from synthgen.render.heads import ModelTensors, model_tensors
from synthgen.sampling.placement import FaceBox, mean_face_box
from synthgen.shading.surface import ChartLayers, chart_layers


@dataclass(frozen=True)
class RenderAssets:
    """Everything that stays the same from sample to sample.

    model, tensors, adjacency, box: the morphable model, its arrays on the device, its neighbourhoods, its mean face.
    chart: density layers of the procedural albedo; textures: used instead where the recipe names a folder.
    lights: the environments; light_source: where they came from.
    """

    model: MorphableModel
    tensors: ModelTensors
    adjacency: Adjacency
    box: FaceBox
    chart: ChartLayers
    lights: Lights
    light_source: str
    backgrounds: Backgrounds
    textures: Textures | None
    cutouts: Cutouts | None

    def records(self) -> list[AssetRecord]:
        """Every file the pictures depend on, with hash and licence."""
        sources = (self.backgrounds, self.textures, self.cutouts)
        records = [record for source in sources if source is not None for record in source.assets()]
        return light_assets(self.light_source) + records


def open_assets(recipe: Recipe, device: str, check: bool = True) -> RenderAssets:
    """Load and check everything a recipe names.

    check: look at the header of every picture of a folder; a process whose parent has done so may pass False.
    Raises AssetError or ModelError, naming the file and key.
    """
    model = open_model(recipe.model)
    albedo = build_albedo_model(model.template, model.mean)
    levels = mip_levels(albedo.layers)
    spec = _background_spec(recipe)
    return RenderAssets(
        model=model,
        tensors=model_tensors(model, device),
        adjacency=build_adjacency(model_tensors(model, device).triangles, len(model.mean)),
        box=mean_face_box(model),
        chart=chart_layers(levels, texel_edge_mm(model.template, model.mean, levels[0].shape[0]), device),
        lights=open_lights(recipe.light.source),
        light_source=recipe.light.source,
        backgrounds=open_backgrounds(spec, recipe.size, check=check),
        textures=open_textures(recipe.albedo.textures) if isinstance(recipe.albedo, TextureAlbedo) else None,
        cutouts=_open_cutouts(recipe),
    )


def texel_edge_mm(template: Template, mean: NDArray[np.float32], texture_size: int) -> float:
    """Mean edge, mm, of a texel of the label-carrying chart on the mean head."""
    labelled = slice(0, template.label_count)
    corners = mean[template.triangles[labelled]].astype(np.float64)
    edges = corners[:, 1:] - corners[:, :1]
    surface = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=-1).sum()
    chart = template.uv[labelled].astype(np.float64)
    sides = chart[:, 1:] - chart[:, :1]
    area = np.abs(sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0]).sum()
    return float(np.sqrt(surface / area) / texture_size)


def _background_spec(recipe: Recipe) -> BackgroundSpec:
    section = recipe.background
    if section.kind not in ("folder", "coco"):
        return BackgroundSpec(section.kind)
    largest = section.zoom.bounds()[1]
    if section.kind == "folder":
        return BackgroundSpec("folder", section.images, largest_zoom=largest)
    return BackgroundSpec("coco", section.images, section.annotations, section.skip_people, largest)


def _open_cutouts(recipe: Recipe) -> Cutouts | None:
    section = recipe.occluders
    if "cutout" not in section.kinds or section.images is None or section.annotations is None:
        return None
    return open_cutouts(section.images, section.annotations)
