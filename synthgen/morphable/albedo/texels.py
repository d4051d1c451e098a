"""The chart as an image: which surface point of the mean head each texel shows."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from synthgen.morphable import unwrap
from synthgen.morphable.template import Template

_CHUNK = 1 << 20  # candidate texels tested at once


class Region(IntEnum):
    """The part of the chart's layout a texel belongs to."""

    SKIN = 0
    RIGHT_EYE = 1
    LEFT_EYE = 2
    INNER_MOUTH = 3
    TEETH = 4


@dataclass(frozen=True)
class Texels:
    """Row 0 is v = 1. Texels that no triangle covers repeat the nearest covered one of their region.

    position: (S, S, 3) float32 mm of the mean head; open_sky: (S, S) float32 in [0, 1], share of ambient light.
    region: (S, S) uint8, Region; covered: (S, S) bool; u, v: (S, S) float32 chart coordinates.
    """

    position: NDArray[np.float32]
    open_sky: NDArray[np.float32]
    region: NDArray[np.uint8]
    covered: NDArray[np.bool_]
    u: NDArray[np.float32]
    v: NDArray[np.float32]

    @property
    def size(self) -> int:
        return len(self.region)


def paint_texels(
    template: Template, vertices: NDArray[np.floating], open_sky: NDArray[np.floating], size: int
) -> Texels:
    """The chart of a mean head (V, 3), mm, with per-vertex ambient light (V,), as S x S texels."""
    triangle, barycentric = chart_coverage(template, size)
    covered = triangle >= 0
    corners = template.triangles[np.maximum(triangle, 0)]
    values = np.concatenate([vertices, open_sky[:, None]], axis=1).astype(np.float32)
    attributes = np.einsum("ijc,ijcd->ijd", barycentric, values[corners])
    centres = ((np.arange(size) + 0.5) / size).astype(np.float32)
    u, v = np.meshgrid(centres, 1.0 - centres)
    region = chart_regions(u, v)
    for kind in Region:
        inside = region == kind
        if (inside & covered).any():
            rows, columns = ndimage.distance_transform_edt(
                ~(inside & covered), return_distances=False, return_indices=True
            )
            attributes[inside] = attributes[rows[inside], columns[inside]]
    return Texels(attributes[..., :3], attributes[..., 3], region, covered, u, v)


def chart_regions(u: NDArray[np.floating], v: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Region of chart coordinates; the strip of islands is divided half way between the slots."""
    slots = (
        (unwrap.RIGHT_EYE_SLOT, Region.RIGHT_EYE),
        (unwrap.LEFT_EYE_SLOT, Region.LEFT_EYE),
        (unwrap.INNER_MOUTH_SLOT, Region.INNER_MOUTH),
        (unwrap.TEETH_SLOT, Region.TEETH),
    )
    region = np.full(u.shape, Region.SKIN, np.uint8)
    for slot, kind in slots:
        region[(v < slot.v1 + slot.v0) & (u >= slot.u0 - slot.v0) & (u < slot.u1 + slot.v0)] = kind
    return region


def chart_coverage(template: Template, size: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """(S, S) triangle at each texel centre, -1 for none, and (S, S, 3) its barycentric weights.

    Label-carrying triangles win over the others, whose chart may overlap.
    """
    pixels = template.uv.astype(np.float64) * size
    pixels[..., 1] = size - pixels[..., 1]
    low = np.clip(np.floor(pixels.min(axis=1) - 0.5).astype(np.int64) + 1, 0, size - 1)
    high = np.clip(np.ceil(pixels.max(axis=1) - 0.5).astype(np.int64) - 1, 0, size - 1)
    extent = (high - low + 1).max(axis=1)
    triangle = np.full((size, size), -1, np.int32)
    barycentric = np.zeros((size, size, 3), np.float32)
    # Later writes win: triangles without labels go first.
    for rows in (np.arange(template.label_count, len(pixels)), np.arange(template.label_count)):
        side = 1
        while side <= size:
            group = rows[(extent[rows] <= side) & (extent[rows] > side // 2)]
            for start in range(0, len(group), max(_CHUNK // side**2, 1)):
                chunk = group[start : start + max(_CHUNK // side**2, 1)]
                _cover(pixels, low, chunk, side, triangle, barycentric)
            side *= 2
    return triangle, barycentric


def _cover(
    pixels: NDArray[np.float64],
    low: NDArray[np.int64],
    rows: NDArray[np.int64],
    side: int,
    triangle: NDArray[np.int32],
    barycentric: NDArray[np.float32],
) -> None:
    """Write the triangles `rows`, each within side x side texels from its `low`."""
    down, right = np.divmod(np.arange(side * side), side)
    columns, lines = low[rows, :1] + right, low[rows, 1:] + down  # (rows, side * side)
    x, y = columns + 0.5, lines + 0.5
    (ax, ay), (bx, by), (cx, cy) = (pixels[rows, corner].T[..., None] for corner in range(3))
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_a = ((cx - bx) * (y - by) - (cy - by) * (x - bx)) / area
        of_b = ((ax - cx) * (y - cy) - (ay - cy) * (x - cx)) / area
        of_c = 1.0 - of_a - of_b
    size = len(triangle)
    hit = (of_a >= -1e-9) & (of_b >= -1e-9) & (of_c >= -1e-9) & (columns < size) & (lines < size)
    triangle[lines[hit], columns[hit]] = np.broadcast_to(rows[:, None], hit.shape)[hit]
    barycentric[lines[hit], columns[hit]] = np.stack([of_a[hit], of_b[hit], of_c[hit]], axis=-1)
