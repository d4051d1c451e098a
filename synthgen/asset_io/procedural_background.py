"""Backgrounds made without any file: something like a room far out of focus.

A coarse grid holds a wall, a floor, a few pieces of furniture and some lamps; interpolating it with a Gaussian kernel
blurs and enlarges it at once, so that the picture holds nothing finer than the kernel at any size.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

GRID = 32
# Standard deviation of the kernel in grid cells; below 0.6 the cells would show.
BLURS = (0.7, 1.0, 1.6, 2.4)
MOST_PIECES = 7
MOST_LAMPS = 3

Grid = NDArray[np.float32]

_RAMP = np.linspace(-0.5, 0.5, GRID, dtype=np.float32)


def render_procedural(seed: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 sRGB, a pure function of its arguments."""
    random = np.random.Generator(np.random.Philox(key=seed))
    # Python floats: single NumPy numbers are several times slower in the scalar arithmetic below.
    numbers = random.random(16 + 9 * MOST_PIECES + 6 * MOST_LAMPS).tolist()
    grid = _room(numbers)
    blur = BLURS[int(numbers[0] * len(BLURS))]
    rows, columns = _interpolation(size[0], blur), _interpolation(size[1], blur)
    planes = rows @ grid @ columns.T  # (3, H, W)
    np.clip(planes, 0.0, 255.0, out=planes)
    np.rint(planes, out=planes)
    pixels = np.empty((*size, 3), np.uint8)
    for channel in range(3):
        pixels[..., channel] = planes[channel]
    return pixels


def _room(numbers: list[float]) -> Grid:
    """(3, GRID, GRID) in 8-bit levels, possibly above 255 where a lamp shines."""
    grid = np.empty((3, GRID, GRID), np.float32)
    horizon = int(GRID * (0.55 + 0.4 * numbers[1]))
    wall, floor = (_colour(numbers[2:5], 50.0, 180.0, 14.0), _colour(numbers[5:8], 30.0, 130.0, 24.0))
    for channel in range(3):
        grid[channel, :horizon] = wall[channel]
        grid[channel, horizon:] = floor[channel]
    for piece in range(2 + int(numbers[8] * (MOST_PIECES - 1))):
        first = 16 + 9 * piece
        _add_piece(grid, numbers[first : first + 9])
    grid *= 1.0 + (numbers[9] - 0.5) * _RAMP[:, None] + (numbers[10] - 0.5) * _RAMP
    for lamp in range(int(numbers[11] * (MOST_LAMPS + 1))):
        first = 16 + 9 * MOST_PIECES + 6 * lamp
        _add_lamp(grid, numbers[first : first + 6])
    return grid


def _colour(numbers: list[float], darkest: float, span: float, chroma: float) -> tuple[float, float, float]:
    """A muted colour, between warm and cool, of a brightness between `darkest` and `darkest + span`."""
    level = darkest + span * numbers[0]
    warmth, tint = (chroma * (2.0 * numbers[1] - 0.8), 0.5 * chroma * (2.0 * numbers[2] - 1.0))
    return max(level + warmth, 8.0), max(level + tint, 8.0), max(level - warmth, 8.0)


def _add_piece(grid: Grid, numbers: list[float]) -> None:
    """Furniture, a picture, a door: a rectangle that covers most of what is behind it."""
    width, height = 2 + int(numbers[0] * GRID / 3), 2 + int(numbers[1] * GRID / 2)
    left, top = (int(numbers[2] * GRID) - width // 2, int(numbers[3] * GRID) - height // 2)
    rows, columns = (slice(max(top, 0), max(top + height, 0)), slice(max(left, 0), max(left + width, 0)))
    cover = 0.4 + 0.6 * numbers[4]
    # A few pieces are colourful.
    colour = _colour(numbers[5:8], 15.0, 200.0, 20.0 if numbers[8] < 0.7 else 80.0)
    for channel in range(3):
        part = grid[channel, rows, columns]
        part *= 1.0 - cover
        part += cover * colour[channel]


def _add_lamp(grid: Grid, numbers: list[float]) -> None:
    """A lamp or a window: brighter than white, so that the blur leaves a glowing patch."""
    width, height = 1 + int(numbers[0] * 3), 1 + int(numbers[1] * 5)
    left, top = int(numbers[2] * GRID), int(numbers[3] * GRID * 0.7)
    warm, power = 120.0 * numbers[4], 0.8 + numbers[5]
    for channel, level in enumerate((250.0 + warm, 250.0 + 0.5 * warm, 250.0 - 0.4 * warm)):
        grid[channel, top : top + height, left : left + width] = level * power


@lru_cache(maxsize=64)
def _interpolation(length: int, blur: float) -> Grid:
    """(length, GRID) weights, each row a Gaussian about its pixel centre that sums to 1."""
    centres = (np.arange(length) + 0.5) * GRID / length
    cells = np.arange(GRID) + 0.5
    weights = np.exp(-0.5 * ((centres[:, None] - cells) / blur) ** 2)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
