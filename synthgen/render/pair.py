"""The labels between the two pictures of a pair: flow and matchability, both ways."""

from dataclasses import replace

import numpy as np
import torch

from synthgen.core.conventions import MATCHABLE
from synthgen.labels.flow_checks import FlowLabels, flow_checks
from synthgen.labels.matchability import match_views
from synthgen.labels.nearest_uv import match_nearest_uv
from synthgen.labels.view_geometry import ViewGeometry
from synthgen.raster.interpolate import interpolate
from synthgen.recipe.sections import Flow
from synthgen.render.assets import HeadAssets
from synthgen.render.labelling import Arrays
from synthgen.render.view import View
from synthgen.render.view_checks import check_rows

# Share of the face pixels that match, as a check of a pair.
PairLabels = tuple[Arrays, list[dict[str, float]]]


def label_pair(source: View, target: View, assets: HeadAssets, section: Flow) -> PairLabels:
    """flow, flow_backward (N, H, W, 2) and matchability, matchability_backward (N, H, W), and the checks of each pair.

    section: `exact` (DESIGN, flow) or `nearest_uv` (dfc section 3.3) with its threshold.
    """
    planes = match_pair(source, target, assets, section)
    flow, code, flow_backward = planes["flow"], planes["matchability"], planes["flow_backward"]
    both = torch.arange(len(flow), device=flow.device)
    labels = FlowLabels(flow, code, flow_backward, both, both, uv_threshold(section))
    columns = flow_checks(labels, source.faces.fragments, target.faces.fragments, assets.tensors.uv)
    arrays: Arrays = {name: plane.cpu().numpy() for name, plane in planes.items()}
    columns["matchable_share"] = np.array([matchable_share(codes) for codes in arrays["matchability"]])
    return arrays, check_rows(columns)


def match_pair(source: View, target: View, assets: HeadAssets, section: Flow) -> dict[str, torch.Tensor]:
    """flow, flow_backward (N, H, W, 2) float32 and matchability, matchability_backward (N, H, W) uint8, where the views
    are; see `label_pair`."""
    match = _match_exactly if section.method == "exact" else _match_by_uv
    flow, code = match(source, target, assets, section)
    flow_backward, code_backward = match(target, source, assets, section)
    return {
        "flow": flow,
        "flow_backward": flow_backward,
        "matchability": code,
        "matchability_backward": code_backward,
    }


def uv_threshold(section: Flow) -> float | None:
    """The largest distance on the template of a match, None for exact flow."""
    return section.threshold if section.method == "nearest_uv" else None


def _match_exactly(source: View, target: View, assets: HeadAssets, section: Flow) -> tuple[torch.Tensor, torch.Tensor]:
    triangles, label_count = assets.tensors.triangles, assets.model.template.label_count
    return match_views(view_geometry(source), view_geometry(target), triangles, label_count)


def _match_by_uv(source: View, target: View, assets: HeadAssets, section: Flow) -> tuple[torch.Tensor, torch.Tensor]:
    charts = [
        interpolate(view.faces.fragments, assets.tensors.triangles, assets.tensors.uv) for view in (source, target)
    ]
    return match_nearest_uv(charts[0], charts[1], section.threshold)


def view_geometry(view: View) -> ViewGeometry:
    """What the labels between views need of one."""
    heads = view.heads
    # The label-carrying surface, hidden by all triangles.
    fragments = replace(view.faces.fragments, fronts=view.everything.fronts)
    return ViewGeometry(
        fragments,
        heads.vertices_camera,
        heads.vertices_image,
        heads.cameras,
        view.occluder_mask,
        view.faces.ignore_mask,
        view.invented_mask,
    )


def matchable_share(codes: np.ndarray) -> float:
    """Share of the face pixels (H, W) that match."""
    # Counting bytes is five times as fast as adding them up.
    return int(np.count_nonzero(codes == MATCHABLE)) / max(int(np.count_nonzero(codes)), 1)
