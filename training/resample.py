"""Random scale and crop of a sample: picture smoothly, labels from the nearest pixel."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from training.method import Item


@dataclass(frozen=True)
class Window:
    """The part of a sample that becomes an item: scale, and the corner and side in px of the scaled sample."""

    scale: float
    top: int
    left: int
    side: int


def random_window(
    size: tuple[int, int], scales: tuple[float, ...], side: int, random: np.random.Generator | None
) -> Window:
    """A window of `side` px of a picture of `size` (H, W); in the middle at scale 1 without `random`."""
    scale = 1.0 if random is None else float(random.choice(scales))
    height, width = (round(scale * length) for length in size)
    if random is None:
        return Window(scale, (height - side) // 2, (width - side) // 2, side)
    places = []
    for length in (height, width):
        low, high = sorted((0, length - side))
        places.append(int(random.integers(low, high + 1)))
    return Window(scale, places[0], places[1], side)


def cut(planes: torch.Tensor, window: Window, smooth: bool, empty: float) -> torch.Tensor:
    """(C, side, side) of planes (C, H, W); `empty` beyond the border. smooth: bilinear, else the nearest pixel."""
    height, width = planes.shape[1:]
    if window.scale != 1.0:
        size = round(window.scale * height), round(window.scale * width)
        mode = {"mode": "bilinear", "align_corners": False} if smooth else {"mode": "nearest-exact"}
        planes = torch.nn.functional.interpolate(planes[None], size, **mode)[0]
    result = torch.full((planes.shape[0], window.side, window.side), empty, dtype=planes.dtype)
    top, left = max(window.top, 0), max(window.left, 0)
    part = planes[:, top : window.top + window.side, left : window.left + window.side]
    row, column = top - window.top, left - window.left
    result[:, row : row + part.shape[1], column : column + part.shape[2]] = part
    return result


def cut_item(item: Item, window: Window, smooth: frozenset[str], empty: dict[str, float]) -> Item:
    """Every plane (C, H, W) of an item in the window."""
    return {name: cut(plane, window, name in smooth, empty.get(name, 0.0)) for name, plane in item.items()}


def plane(array: NDArray[np.generic]) -> torch.Tensor:
    """(C, H, W) float32 of (H, W) or (H, W, C)."""
    planes = array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)
    return torch.from_numpy(np.ascontiguousarray(planes)).float()
