"""The template as lines over a picture, thin enough to see whether they follow the face."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthgen.report.label_colours import Array, Colour, Picture
from synthgen.report.tiles import fitted

NET_COLOUR: Colour = (90, 235, 255)
BORDER_COLOUR: Colour = (255, 190, 60)
LINES_PER_UNIT = 24  # lines u = k / 24 and v = k / 24 stand for meshes whose triangles are too small to be drawn
SMALLEST_TRIANGLE = 40.0  # mean area, tile pixels, from which the triangles themselves are drawn
_LINE_WIDTH = 1.1
_NET_OPACITY, _BORDER_OPACITY = 0.75, 0.9
# uv of neighbouring pixels further apart than this lie on different islands of the chart, or on both sides of an edge.
_JUMP = 0.05


def draw_wireframe(image: Picture, uv: Array, parts: Array, triangle_id: Array | None, size: int) -> Image.Image:
    """The picture as a tile of height `size` under the edges of its triangles, or under a net of the chart's
    coordinates where triangles are small, and the borders of the parts.

    image: (H, W, 3) uint8; uv: (H, W, 2), NaN where there is no face; parts: (H, W) uint8; triangle_id: (H, W) int32,
    -1 where there is no face, or None.
    """
    tile = np.asarray(fitted(image, size)).astype(np.float64)
    height, width = tile.shape[:2]
    rows = np.minimum(((np.arange(height) + 0.5) * len(image) / height).astype(int), len(image) - 1)
    columns = np.minimum(((np.arange(width) + 0.5) * image.shape[1] / width).astype(int), image.shape[1] - 1)
    nearest = np.ix_(rows, columns)
    ids = None if triangle_id is None else triangle_id[nearest]
    if ids is not None and _mean_area(ids) >= SMALLEST_TRIANGLE:
        net = _borders(ids).astype(np.float64)
    else:
        net = chart_net(_resampled(uv, height, width))
    tile = _drawn(tile, net, NET_COLOUR, _NET_OPACITY)
    tile = _drawn(tile, _borders(parts[nearest]).astype(np.float64), BORDER_COLOUR, _BORDER_OPACITY)
    return Image.fromarray(np.rint(tile).astype(np.uint8))


def chart_net(uv: Array) -> NDArray[np.float64]:
    """(H, W) in [0, 1]: how far each pixel is covered by a line u = k / 24 or v = k / 24, about a pixel wide."""
    cover = np.zeros(uv.shape[:2])
    for axis in range(2):
        value = uv[..., axis].astype(np.float64) * LINES_PER_UNIT
        slope = np.hypot(_slope(value, 0), _slope(value, 1))
        distance = np.abs(value - np.rint(value)) / np.maximum(slope, 1e-9)
        # Where lines come closer than three pixels they would fill the surface: nothing is drawn there.
        line = np.clip(0.5 + _LINE_WIDTH / 2 - distance, 0.0, 1.0) * (slope < 1 / 3)
        cover = np.maximum(cover, np.nan_to_num(line, nan=0.0))
    return cover


def _slope(value: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Change per pixel along an axis: of the smaller of the two one-sided differences, so that edges do not count."""
    step = np.diff(value, axis=axis)
    blank = np.full_like(np.take(step, [0], axis), np.nan)
    before = np.abs(np.concatenate([blank, step], axis=axis))
    after = np.abs(np.concatenate([step, blank], axis=axis))
    return np.nan_to_num(np.fmin(before, after), nan=0.0)


def _mean_area(ids: Array) -> float:
    seen = ids[ids >= 0]
    return len(seen) / max(len(np.unique(seen)), 1)


def _borders(classes: Array) -> NDArray[np.bool_]:
    """(H, W) bool: the class differs from that of the pixel to the right or below."""
    border = np.zeros(classes.shape, bool)
    border[:, :-1] |= classes[:, 1:] != classes[:, :-1]
    border[:-1] |= classes[1:] != classes[:-1]
    return border


def _resampled(uv: Array, height: int, width: int) -> NDArray[np.float64]:
    """(height, width, 2) bilinear; NaN where a neighbour is missing or lies elsewhere in the chart."""
    y = np.clip((np.arange(height) + 0.5) * len(uv) / height - 0.5, 0, len(uv) - 1)[:, None]
    x = np.clip((np.arange(width) + 0.5) * uv.shape[1] / width - 0.5, 0, uv.shape[1] - 1)[None]
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    bottom, right = np.minimum(top + 1, len(uv) - 1), np.minimum(left + 1, uv.shape[1] - 1)
    corners = np.stack([uv[top, left], uv[top, right], uv[bottom, left], uv[bottom, right]]).astype(np.float64)
    down, across = (y - top)[..., None], (x - left)[..., None]
    upper, lower = ((1 - across) * corners[k] + across * corners[k + 1] for k in (0, 2))
    value = np.asarray((1 - down) * upper + down * lower)
    value[~(np.ptp(corners, axis=0) < _JUMP).all(axis=-1)] = np.nan
    return value


def _drawn(tile: NDArray[np.float64], cover: NDArray[np.float64], colour: Colour, opacity: float) -> Any:
    share = (cover * opacity)[..., None]
    return (1 - share) * tile + share * np.array(colour, np.float64)
