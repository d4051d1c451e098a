"""The rendered frontal mean face, to which the flow of real photos leads (dfc section 3.3), and that flow."""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.asset_io.lighting import Lights
from synthgen.core.conventions import IGNORED, INVENTED
from synthgen.geometry.camera import Cameras
from synthgen.labels.fixed_target import FixedTarget, match_fixed_target, prepare_target
from synthgen.labels.flow_checks import FlowLabels, flow_checks
from synthgen.labels.matchability import match_views
from synthgen.labels.nearest_uv import match_nearest_uv
from synthgen.labels.uv_grid import ChartedFragments, UvGrid, build_uv_grid, chart_coordinates, match_uv_grid
from synthgen.labels.view_geometry import ViewGeometry
from synthgen.raster.fragments import Fragments, FrontTriangles
from synthgen.raster.kernel_choice import takes_cuda_kernels
from synthgen.recipe.schema import Recipe
from synthgen.recipe.sections import Flow, Model
from synthgen.render.assets import HeadAssets, open_assets
from synthgen.render.labelling import Arrays
from synthgen.render.pair import matchable_share, uv_threshold, view_geometry
from synthgen.render.view import View, ViewOptions, render_view
from synthgen.render.view_checks import check_rows
from synthgen.sampling.albedo import SkinParams
from synthgen.sampling.placement import FaceBox
from synthgen.sampling.scene import BackgroundParams, FaceParams, LightParams, SceneParams, SensorParams

# The landmark box takes 1 / sqrt(2) of the picture's smaller side: the crop of 3DDFA from landmarks.
BOX_SHARE = sqrt(0.5)
# White light from all around and some more from the front: radiance, order of core.spherical_harmonics.
_AMBIENT, _FRONTAL = 2.6, 1.2
_SKIN = SkinParams(
    melanin=0.45,
    haemoglobin=0.9,
    carotene=0.4,
    lips=1.0,
    hair_darkness=0.7,
    hair_redness=0.0,
    hair_cover=0.0,
    brows=0.6,
    lashes=0.8,
    stubble=0.0,
    freckles=0.0,
    pores=0.05,
    periorbital=0.8,
    shade=1.0,
    iris=0,
    iris_strength=1.0,
)
_GRAY = 0.5
Matched = tuple[torch.Tensor, torch.Tensor]  # flow, matchability
SUPERSAMPLING = 2


@dataclass(frozen=True, eq=False)
class MeanFace:
    """picture: (H, W, 3) uint8; geometry: of this one picture; fixed: the same ready for exact flow on the CPU, None
    elsewhere; grid: of its template coordinates, None where only exact flow is asked for."""

    picture: NDArray[np.uint8]
    geometry: ViewGeometry
    fixed: FixedTarget | None
    grid: UvGrid | None


def mean_face_scene(assets: HeadAssets, size: tuple[int, int]) -> SceneParams:
    """The frontal mean face by a scaled-orthographic camera, its landmark box BOX_SHARE of the smaller side of
    `size` (H, W) and in the middle."""
    face = FaceParams(
        identity=np.zeros(len(assets.model.identity_basis)),
        expression=np.zeros(len(assets.model.expression_basis)),
        euler=np.zeros(3),
        scale=mean_face_scale(assets.box, size),
        centre=np.array([size[1] / 2, size[0] / 2]),
        skin=_SKIN,
        texture=0.0,
    )
    return SceneParams(
        index=0,
        size=size,
        focal=None,
        faces=(face,),
        light=LightParams(0.0, 0.0, 1.0),
        background=BackgroundParams("gray", 0.0, 1.0, 0.5, 0.5, np.full(3, _GRAY), 0),
        occluders=(),
        sensor=SensorParams(0.0, 0.0, 1.0, 0),
    )


def mean_face_scale(box: FaceBox, size: tuple[int, int]) -> float:
    """Pixels per mm of the target picture of `size` (H, W)."""
    return BOX_SHARE * min(size) / box.side


def render_mean_face(section: Model, size: tuple[int, int], with_grid: bool, device: str = "cpu") -> MeanFace:
    """The target of all photos of a dataset, for any model. with_grid: for nearest-uv flow. Raises ModelError."""
    assets = open_assets(Recipe(kind="images", count=1, size=size, model=section), device, check=False)
    white = np.zeros((1, 9, 3), np.float32)
    white[0, 0], white[0, 2] = _AMBIENT, _FRONTAL
    lit = replace(assets, lights=Lights(white, ("frontal",)))
    view = render_view([mean_face_scene(assets, size)], lit, ViewOptions(SUPERSAMPLING))
    grid = build_uv_grid(chart_of(view, assets)[0].cpu().numpy()) if with_grid else None
    geometry = replace(view_geometry(view), occluder_mask=None, ignore_mask=None)
    by_cuda = takes_cuda_kernels(geometry.vertices_image)
    fixed = None if by_cuda else prepare_target(geometry, assets.tensors.triangles)
    return MeanFace(view.image[0].cpu().numpy(), geometry, fixed, grid)


def flow_to_mean_face(
    view: View, target: MeanFace, assets: HeadAssets, section: Flow, backward: bool
) -> tuple[Arrays, list[dict[str, float]]]:
    """flow (N, H, W, 2) and matchability (N, H, W) from photos to the mean face, and the checks of each photo.

    section: `exact`, or `nearest_uv` with its threshold. backward: also flow_backward and matchability_backward.
    """
    matched = _match_exactly if section.method == "exact" else _match_by_uv
    pairs = matched(view, target, assets, section, backward)
    arrays: Arrays = {}
    for suffix, (flow, code) in zip(("", "_backward"), pairs):
        arrays |= {f"flow{suffix}": flow.cpu().numpy(), f"matchability{suffix}": code.cpu().numpy()}
    (flow, code), way_back = pairs[0], pairs[1][0] if backward else None
    photos = torch.arange(len(flow), device=flow.device)
    labels = FlowLabels(flow, code, way_back, photos, torch.zeros_like(photos), uv_threshold(section))
    columns = flow_checks(labels, view.faces.fragments, target.geometry.fragments, assets.tensors.uv)
    columns["matchable_share"] = np.array([matchable_share(codes) for codes in arrays["matchability"]])
    return arrays, check_rows(columns)


def _match_exactly(view: View, target: MeanFace, assets: HeadAssets, section: Flow, backward: bool) -> list[Matched]:
    sources, triangles = view_geometry(view), assets.tensors.triangles
    label_count = assets.model.template.label_count
    if target.fixed is not None:
        pairs = [match_fixed_target(sources, target.fixed, triangles, label_count)]
    else:
        pairs = [_without_ignored(*match_views(sources, repeated(target, len(view.image)), triangles, label_count))]
    if backward:
        back = match_views(repeated(target, len(view.image)), sources, triangles, label_count)
        pairs.append(_without_ignored(*back))
    return pairs


def _match_by_uv(view: View, target: MeanFace, assets: HeadAssets, section: Flow, backward: bool) -> list[Matched]:
    assert target.grid is not None  # rendered for this recipe
    fragments, uv = view.faces.fragments, assets.tensors.uv
    chart = chart_of(view, assets) if backward or takes_cuda_kernels(uv) else None
    source = ChartedFragments(fragments, uv) if chart is None else chart
    pairs = [match_uv_grid(source, target.grid, section.threshold, view.faces.ignore_mask, view.invented_mask)]
    if backward and chart is not None:
        fragments = repeated(target, len(view.image)).fragments
        there = chart_coordinates(fragments, assets.tensors.uv)
        pairs.append(_with_reasons_there(*match_nearest_uv(there, chart, section.threshold), view))
    return pairs


def chart_of(view: View, assets: HeadAssets) -> torch.Tensor:
    """Template coordinates (N, H, W, 2) of a view, NaN without face surface."""
    return chart_coordinates(view.faces.fragments, assets.tensors.uv)


@lru_cache(maxsize=2)
def repeated(target: MeanFace, count: int) -> ViewGeometry:
    """The geometry of `count` equal pictures; kernels want them in memory one after another."""

    def again(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.expand(count, *tensor.shape[1:]).contiguous()

    one = target.geometry
    fragments, cameras = one.fragments, one.cameras
    fronts = fragments.fronts
    if fronts is not None:
        fronts = FrontTriangles(again(fronts.entry), again(fronts.count))
    return ViewGeometry(
        Fragments(again(fragments.triangle_id), again(fragments.barycentric), again(fragments.depth), fronts),
        again(one.vertices_camera),
        again(one.vertices_image),
        Cameras(
            cameras.perspective,
            again(cameras.rotation),
            again(cameras.translation),
            again(cameras.focal),
            again(cameras.principal),
        ),
    )


def _without_ignored(flow: torch.Tensor, code: torch.Tensor) -> Matched:
    """No flow where no loss may use it."""
    return flow.masked_fill((code == IGNORED)[..., None], float("nan")), code


def _with_reasons_there(flow: torch.Tensor, code: torch.Tensor, view: View) -> Matched:
    """The reasons that nearest-uv does not know, where flow from the mean face ends: at pixels of the photo."""
    batch, row, column = torch.nonzero(torch.isfinite(flow).all(dim=-1), as_tuple=True)
    move = flow[batch, row, column].long()
    end = (batch, row + move[:, 1], column + move[:, 0])
    code = code.clone()
    for mask, reason in ((view.invented_mask, INVENTED), (view.faces.ignore_mask, IGNORED)):
        if mask is not None:
            hit = mask[end]
            code[batch[hit], row[hit], column[hit]] = reason
    return _without_ignored(flow, code)
