"""Histograms of oriented gradients about points, in the frame of a shape: what a cascade looks at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Array = NDArray[np.float64]

_ORIENTATIONS = 8
_FLOOR = 0.05  # of a descriptor's norm: gradients of noise in flat skin stay small


@dataclass(frozen=True)
class Patches:
    """reach: half the side of the square about a point, in sizes of the shape (root mean square distance of its points
    from their centre); cells: a side; samples: of a cell, a side."""

    reach: float = 0.35
    cells: int = 3
    samples: int = 4

    @property
    def length(self) -> int:
        """Numbers per point."""
        return self.cells**2 * _ORIENTATIONS


@dataclass(frozen=True)
class Frames:
    """N similarities from a normalised frame into pictures: x = turn z + shift in the complex plane, px."""

    turn: NDArray[np.complex128]
    shift: NDArray[np.complex128]

    def into_picture(self, points: Array) -> Array:
        """Points (N, K, 2) of the frame in the pictures."""
        return _real(self.turn[:, None] * _complex(points) + self.shift[:, None])

    def into_frame(self, points: Array) -> Array:
        """Points (N, K, 2) px of the pictures in the frame."""
        return _real((_complex(points) - self.shift[:, None]) / self.turn[:, None])


def frames_of(points: Array, mean: Array) -> Frames:
    """The similarities that bring a mean shape (K, 2), centred, of unit size, nearest to shapes (N, K, 2) px."""
    shapes, goal = _complex(points), _complex(mean)
    middle = shapes.mean(axis=1)
    turn = (np.conj(goal) * (shapes - middle[:, None])).mean(axis=1) / (np.abs(goal) ** 2).mean()
    return Frames(np.where(np.abs(turn) < 1e-9, 1e-9, turn), middle)


def describe(pictures: Floats, points: Array, mean: Array, patches: Patches) -> Floats:
    """(N, K * length) float32 descriptors about points (N, K, 2) px of grey pictures (N, H, W).

    Like SIFT's: gradients of a patch in cells x cells, eight orientations, by length; unit norm. The patch turns and
    grows with the shape, so that a cascade sees the same for a face that is turned or scaled in the picture.
    """
    count, landmarks = points.shape[:2]
    frames = frames_of(points, mean)
    side = patches.cells * patches.samples
    # One more sample on every side, for central differences.
    steps = (np.arange(-1, side + 1) + 0.5) / side * 2.0 - 1.0
    grid = patches.reach * (steps[None, :] + 1j * steps[:, None])  # (S, S)
    found = np.empty((count, landmarks, patches.length), np.float32)
    for first in range(0, count, 16):
        rows = slice(first, first + 16)
        places = _complex(points[rows])[:, :, None, None] + frames.turn[rows, None, None, None] * grid
        values = _sampled(pictures[rows], places)
        across = values[..., 1:-1, 2:] - values[..., 1:-1, :-2]
        down = values[..., 2:, 1:-1] - values[..., :-2, 1:-1]
        found[rows] = _histograms(across, down, patches)
    return found.reshape(count, -1)


def grey(pictures: NDArray[np.uint8]) -> Floats:
    """(N, H, W) float32 in [0, 1] of pictures (N, H, W, 3)."""
    return (pictures.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)) / np.float32(255)


def _sampled(pictures: Floats, places: NDArray[np.complex128]) -> Floats:
    """(N, K, S, S) bilinear at places x + iy px of pictures (N, H, W); nearest pixels beyond the border."""
    height, width = pictures.shape[1:]
    x = np.clip(places.real - 0.5, 0.0, width - 1.0).astype(np.float32)
    y = np.clip(places.imag - 0.5, 0.0, height - 1.0).astype(np.float32)
    left = np.minimum(x.astype(np.int32), width - 2)
    top = np.minimum(y.astype(np.int32), height - 2)
    across, down = x - left, y - top
    flat = pictures.reshape(-1)
    base = (np.arange(len(pictures)) * (height * width))[:, None, None, None] + top * width + left
    upper = flat[base] * (1 - across) + flat[base + 1] * across
    lower = flat[base + width] * (1 - across) + flat[base + width + 1] * across
    return upper * (1 - down) + lower * down


def _histograms(across: Floats, down: Floats, patches: Patches) -> Floats:
    """(N, K, length): lengths of gradients (N, K, S, S) by cell and orientation, shared between two neighbours."""
    count, landmarks, side, _ = across.shape
    cells, samples = patches.cells, patches.samples
    length = np.hypot(across, down)
    angle = np.arctan2(down, across) * np.float32(_ORIENTATIONS / (2 * np.pi))
    lower = np.floor(angle)
    share = angle - lower
    first = lower.astype(np.int32) % _ORIENTATIONS
    found = np.empty((count, landmarks, cells, cells, _ORIENTATIONS), np.float32)
    for orientation in range(_ORIENTATIONS):
        before = (orientation - 1) % _ORIENTATIONS
        part = length * (np.where(first == orientation, 1 - share, 0) + np.where(first == before, share, 0))
        blocks = part.reshape(count, landmarks, cells, samples, cells, samples)
        found[..., orientation] = blocks.sum(axis=(3, 5))
    flat = found.reshape(count, landmarks, -1)
    return flat / np.sqrt((flat**2).sum(axis=-1, keepdims=True) + np.float32(_FLOOR**2))


def _complex(points: Array) -> NDArray[np.complex128]:
    return points[..., 0] + 1j * points[..., 1]


def _real(points: NDArray[np.complex128]) -> Array:
    return np.stack([points.real, points.imag], axis=-1)
