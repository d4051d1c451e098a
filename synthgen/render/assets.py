"""What a process loads once: model, albedo layers, lights, backgrounds, textures, cut-outs."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthgen.asset_io.backgrounds import Backgrounds, BackgroundSpec, open_backgrounds
from synthgen.asset_io.catalogue import AssetRecord, file_sha256
from synthgen.asset_io.cutouts import Cutouts, open_cutouts
from synthgen.asset_io.lighting import Lights, light_assets, open_lights
from synthgen.asset_io.textures import Textures, open_textures
from synthgen.labels.chart_search import ChartSearch, build_chart_search
from synthgen.labels.landmark_visibility import PlacedPoints, place_points
from synthgen.morphable.albedo.build import build_albedo_model, mip_levels
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.open_model import open_model
from synthgen.morphable.template import Template
from synthgen.raster.normals import Adjacency, build_adjacency
from synthgen.recipe.schema import Recipe
from synthgen.recipe.sections import Model, ModelFile, TextureAlbedo
from synthgen.render.heads import ModelTensors, model_tensors
from synthgen.sampling.placement import FaceBox, mean_face_box
from synthgen.shading.surface import ChartLayers, chart_layers


@dataclass(frozen=True)
class PaintedModel:
    """A morphable model and the density layers of its procedural albedo, all mip levels."""

    model: MorphableModel
    levels: tuple[NDArray[np.float32], ...]
    texel_mm: float


@dataclass(frozen=True)
class HeadAssets:
    """What the labels of any picture need: morphable model, its arrays on the device, neighbourhoods, the 68
    landmarks on it, mean face.

    records: every file the labels depend on, with hash and licence.
    """

    model: MorphableModel
    tensors: ModelTensors
    adjacency: Adjacency
    landmarks: PlacedPoints
    box: FaceBox
    records: tuple[AssetRecord, ...]

    @cached_property
    def chart_search(self) -> ChartSearch:
        """The label-carrying triangles by their place on the chart."""
        template = self.model.template
        return build_chart_search(template.uv[: template.label_count])


@dataclass(frozen=True)
class RenderAssets(HeadAssets):
    """Everything that stays the same from rendered sample to sample.

    chart: density layers of the procedural albedo; textures: used instead where the recipe names a folder.
    lights: the environments to choose from.
    """

    chart: ChartLayers
    lights: Lights
    backgrounds: Backgrounds
    textures: Textures | None
    cutouts: Cutouts | None


def open_head_assets(section: Model, device: str) -> HeadAssets:
    """A morphable model ready for labelling. Raises ModelError."""
    return _head_assets(section, _opened_model(section, _file_state(section)), device)


def _head_assets(section: Model, model: MorphableModel, device: str) -> HeadAssets:
    tensors = model_tensors(model, device)
    adjacency = build_adjacency(tensors.triangles, len(model.mean))
    landmarks = place_points(model.template.landmarks["ibug68"], tensors.triangles)
    return HeadAssets(model, tensors, adjacency, landmarks, mean_face_box(model), tuple(_model_records(section, model)))


def open_assets(recipe: Recipe, device: str, check: bool = True) -> RenderAssets:
    """Load and check everything a recipe names.

    check: look at the header of every picture of a folder, and log a list of those that others will replace; a process
    whose parent has done so may pass False.
    Raises AssetError or ModelError, naming the file and key.
    """
    # Folders first: they fail fast, and the model takes seconds.
    lights = open_lights(recipe.light.source)
    backgrounds = open_backgrounds(background_spec(recipe), recipe.size, check=check)
    textures = open_textures(recipe.albedo.textures, check=check) if isinstance(recipe.albedo, TextureAlbedo) else None
    cutouts = _open_cutouts(recipe, check)
    painted = _painted_model(recipe.model, _file_state(recipe.model))
    head = _head_assets(recipe.model, painted.model, device)
    records = light_assets(recipe.light.source) + list(head.records)
    for source in (backgrounds, textures, cutouts):
        records += source.assets() if source is not None else []
    return RenderAssets(
        model=head.model,
        tensors=head.tensors,
        adjacency=head.adjacency,
        landmarks=head.landmarks,
        box=head.box,
        chart=chart_layers(list(painted.levels), painted.texel_mm, device),
        lights=lights,
        backgrounds=backgrounds,
        textures=textures,
        cutouts=cutouts,
        records=tuple(records),
    )


@lru_cache(maxsize=2)
def _opened_model(section: Model, state: tuple[int, int] | None) -> MorphableModel:
    """The model of a recipe's section; `state` tells one version of a file from the next."""
    return open_model(section)


@lru_cache(maxsize=2)
def _painted_model(section: Model, state: tuple[int, int] | None) -> PaintedModel:
    """The model of a recipe's section; `state` tells one version of a file from the next.

    Kept for the process: building and painting the built-in head takes seconds, and previews, dry runs and the two
    halves of the demo want the same one.
    """
    model = _opened_model(section, state)
    levels = tuple(mip_levels(build_albedo_model(model.template, model.mean).layers))
    return PaintedModel(model, levels, texel_edge_mm(model.template, model.mean, levels[0].shape[0]))


def _file_state(section: Model) -> tuple[int, int] | None:
    if not isinstance(section, ModelFile) or not Path(section.path).is_file():
        return None
    status = Path(section.path).stat()
    return status.st_size, status.st_mtime_ns


def _model_records(section: Model, model: MorphableModel) -> list[AssetRecord]:
    if not isinstance(section, ModelFile):
        return []
    return [AssetRecord("model", section.path, file_sha256(section.path), model.licence)]


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


def background_spec(recipe: Recipe) -> BackgroundSpec:
    """Where the backgrounds of a recipe come from."""
    section = recipe.background
    if section.kind not in ("folder", "coco"):
        return BackgroundSpec(section.kind)
    largest = section.zoom.bounds()[1]
    if section.kind == "folder":
        return BackgroundSpec("folder", section.images, largest_zoom=largest)
    return BackgroundSpec("coco", section.images, section.annotations, section.skip_people, largest)


def _open_cutouts(recipe: Recipe, check: bool) -> Cutouts | None:
    section = recipe.occluders
    if "cutout" not in section.kinds or section.images is None or section.annotations is None:
        return None
    return open_cutouts(section.images, section.annotations, check=check)
