"""The checks of single pictures: labels against the geometry that they come from, and against each other."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.core.conventions import LANDMARK_OUTSIDE, LANDMARK_VISIBLE
from synthgen.dataset.derived import derive_uv, template_arrays
from synthgen.labels.chart_search import locate_in_chart
from synthgen.labels.checks import (
    Lens,
    coverage,
    drawn_share,
    landmark_chart_distance,
    landmark_depth_error,
    largest,
    mean_share,
    projection_error,
)
from synthgen.labels.surface_sample import SurfaceSample, pick_pixels, sample_surface, surface_points
from synthgen.render.assets import HeadAssets
from synthgen.render.view import View

Arrays = Mapping[str, NDArray[Any]]
Columns = dict[str, NDArray[np.float64]]

MAIN_FACE = 1
# One pixel of the grid in six: searching the chart is the dearest check.
CHART_STEP = 6
# One landmark in four.
LANDMARK_STEP = 4


def view_checks(view: View, assets: HeadAssets, arrays: Arrays) -> list[dict[str, float]]:
    """Of each picture: check -> number, without those that have nothing to look at. arrays: its labels, (N, ...)."""
    lens = Lens(arrays["intrinsics"], view.heads.cameras.perspective)
    vertices = _of_main_heads(view, view.heads.vertices_camera)
    pixels = pick_pixels(view.faces.face_index == MAIN_FACE)
    sample = sample_surface(view.faces.fragments, pixels, assets.tensors.triangles, vertices)
    columns = {"coverage": coverage(view.faces.face_index), "drawn_share": view_drawn_share(view, assets)}
    columns |= _surface_checks(sample, lens)
    columns["uv_round_trip_px"] = _uv_round_trip(sample, lens, assets, vertices)
    if view.colour is not None:
        own = replace(pixels, picture=_main_rows(view)[pixels.picture])
        painted = (own.of(view.colour)[:, 3] > 0).cpu().numpy()
        columns["painted_share"] = mean_share(len(view.image), sample.picture, painted)
    if "landmarks_2d" in arrays:
        columns |= _landmark_checks(view, lens, assets, arrays)
    return check_rows(columns)


def check_rows(columns: Mapping[str, NDArray[np.float64]]) -> list[dict[str, float]]:
    """One dict per picture of checks (N,); those that are NaN, which had nothing to look at, are left out."""
    count = len(next(iter(columns.values())))
    return [
        {name: float(values[n]) for name, values in columns.items() if not np.isnan(values[n])} for n in range(count)
    ]


def _surface_checks(sample: SurfaceSample, lens: Lens) -> Columns:
    count = len(lens.matrix)
    return {
        "reprojection_px": projection_error(lens, sample.picture, sample.points, sample.centre),
        "depth_mm": largest(count, sample.picture, np.abs(sample.points[:, 2] - sample.depth)),
    }


def _uv_round_trip(
    sample: SurfaceSample, lens: Lens, assets: HeadAssets, vertices: torch.Tensor
) -> NDArray[np.float64]:
    """(N,) largest distance, px, between a pixel's centre and where its template coordinate leads back to: through the
    chart to a triangle, on the mesh into space, through the camera into the picture."""
    some = slice(None, None, CHART_STEP)
    uv = derive_uv(sample.triangle[some], sample.barycentric[some], template_arrays(assets.model.template))
    triangle, barycentric = locate_in_chart(assets.chart_search, uv)
    picture = sample.picture[some]
    points = surface_points(
        sample.pixels.picture[some],
        torch.from_numpy(triangle).to(vertices.device),
        barycentric,
        assets.tensors.triangles,
        vertices,
    )
    return projection_error(lens, picture, points, sample.centre[some])


def view_drawn_share(view: View, assets: HeadAssets) -> NDArray[np.float64]:
    """(N,) share of what should be drawn of each main head that is drawn: a blank picture has none (labels.checks)."""
    heads, count = view.heads, assets.model.template.label_count
    return drawn_share(
        _of_main_heads(view, heads.vertices_image),
        assets.tensors.triangles[:count],
        view.faces.fragments.triangle_id,
        _of_main_heads(view, view.everything.triangle_id),
        heads.cameras.perspective,
    )


def _landmark_checks(view: View, lens: Lens, assets: HeadAssets, arrays: Arrays) -> Columns:
    flat, space, codes = (arrays[name] for name in ("landmarks_2d", "landmarks_3d", "landmarks_visibility"))
    picture, landmark = np.nonzero(codes != LANDMARK_OUTSIDE)  # some of them lie behind the camera
    points = assets.model.template.landmarks["ibug68"]
    wanted = np.einsum("kcd,kc->kd", assets.model.template.uv[points.triangle], points.barycentric)
    some = slice(None, None, LANDMARK_STEP)
    seen = codes[:, some] == LANDMARK_VISIBLE
    return {
        "landmark_projection_px": projection_error(
            lens, picture, space[picture, landmark].astype(np.float64), flat[picture, landmark]
        ),
        "landmark_chart_px": landmark_chart_distance(
            view.faces.fragments, assets.tensors.uv, wanted[some], seen, flat[:, some]
        ),
        "landmark_depth_px": landmark_depth_error(arrays["depth"], flat, space, codes, lens),
    }


def _main_rows(view: View) -> torch.Tensor:
    """(N,) int64: of all heads, the main one of each picture."""
    return torch.from_numpy(view.heads.main).to(view.image.device)


def _of_main_heads(view: View, tensor: torch.Tensor) -> torch.Tensor:
    """The rows (N, ...) of each picture's main head in a tensor (M, ...)."""
    return tensor if len(view.heads) == len(view.image) else tensor[_main_rows(view)]
