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
MOST_PIECES = 9
LAMPS = 3

Grid = NDArray[np.float32]


def render_procedural(seed: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 sRGB, a pure function of its arguments."""
    random = np.random.Generator(np.random.Philox(key=seed))
    numbers = random.random(64 + 10 * MOST_PIECES + 6 * LAMPS, np.float32)
    grid = _room(numbers)
    blur = BLURS[int(numbers[63] * len(BLURS))]
    rows, columns = _interpolation(size[0], blur), _interpolation(size[1], blur)
    planes = rows @ grid @ columns.T  # (3, H, W)
    np.clip(planes, 0.0, 255.0, out=planes)
    return np.ascontiguousarray(np.rint(planes, out=planes).astype(np.uint8).transpose(1, 2, 0))


def _room(numbers: Grid) -> Grid:
    """(3, GRID, GRID) in 8-bit levels, possibly above 255 where a lamp shines."""
    wall = _colour(numbers[0:3], 60.0 + 160.0 * numbers[3], 40.0)
    floor = _colour(numbers[4:7], 30.0 + 120.0 * numbers[7], 60.0)
    grid = np.empty((3, GRID, GRID), np.float32)
    horizon = int(GRID * (0.55 + 0.4 * numbers[8]))
    grid[:, :horizon] = wall[:, None, None]
    grid[:, horizon:] = floor[:, None, None]
    for piece in range(2 + int(numbers[9] * (MOST_PIECES - 1))):
        _add_piece(grid, numbers[64 + 10 * piece : 74 + 10 * piece])
    ramp = np.linspace(-0.5, 0.5, GRID, dtype=np.float32)
    grid *= 1.0 + (numbers[10] - 0.5) * ramp[:, None] + (numbers[11] - 0.5) * ramp
    first = 64 + 10 * MOST_PIECES
    for lamp in range(int(numbers[12] * (LAMPS + 1))):
        _add_lamp(grid, numbers[first + 6 * lamp : first + 6 * lamp + 6])
    return grid


def _colour(direction: Grid, level: np.floating, chroma: float) -> Grid:
    """(3,) a muted colour of about the brightness `level`."""
    return np.clip(level + chroma * (2.0 * direction - 1.0), 8.0, 250.0).astype(np.float32)


def _add_piece(grid: Grid, numbers: Grid) -> None:
    """Furniture, a picture, a door: a rectangle that covers most of what is behind it."""
    width, height = 2 + int(numbers[0] * GRID / 3), 2 + int(numbers[1] * GRID / 2)
    left, top = int(numbers[2] * GRID) - width // 2, int(numbers[3] * GRID) - height // 2
    part = grid[:, max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    cover = np.float32(0.4 + 0.6 * numbers[4])
    part += cover * (_colour(numbers[6:9], 25.0 + 200.0 * numbers[5], 70.0)[:, None, None] - part)


def _add_lamp(grid: Grid, numbers: Grid) -> None:
    """A lamp or a window: brighter than white, so that the blur leaves a glowing patch."""
    width, height = 1 + int(numbers[0] * 3), 1 + int(numbers[1] * 5)
    left, top = int(numbers[2] * GRID), int(numbers[3] * GRID * 0.7)
    warm = 120.0 * numbers[4]
    light = np.array([250.0 + warm, 250.0 + 0.5 * warm, 250.0 - 0.4 * warm], np.float32) * (0.8 + numbers[5])
    grid[:, top : top + height, left : left + width] = light[:, None, None]


@lru_cache(maxsize=64)
def _interpolation(length: int, blur: float) -> Grid:
    """(length, GRID) weights, each row a Gaussian about its pixel centre that sums to 1."""
    centres = (np.arange(length) + 0.5) * GRID / length
    cells = np.arange(GRID) + 0.5
    weights = np.exp(-0.5 * ((centres[:, None] - cells) / blur) ** 2)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
