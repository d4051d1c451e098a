"""The labels between the frames of a clip: exact flow and matchability."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from synthgen.core.check_limits import worst_checks
from synthgen.dataset.layout import between_frames
from synthgen.geometry.camera import Cameras
from synthgen.labels.flow_checks import FlowLabels, flow_checks
from synthgen.labels.matchability import match_views
from synthgen.labels.view_geometry import ViewGeometry
from synthgen.raster.fragments import Fragments, FrontTriangles
from synthgen.render.assets import HeadAssets
from synthgen.render.labelling import Arrays
from synthgen.render.pair import matchable_share
from synthgen.render.view_checks import check_rows

Pairs = Sequence[tuple[int, int]]


def label_between_frames(geometry: ViewGeometry, pairs: Pairs, assets: HeadAssets) -> tuple[Arrays, dict[str, float]]:
    """flow_a_b (H, W, 2) float32 px and matchability_a_b (H, W) uint8 for frames (a, b) of a clip, and checks of them.

    geometry: the F frames; pairs: each with its way back (dataset.layout.flow_pairs). checks: of each the worst of all
    pairs (labels.flow_checks).
    """
    triangles, label_count = assets.tensors.triangles, assets.model.template.label_count
    flows, codes, order = [], [], []
    for group in _groups(pairs, len(geometry.vertices_image)):
        starts, ends = zip(*group, strict=True)
        flow, code = match_views(_sources(geometry, starts), select_frames(geometry, ends), triangles, label_count)
        flows.append(flow)
        codes.append(code)
        order += group
    flow, code = torch.cat(flows), torch.cat(codes)
    number = {pair: place for place, pair in enumerate(order)}
    arrays: Arrays = {}
    for pair in pairs:
        arrays[between_frames("flow", *pair)] = flow[number[pair]].cpu().numpy()
        arrays[between_frames("matchability", *pair)] = code[number[pair]].cpu().numpy()
    back = torch.tensor([number[end, start] for start, end in order], device=flow.device)
    source, target = torch.tensor(order, device=flow.device).unbind(-1)
    labels = FlowLabels(flow, code, flow[back], source, target)
    columns = flow_checks(labels, geometry.fragments, geometry.fragments, assets.tensors.uv)
    columns["matchable_share"] = np.array([matchable_share(codes) for codes in code.cpu().numpy()])
    return arrays, worst_checks(check_rows(columns))


def _groups(pairs: Pairs, frames: int) -> list[list[tuple[int, int]]]:
    """The pairs in groups of those that are equally far apart, round the clip: of `all` pairs, each group leads to
    every frame once, in order, so that nothing of the targets has to be copied."""
    groups: dict[int, list[tuple[int, int]]] = {}
    for start, end in sorted(pairs, key=lambda pair: pair[1]):
        groups.setdefault((start - end) % frames, []).append((start, end))
    return list(groups.values())


def select_frames(geometry: ViewGeometry, numbers: Sequence[int]) -> ViewGeometry:
    """Some frames of a clip, in the order of `numbers`; not copied where they follow each other."""
    rows = _rows(numbers, geometry.vertices_image.device)
    cameras = geometry.cameras
    return replace(
        _seen(geometry, rows),
        vertices_camera=geometry.vertices_camera[rows],
        vertices_image=geometry.vertices_image[rows],
        cameras=Cameras(
            cameras.perspective,
            cameras.rotation[rows],
            cameras.translation[rows],
            cameras.focal[rows],
            cameras.principal[rows],
        ),
    )


def _sources(geometry: ViewGeometry, numbers: Sequence[int]) -> ViewGeometry:
    """Some frames as sources of flow, of which only the pixels count: without vertices, megabytes in a fine mesh."""
    rows = _rows(numbers, geometry.vertices_image.device)
    nothing = geometry.vertices_image[:0]
    without = replace(geometry, fragments=replace(geometry.fragments, fronts=None))
    return replace(_seen(without, rows), vertices_camera=nothing, vertices_image=nothing)


def _seen(geometry: ViewGeometry, rows: slice | torch.Tensor) -> ViewGeometry:
    """The geometry with fragments and masks of some frames."""
    whole, fronts = geometry.fragments, geometry.fragments.fronts
    if fronts is not None:
        fronts = FrontTriangles(fronts.entry[rows], fronts.count[rows])

    def some(mask: torch.Tensor | None) -> torch.Tensor | None:
        return None if mask is None else mask[rows]

    return replace(
        geometry,
        fragments=Fragments(whole.triangle_id[rows], whole.barycentric[rows], whole.depth[rows], fronts),
        occluder_mask=some(geometry.occluder_mask),
        ignore_mask=some(geometry.ignore_mask),
        invented_mask=some(geometry.invented_mask),
    )


def _rows(numbers: Sequence[int], device: torch.device) -> slice | torch.Tensor:
    """An index of these rows: a slice where they follow each other."""
    first, count = numbers[0], len(numbers)
    if list(numbers) == list(range(first, first + count)):
        return slice(first, first + count)
    return torch.tensor(numbers, device=device)
