"""Shapes in front of the face: boxes, ellipses, polygons and cut-outs, each with the pixels it covers."""

from collections.abc import Callable, Sequence
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

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Plane = NDArray[np.float32]


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
    colour = np.zeros((*size, 3), np.uint8)
    mask = np.zeros(size, np.bool_)
    for occluder in occluders:
        if occluder.kind == "cutout":
            if cutouts is None:
                raise UsageError("a cutout occluder needs opened cut-outs; none were given")
            _paste(occluder, cutouts, colour, mask)
        elif occluder.kind in _SHAPES:
            _draw(occluder, _SHAPES[occluder.kind], colour, mask)
        else:
            raise UsageError(f"unknown occluder kind {occluder.kind!r}; expected {', '.join([*_SHAPES, 'cutout'])}")
    return colour, mask


def _draw(occluder: Occluder, covers: Callable[[Plane, Plane, int], Mask], colour: Pixels, mask: Mask) -> None:
    half_width, half_height = max(occluder.size[0], 1e-6) / 2, max(occluder.size[1], 1e-6) / 2
    cosine, sine = cos(occluder.angle), sin(occluder.angle)
    x, y = float(occluder.centre[0]), float(occluder.centre[1])
    reach_x = abs(half_width * cosine) + abs(half_height * sine)
    reach_y = abs(half_width * sine) + abs(half_height * cosine)
    rows = slice(max(floor(y - reach_y), 0), min(ceil(y + reach_y), mask.shape[0]))
    columns = slice(max(floor(x - reach_x), 0), min(ceil(x + reach_x), mask.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    right = np.arange(columns.start, columns.stop, dtype=np.float32) + np.float32(0.5 - x)
    down = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + np.float32(0.5 - y)
    # The shape's own axes, -1 to 1 across it; image y points down, so counter-clockwise turns x towards -y.
    u = right * np.float32(cosine / half_width) - down * np.float32(sine / half_width)
    v = right * np.float32(sine / half_height) + down * np.float32(cosine / half_height)
    inside = covers(u, v, occluder.seed)
    mask[rows, columns] |= inside
    np.copyto(colour[rows, columns], _surface(occluder, u, v), where=inside[..., None])


def _surface(occluder: Occluder, u: Plane, v: Plane) -> Pixels:
    """(h, w, 3) uint8: the flat colour with a gradient, on half of the shapes stripes, and grain."""
    random = np.random.Generator(np.random.Philox(key=occluder.seed))
    slope_u, slope_v, striped, pitch, direction, depth, grain, phase = random.random(8).tolist()
    level = 1.0 + np.float32(0.4 * slope_u - 0.2) * u + np.float32(0.4 * slope_v - 0.2) * v
    if striped < 0.5:
        frequency, turn = pi * (2 + 10 * pitch), 2 * pi * direction
        wave = np.float32(frequency * cos(turn)) * u + np.float32(frequency * sin(turn)) * v
        level += np.float32(0.25 * depth) * np.sin(wave + np.float32(2 * pi * phase))
    noise = np.frombuffer(random.bytes(level.size), np.int8).reshape(level.shape)
    level += np.float32(0.08 * grain / 128) * noise
    pixels = np.empty((*level.shape, 3), np.uint8)
    for channel in range(3):
        plane = level * np.float32(255.0 * occluder.colour[channel])
        pixels[..., channel] = np.clip(plane, 0.0, 255.0, out=plane)
    return pixels


def _covers_box(u: Plane, v: Plane, seed: int) -> Mask:
    # Half open, so that boxes laid edge to edge cover each pixel once.
    return (u >= -1) & (u < 1) & (v >= -1) & (v < 1)


def _covers_ellipse(u: Plane, v: Plane, seed: int) -> Mask:
    return u * u + v * v < 1


def _covers_polygon(u: Plane, v: Plane, seed: int) -> Mask:
    corners = polygon_corners(seed)
    # Star-shaped about the origin: the point's angle tells the only edge that it can lie beyond.
    angles = np.arctan2(corners[:, 1], corners[:, 0])
    sector = np.searchsorted(angles, np.arctan2(v, u), side="right") % len(corners)
    end, start = corners[sector], corners[sector - 1]
    edge = end - start
    return edge[..., 0] * (v - start[..., 1]) - edge[..., 1] * (u - start[..., 0]) > 0


def polygon_corners(seed: int) -> Plane:
    """(N, 2) float32 corners of a star-shaped polygon within the unit circle, by increasing angle from -pi."""
    # Another key than the surface of the same shape.
    random = np.random.Generator(np.random.Philox(key=[seed, 1]))
    count = int(random.integers(CORNERS[0], CORNERS[1] + 1))
    angles = (np.arange(count) + 0.8 * random.random(count)) * 2 * pi / count - pi
    radii = random.uniform(*CORNER_RADII, count)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=-1).astype(np.float32)


def _paste(occluder: Occluder, cutouts: Cutouts, colour: Pixels, mask: Mask) -> None:
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
    np.copyto(colour[rows, columns], part[..., :3], where=inside[..., None])


_SHAPES: dict[str, Callable[[Plane, Plane, int], Mask]] = {
    "box": _covers_box,
    "ellipse": _covers_ellipse,
    "polygon": _covers_polygon,
}
