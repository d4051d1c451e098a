"""A template as networks carry it: where its landmarks lie on the chart, and which part each place belongs to."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from synthgen.dataset.derived import TemplateArrays

CHART_SIDE = 256
# Barycentric weights of ten points of a triangle, spread evenly and inside.
_SPREAD = np.array([(i + 1, j + 1, 4 - i - j) for i in range(4) for j in range(4 - i)]) / 6.0


def landmark_uv(template: TemplateArrays) -> NDArray[np.float32]:
    """(68, 2) template coordinates of the iBUG points."""
    corners = template.uv[template.landmark_triangle]  # (68, 3, 2)
    return np.einsum("kcd,kc->kd", corners, template.landmark_barycentric).astype(np.float32)


def part_chart(template: TemplateArrays, side: int = CHART_SIDE) -> NDArray[np.uint8]:
    """(S, S) parts over the whole chart: row by v from 1 down to 0, column by u; each place is of the part of the
    nearest point among some of every triangle, so what no triangle covers is of the nearest part."""
    corners = template.uv[: template.label_count].astype(np.float64)  # (T, 3, 2)
    points = np.einsum("pc,tcd->tpd", _SPREAD, corners).reshape(-1, 2)
    middles = (np.arange(side) + 0.5) / side
    u, v = np.meshgrid(middles, middles[::-1])
    _, nearest = cKDTree(points).query(np.stack([u, v], axis=-1))
    return template.parts[nearest // len(_SPREAD)]


def parts_at(chart: NDArray[np.uint8], uv: NDArray[np.floating]) -> NDArray[np.uint8]:
    """(...) uint8 parts of template coordinates (..., 2); 0 where they are not finite (densereg section 4.2)."""
    known = np.isfinite(uv).all(axis=-1)
    side = len(chart)
    place = np.where(known[..., None], uv, 0.0)
    column = np.clip((place[..., 0] * side).astype(np.int64), 0, side - 1)
    row = np.clip(((1.0 - place[..., 1]) * side).astype(np.int64), 0, side - 1)
    return np.where(known, chart[row, column], 0).astype(np.uint8)
