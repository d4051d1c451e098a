"""A template as networks carry it: where its landmarks lie on the chart, and which part each place belongs to."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from synthgen.dataset.derived import TemplateArrays
from synthgen.raster.rasterize import rasterize

CHART_SIDE = 256


def landmark_uv(template: TemplateArrays) -> NDArray[np.float32]:
    """(68, 2) template coordinates of the iBUG points."""
    corners = template.uv[template.landmark_triangle]  # (68, 3, 2)
    return np.einsum("kcd,kc->kd", corners, template.landmark_barycentric).astype(np.float32)


def part_chart(template: TemplateArrays, side: int = CHART_SIDE) -> NDArray[np.uint8]:
    """(S, S) parts over the whole chart: row by v from 1 down to 0, column by u; what no triangle covers is the nearest
    part."""
    corners = template.uv[: template.label_count].reshape(-1, 2).astype(np.float32)
    flat = np.stack([corners[:, 0] * side, (1.0 - corners[:, 1]) * side, np.ones(len(corners), np.float32)], axis=-1)
    triangles = np.arange(len(corners), dtype=np.int32).reshape(-1, 3)
    found = np.full((side, side), -1, np.int64)
    # Front faces alone are drawn, and a chart may be mirrored: both sides are looked at.
    for order in (triangles, triangles[:, ::-1].copy()):
        drawn = rasterize(torch.from_numpy(flat)[None], torch.from_numpy(order), (side, side), perspective=False)
        number = drawn.triangle_id[0].numpy()
        found = np.where(number >= 0, number, found)
    rows, columns = distance_transform_edt(found < 0, return_distances=False, return_indices=True)
    return template.parts[found[rows, columns]]


def parts_at(chart: NDArray[np.uint8], uv: NDArray[np.floating]) -> NDArray[np.uint8]:
    """(...) uint8 parts of template coordinates (..., 2); 0 where they are not finite (densereg section 4.2)."""
    known = np.isfinite(uv).all(axis=-1)
    side = len(chart)
    place = np.where(known[..., None], uv, 0.0)
    column = np.clip((place[..., 0] * side).astype(np.int64), 0, side - 1)
    row = np.clip(((1.0 - place[..., 1]) * side).astype(np.int64), 0, side - 1)
    return np.where(known, chart[row, column], 0).astype(np.uint8)
