"""Which square around a face a network sees, and the way back to the picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.asset_io.photos import warp_photo
from synthgen.core.errors import UsageError
from synthgen.fittings.crop import DETECTOR_DROP, DETECTOR_SIDE
from synthgen.fittings.fitting import Box

Array = NDArray[np.float64]

# 3DDFA cuts sqrt(2) times the landmarks' box and 1.58 times the detector's: so a detector's box is about that much
# larger than the landmarks'. Its middle lies DETECTOR_DROP of its side above theirs.
LANDMARKS_IN_DETECTOR_BOX = DETECTOR_SIDE / np.sqrt(2.0)
_LEAST_SIDE = 4.0  # px


@dataclass(frozen=True)
class FaceCrop:
    """The square (left, top, side) px of a picture that a network of pictures of `size` (H, W) sees, in their middle.

    A picture's point x lies at scale x + shift of the crop.
    """

    left: float
    top: float
    side: float
    size: tuple[int, int]

    @property
    def scale(self) -> float:
        """Pixels of the crop per pixel of the picture."""
        return min(self.size) / self.side

    @property
    def shift(self) -> Array:
        """(2,) px of the crop."""
        height, width = self.size
        spare = (np.array([width, height]) - min(self.size)) / 2.0
        return spare - self.scale * np.array([self.left, self.top])

    @property
    def matrix(self) -> Array:
        """(2, 3) from points of the picture to points of the crop."""
        return np.concatenate([self.scale * np.eye(2), self.shift[:, None]], axis=1)

    def to_crop(self, points: NDArray[np.floating]) -> Array:
        """Points (..., 2) of the picture in the crop."""
        return np.asarray(points, np.float64) * self.scale + self.shift

    def to_picture(self, points: NDArray[np.floating]) -> Array:
        """Points (..., 2) of the crop in the picture."""
        return (np.asarray(points, np.float64) - self.shift) / self.scale

    @property
    def places(self) -> Array:
        """(H, W, 2) px of the picture: where the centre of each pixel of the crop lies."""
        height, width = self.size
        x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        return self.to_picture(np.stack([x, y], axis=-1))


def landmark_crop(points: NDArray[np.floating], share: float, size: tuple[int, int]) -> FaceCrop:
    """The square about the box of landmarks (K, 2) px, NaN left out, that makes its larger side `share` of the crop."""
    known = points[np.isfinite(points).all(axis=1)]
    if not len(known):
        raise UsageError("a face without a known landmark; give its box instead")
    low, high = known.min(axis=0), known.max(axis=0)
    return _about((low + high) / 2.0, float((high - low).max()) / share, size)


def box_crop(box: Box, share: float, size: tuple[int, int], tight: bool = False) -> FaceCrop:
    """The square about a detector's box (left, top, right, bottom) px; tight: a box of the landmarks, drawn closely.

    A detector's box is taken as 3DDFA takes it, see LANDMARKS_IN_DETECTOR_BOX.
    """
    left, top, right, bottom = box
    middle = np.array([(left + right) / 2.0, (top + bottom) / 2.0])
    if tight:
        return _about(middle, max(right - left, bottom - top) / share, size)
    mean_side = (right - left + bottom - top) / 2.0
    middle[1] += DETECTOR_DROP * mean_side
    return _about(middle, mean_side * LANDMARKS_IN_DETECTOR_BOX / share, size)


def whole_crop(picture: tuple[int, int], size: tuple[int, int]) -> FaceCrop:
    """The smallest square about all of a picture of (h, w)."""
    height, width = picture
    return _about(np.array([width, height]) / 2.0, float(max(height, width)), size)


def cut(pixels: NDArray[np.uint8], crop: FaceCrop) -> NDArray[np.uint8]:
    """(H, W, 3) uint8: what a network sees of a picture (h, w, 3); beyond its border the nearest pixels."""
    return warp_photo(pixels, crop.matrix, crop.size, "replicate")


def _about(middle: Array, side: float, size: tuple[int, int]) -> FaceCrop:
    if not side >= _LEAST_SIDE:
        raise UsageError(f"a face of {side:.1f} px; expected at least {_LEAST_SIDE:g}")
    return FaceCrop(float(middle[0] - side / 2.0), float(middle[1] - side / 2.0), float(side), size)
