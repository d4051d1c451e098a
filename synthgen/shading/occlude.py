"""Shapes in front of the face: boxes, ellipses, polygons and cut-outs, each with the pixels it covers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, cos, floor, pi, sin
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from synthgen.asset_io.cutouts import Cutouts, place_cutout
from synthgen.core.errors import UsageError
from synthgen.core.seeds import POLYGON_KEY, rng_from_key

CORNERS = (5, 9)
CORNER_RADII = (0.5, 1.0)
# A cut-out covers a pixel that it fills at least by half.
COVERED = 128
# Larger shapes than this many image sides look no different and cost more.
MOST_SIDES = 4.0
GRAIN_TILE = 256
# Different surfaces; a table of their numbers saves the 14 us of a generator per shape.
SURFACES = 4096

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Plane = NDArray[np.floating]


class Occluder(Protocol):
    """One shape: kind "box", "ellipse", "polygon" or "cutout"; centre (2,) px; size (2,) px, width and height; angle in
    radians counter-clockwise; colour (3,) sRGB in [0, 1]; pick in [0, 1) for cut-outs; seed of polygon and surface."""

    @property
    def kind(self) -> str: ...
    @property
    def centre(self) -> NDArray[np.float64]: ...
    @property
    def size(self) -> NDArray[np.float64]: ...
    @property
    def angle(self) -> float: ...
    @property
    def colour(self) -> NDArray[np.float64]: ...
    @property
    def pick(self) -> float: ...
    @property
    def seed(self) -> int: ...


def render_occluders(
    occluders: Sequence[Occluder], size: tuple[int, int], cutouts: Cutouts | None = None
) -> tuple[Pixels, Mask]:
    """Colour (H, W, 3) uint8 sRGB, 0 where nothing is, and mask (H, W) of the pixels whose centre is covered.

    The last occluder is in front. size: (H, W). Raises UsageError for an unknown kind, or a cut-out without `cutouts`.
    """
    canvas = _Canvas(np.zeros((*size, 3), np.uint8), np.zeros(size, np.bool_))
    for occluder in occluders:
        if occluder.kind == "cutout":
            if cutouts is None:
                raise UsageError("a cutout occluder needs opened cut-outs; none were given")
            _paste(occluder, cutouts, canvas)
        elif occluder.kind in _SHAPES:
            _draw(occluder, _SHAPES[occluder.kind], canvas)
        else:
            raise UsageError(f"unknown occluder kind {occluder.kind!r}; expected {', '.join([*_SHAPES, 'cutout'])}")
    return canvas.colour, canvas.mask


@dataclass(frozen=True)
class _Canvas:
    """What is drawn so far: colour (H, W, 3) uint8, mask (H, W)."""

    colour: Pixels
    mask: Mask

    def window(self, left: float, top: float, right: float, bottom: float) -> tuple[slice, slice] | None:
        """(rows, columns) of the pixels that a rectangle touches, None where it misses the canvas."""
        rows = slice(max(floor(top), 0), min(ceil(bottom), self.mask.shape[0]))
        columns = slice(max(floor(left), 0), min(ceil(right), self.mask.shape[1]))
        return None if rows.start >= rows.stop or columns.start >= columns.stop else (rows, columns)

    def lay(self, window: tuple[slice, slice], planes: Pixels, inside: Mask) -> None:
        """Put planes (3, h, w) over the window's pixels where `inside` (h, w) says so."""
        self.mask[window] |= inside
        part = self.colour[window]
        for channel in range(3):
            np.copyto(part[..., channel], planes[channel], where=inside)


def _draw(occluder: Occluder, covers: Callable[[Plane, Plane, int], Mask], canvas: _Canvas) -> None:
    # Python floats, because NumPy scalars would make every plane double precision.
    width, height = occluder.size.tolist()
    half_width, half_height = max(width, 1e-6) / 2, max(height, 1e-6) / 2
    cosine, sine = cos(occluder.angle), sin(occluder.angle)
    x, y = occluder.centre.tolist()
    reach_x = abs(half_width * cosine) + abs(half_height * sine)
    reach_y = abs(half_width * sine) + abs(half_height * cosine)
    window = canvas.window(x - reach_x, y - reach_y, x + reach_x, y + reach_y)
    if window is None:
        return
    rows, columns = window
    right = np.arange(columns.start, columns.stop, dtype=np.float32) + (0.5 - x)
    down = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + (0.5 - y)
    # The shape's own axes, -1 to 1 across it; image y points down, so counter-clockwise turns x towards -y.
    u = right * (cosine / half_width) - down * (sine / half_width)
    v = right * (sine / half_height) + down * (cosine / half_height)
    canvas.lay(window, _surface(occluder, u, v), covers(u, v, occluder.seed))


def _surface(occluder: Occluder, u: Plane, v: Plane) -> Pixels:
    """(3, h, w) uint8: the flat colour with a gradient, on half of the shapes stripes, and grain."""
    numbers = _surface_numbers()[occluder.seed % SURFACES]
    slope_u, slope_v, striped, pitch, direction, depth, grain, phase = numbers.tolist()
    level = (0.4 * slope_u - 0.2) * u + (0.4 * slope_v - 0.2) * v
    if striped < 0.5:
        frequency, turn = pi * (2 + 10 * pitch), 2 * pi * direction
        wave = (frequency * cos(turn)) * u + (frequency * sin(turn)) * v
        level += (0.25 * depth) * np.sin(wave + 2 * pi * phase)
    level += _grain(level.shape, 0.06 * grain, phase)
    # Stays positive: the terms take away at most 0.2, 0.2, 0.25 and 0.06, within the shape.
    level += 1.0
    colour = [255.0 * channel for channel in occluder.colour.tolist()]
    # Kept below white in the brightest channel, so that the hue stays.
    np.minimum(level, 255.0 / max(*colour, 1.0), out=level)
    return (level * np.array(colour, np.float32)[:, None, None]).astype(np.uint8)


def _grain(shape: tuple[int, ...], strength: float, phase: float) -> Plane:
    """(h, w) float32 noise in [-strength, strength], cut from one tile that repeats where the shape is larger."""
    tile = _grain_tile()
    height, width = shape
    if max(shape) > GRAIN_TILE:
        tile = np.tile(tile, (ceil(height / GRAIN_TILE), ceil(width / GRAIN_TILE)))
    top, left = int(phase * (tile.shape[0] - height)), int(phase * (tile.shape[1] - width))
    return tile[top : top + height, left : left + width] * strength


@lru_cache(maxsize=1)
def _surface_numbers() -> NDArray[np.float64]:
    return rng_from_key(1).random((SURFACES, 8))


@lru_cache(maxsize=1)
def _grain_tile() -> Plane:
    random = rng_from_key(0)
    return random.uniform(-1.0, 1.0, (GRAIN_TILE, GRAIN_TILE)).astype(np.float32)


def _covers_box(u: Plane, v: Plane, seed: int) -> Mask:
    # Half open, so that boxes laid edge to edge cover each pixel once.
    return (np.minimum(u, v) >= -1) & (np.maximum(u, v) < 1)


def _covers_ellipse(u: Plane, v: Plane, seed: int) -> Mask:
    return u * u + v * v < 1


def _covers_polygon(u: Plane, v: Plane, seed: int) -> Mask:
    corners = polygon_corners(seed).tolist()
    inside = np.zeros(u.shape, np.bool_)
    # Star-shaped about the origin: a fan of triangles, of which each point has at most one to be in.
    turns = [x * v - y * u for x, y in corners]
    for number, (end_x, end_y) in enumerate(corners):
        start_x, start_y = corners[number - 1]
        beyond_start, before_end = turns[number - 1] >= 0, turns[number] < 0
        within_edge = (end_x - start_x) * v - (end_y - start_y) * u > end_x * start_y - end_y * start_x
        inside |= beyond_start & before_end & within_edge
    return inside


def polygon_corners(seed: int) -> Plane:
    """(N, 2) float32 corners of a star-shaped polygon within the unit circle, by increasing angle from -pi."""
    # Another key than the surface of the same shape.
    random = rng_from_key(seed, POLYGON_KEY)
    count = int(random.integers(CORNERS[0], CORNERS[1] + 1))
    angles = (np.arange(count) + 0.8 * random.random(count)) * 2 * pi / count - pi
    radii = random.uniform(*CORNER_RADII, count)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=-1).astype(np.float32)


def _paste(occluder: Occluder, cutouts: Cutouts, canvas: _Canvas) -> None:
    area = min(float(occluder.size[0] * occluder.size[1]), (MOST_SIDES * max(canvas.mask.shape)) ** 2)
    thing = place_cutout(cutouts.load(occluder.pick), area, occluder.angle)
    height, width = thing.shape[:2]
    top, left = round(occluder.centre[1] - height / 2), round(occluder.centre[0] - width / 2)
    window = canvas.window(left, top, left + width, top + height)
    if window is None:
        return
    rows, columns = window
    part = thing[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    canvas.lay(window, np.moveaxis(part, -1, 0), part[..., 3] >= COVERED)


_SHAPES: dict[str, Callable[[Plane, Plane, int], Mask]] = {
    "box": _covers_box,
    "ellipse": _covers_ellipse,
    "polygon": _covers_polygon,
}
