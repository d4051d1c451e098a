"""A photo as a smooth function of the place in it, at several resolutions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from synthgen.shading.transfer import linear_of_byte_table

Floats = NDArray[np.floating]

# Bytes that tell nothing of the light: burnt out, or lost in the dark.
BRIGHTEST, DARKEST = 250, 2


@dataclass(frozen=True)
class PhotoLevel:
    """colour: (H, W, 3) float32 linear light; valid: (H, W, 3) float32, share of a pixel's area that may be used;
    scale: px of this level per px of the first one."""

    colour: Floats
    valid: Floats
    scale: float


def build_pyramid(pixels: NDArray[np.uint8], usable: NDArray[np.bool_], count: int) -> list[PhotoLevel]:
    """`count` levels of a photo (H, W, 3) sRGB, each half as large as the one before, averaged in linear light.

    usable: (H, W) bool; other pixels are replaced by the nearest usable one, so that what they show cannot leak into
    coarser levels. A channel that is burnt out or black is not valid either.
    """
    colour = linear_of_byte_table()[pixels]
    if usable.any() and not usable.all():
        rows, columns = ndimage.distance_transform_edt(~usable, return_distances=False, return_indices=True)
        colour = colour[rows, columns]
    valid = ((pixels < BRIGHTEST) & (pixels > DARKEST) & usable[..., None]).astype(np.float32)
    levels = [PhotoLevel(colour, valid, 1.0)]
    while len(levels) < count and min(levels[-1].colour.shape[:2]) >= 8:
        last = levels[-1]
        levels.append(PhotoLevel(halved(last.colour), halved(last.valid), last.scale / 2))
    return levels


def sample_smooth(picture: Floats, places: Floats) -> tuple[Floats, Floats]:
    """Values (P, C) and gradients (P, C, 2) per px of a picture (H, W, C) at places (P, 2) px.

    The picture is convolved with the cubic B-spline (standard deviation 0.58 px), which has two continuous
    derivatives: the gradient is exact and does not jump. Beyond the border the nearest pixel counts.
    """
    height, width, channels = picture.shape
    start = np.floor(places - 0.5)
    share = (places - 0.5 - start).astype(picture.dtype)
    weight, slope = _spline(share)  # (P, 2, 4)
    taps = np.arange(-1, 3)
    columns = np.clip(start[:, :1].astype(np.int64) + taps, 0, width - 1)
    rows = np.clip(start[:, 1:].astype(np.int64) + taps, 0, height - 1)
    patch = picture.reshape(-1, channels)[rows[:, :, None] * width + columns[:, None]]  # (P, 4, 4, C)
    across = np.stack([weight[:, 0], slope[:, 0]], axis=1)  # (P, 2, 4)
    lines = np.matmul(across[:, None], patch)  # (P, 4, 2, C)
    value = np.einsum("py,pyc->pc", weight[:, 1], lines[:, :, 0])
    by_x = np.einsum("py,pyc->pc", weight[:, 1], lines[:, :, 1])
    by_y = np.einsum("py,pyc->pc", slope[:, 1], lines[:, :, 0])
    return value, np.stack([by_x, by_y], axis=-1)


def _spline(share: Floats) -> tuple[Floats, Floats]:
    """Weights (..., 4) of the cubic B-spline for the taps -1 .. 2 about a place, and their slopes."""
    f, g = share, 1.0 - share
    weight = np.stack([g**3, 3 * f**3 - 6 * f**2 + 4, 3 * g**3 - 6 * g**2 + 4, f**3], axis=-1) / 6.0
    slope = np.stack([-(g**2), 3 * f**2 - 4 * f, 4 * g - 3 * g**2, f**2], axis=-1) / 2.0
    return weight, slope


def halved(picture: Floats) -> Floats:
    """Box average of 2 x 2 pixels; an odd last row or column is repeated."""
    padded = np.pad(picture, ((0, picture.shape[0] % 2), (0, picture.shape[1] % 2), (0, 0)), "edge")
    height, width, channels = padded.shape
    return padded.reshape(height // 2, 2, width // 2, 2, channels).mean(axis=(1, 3), dtype=np.float32)
