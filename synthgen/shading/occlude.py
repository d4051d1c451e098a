"""Shapes in front of the face: boxes, ellipses, polygons and cut-outs, each with the pixels it covers."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import ceil, cos, floor, pi, sin
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from synthgen.asset_io.cutouts import Cutouts, place_cutout
from synthgen.core.errors import UsageError

CORNERS = (5, 9)
CORNER_RADII = (0.5, 1.0)
# A cut-out covers a pixel that it fills at least by half.
COVERED = 128
# Larger shapes than this many image sides look no different and cost more.
MOST_SIDES = 4.0
GRAIN_TILE = 256

Pixels = NDArray[np.uint8]
Words = NDArray[np.uint32]
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
    # Four bytes per pixel, so that a masked copy moves one word instead of three bytes.
    words = np.zeros(size, np.uint32)
    mask = np.zeros(size, np.bool_)
    for occluder in occluders:
        if occluder.kind == "cutout":
            if cutouts is None:
                raise UsageError("a cutout occluder needs opened cut-outs; none were given")
            _paste(occluder, cutouts, words, mask)
        elif occluder.kind in _SHAPES:
            _draw(occluder, _SHAPES[occluder.kind], words, mask)
        else:
            raise UsageError(f"unknown occluder kind {occluder.kind!r}; expected {', '.join([*_SHAPES, 'cutout'])}")
    channels = words.view(np.uint8).reshape(*size, 4)
    colour = np.empty((*size, 3), np.uint8)
    for channel in range(3):
        colour[..., channel] = channels[..., channel]
    return colour, mask


def _draw(occluder: Occluder, covers: Callable[[Plane, Plane, int], Mask], words: Words, mask: Mask) -> None:
    # Python floats, because NumPy scalars would make every plane double precision.
    half_width, half_height = (max(float(side), 1e-6) / 2 for side in occluder.size)
    cosine, sine = cos(occluder.angle), sin(occluder.angle)
    x, y = float(occluder.centre[0]), float(occluder.centre[1])
    reach_x = abs(half_width * cosine) + abs(half_height * sine)
    reach_y = abs(half_width * sine) + abs(half_height * cosine)
    rows = slice(max(floor(y - reach_y), 0), min(ceil(y + reach_y), mask.shape[0]))
    columns = slice(max(floor(x - reach_x), 0), min(ceil(x + reach_x), mask.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    right = np.arange(columns.start, columns.stop, dtype=np.float32) + (0.5 - x)
    down = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + (0.5 - y)
    # The shape's own axes, -1 to 1 across it; image y points down, so counter-clockwise turns x towards -y.
    u = right * (cosine / half_width) - down * (sine / half_width)
    v = right * (sine / half_height) + down * (cosine / half_height)
    inside = covers(u, v, occluder.seed)
    mask[rows, columns] |= inside
    np.copyto(words[rows, columns], _surface(occluder, u, v), where=inside)


def _surface(occluder: Occluder, u: Plane, v: Plane) -> Words:
    """(h, w) RGBX words: the flat colour with a gradient, on half of the shapes stripes, and grain."""
    random = np.random.Generator(np.random.Philox(key=occluder.seed))
    slope_u, slope_v, striped, pitch, direction, depth, grain, phase = random.random(8).tolist()
    level = (0.4 * slope_u - 0.2) * u + (0.4 * slope_v - 0.2) * v
    if striped < 0.5:
        frequency, turn = pi * (2 + 10 * pitch), 2 * pi * direction
        wave = (frequency * cos(turn)) * u + (frequency * sin(turn)) * v
        level += (0.25 * depth) * np.sin(wave + 2 * pi * phase)
    level += _grain(level.shape, 0.06 * grain, phase)
    # Stays positive: the terms take away at most 0.2, 0.2, 0.25 and 0.06, within the shape.
    level += 1.0
    pixels = np.zeros((*level.shape, 4), np.uint8)
    for channel in range(3):
        plane = level * (255.0 * float(occluder.colour[channel]))
        pixels[..., channel] = np.minimum(plane, 255.0, out=plane)
    return pixels.view(np.uint32)[..., 0]


def _grain(shape: tuple[int, ...], strength: float, phase: float) -> Plane:
    """(h, w) float32 noise in [-strength, strength], cut from one tile that repeats where the shape is larger."""
    tile = _grain_tile()
    if max(shape) > GRAIN_TILE:
        tile = np.tile(tile, (ceil(shape[0] / GRAIN_TILE), ceil(shape[1] / GRAIN_TILE)))
    top, left = (int(phase * (side - length)) for side, length in zip(tile.shape, shape, strict=True))
    return tile[top : top + shape[0], left : left + shape[1]] * strength


@lru_cache(maxsize=1)
def _grain_tile() -> Plane:
    random = np.random.Generator(np.random.Philox(key=0))
    return random.uniform(-1.0, 1.0, (GRAIN_TILE, GRAIN_TILE)).astype(np.float32)


def _covers_box(u: Plane, v: Plane, seed: int) -> Mask:
    # Half open, so that boxes laid edge to edge cover each pixel once.
    return (u >= -1) & (u < 1) & (v >= -1) & (v < 1)


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
    random = np.random.Generator(np.random.Philox(key=[seed, 1]))
    count = int(random.integers(CORNERS[0], CORNERS[1] + 1))
    angles = (np.arange(count) + 0.8 * random.random(count)) * 2 * pi / count - pi
    radii = random.uniform(*CORNER_RADII, count)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=-1).astype(np.float32)


def _paste(occluder: Occluder, cutouts: Cutouts, words: Words, mask: Mask) -> None:
    area = min(float(occluder.size[0] * occluder.size[1]), (MOST_SIDES * max(mask.shape)) ** 2)
    thing = place_cutout(cutouts.load(occluder.pick), area, occluder.angle)
    height, width = thing.shape[:2]
    top, left = round(occluder.centre[1] - height / 2), round(occluder.centre[0] - width / 2)
    rows = slice(max(top, 0), min(top + height, mask.shape[0]))
    columns = slice(max(left, 0), min(left + width, mask.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    part = thing[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    inside = part[..., 3] >= COVERED
    mask[rows, columns] |= inside
    np.copyto(words[rows, columns], np.ascontiguousarray(part).view(np.uint32)[..., 0], where=inside)


_SHAPES: dict[str, Callable[[Plane, Plane, int], Mask]] = {
    "box": _covers_box,
    "ellipse": _covers_ellipse,
    "polygon": _covers_polygon,
}
