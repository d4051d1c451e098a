"""Photos that annotations belong to: reading with a decision about EXIF orientation, sizes from headers, resampling."""

import io
import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthgen.asset_io.images import FORMATS, Pixels, image_size, read_image
from synthgen.core.bounded_file import open_regular, read_bounded
from synthgen.core.errors import AssetError, UsageError
from synthgen.core.limits import MOST_IMAGE_BYTES

Orientation = Literal["refuse", "stored", "upright"]
Border = Literal["constant", "replicate"]
Array = NDArray[np.float64]

_ORIENTATION_TAG = 0x0112
# JPEG holds EXIF before its first scan, almost always within this much.
_HEAD_BYTES = 1 << 16
# A cheap test that most photos fail: only where one of these words occurs is the tag looked for.
_EXIF_WORDS = (b"Exif\0\0", b"eXIf", b"EXIF", b"Raw profile type")
_JPEG_START = b"\xff\xd8"
# Large reductions start with a box filter that leaves at least this factor to the triangle filter.
_REDUCING_GAP = 3.0
_MASK_THRESHOLD = 127


def read_photo(path: str | Path, orientation: Orientation = "refuse") -> Pixels:
    """(H, W, 3) uint8 sRGB of a photo.

    orientation: what to do with a photo whose EXIF tag says that viewers turn or mirror it. "refuse" raises, because
    annotations may refer to either; "stored" takes the pixels as they lie in the file; "upright" turns them as a
    viewer does. Photos without the tag are the same in all three.
    Raises AssetError as images.read_image does, and for a refused photo.
    """
    pixels = read_image(path)
    return _turned(pixels, _turn_of(path, orientation, _orientation_tag(path)))


def photo_size(path: str | Path, orientation: Orientation = "refuse") -> tuple[int, int]:
    """(height, width) px of what read_photo returns, without decoding it.

    Raises AssetError as read_photo does, but not for damage that only decoding shows.
    """
    height, width = image_size(path)
    tag = _orientation_tag(path)
    turned = _turn_of(path, orientation, tag) >= 5
    return (width, height) if turned else (height, width)


def read_mask(path: str | Path, size: tuple[int, int], orientation: Orientation = "refuse") -> NDArray[np.bool_]:
    """(H, W) bool, True where a mask picture is white (above 127). Raises AssetError unless it has `size` = (H, W)."""
    pixels = read_photo(path, orientation)
    if pixels.shape[:2] != tuple(size):
        raise AssetError(
            f"{path}: the mask has {pixels.shape[1]} x {pixels.shape[0]} pixels, its photo {size[1]} x {size[0]}; "
            "expected a mask of the photo's size"
        )
    white: NDArray[np.bool_] = pixels.max(axis=2) > _MASK_THRESHOLD
    return white


def warp_photo(
    pixels: Pixels, matrix: NDArray[np.floating], size: tuple[int, int], border: Border = "constant"
) -> Pixels:
    """(H, W, 3) uint8: a photo moved by a similarity, without aliasing when it shrinks.

    pixels: (h, w, 3) uint8. matrix: (2, 3), maps photo points to output points in px (centre of the first pixel
    (0.5, 0.5)), a similarity with or without mirroring. size: (H, W). border: what output pixels show whose centre
    lies outside the photo: "constant" black, "replicate" the nearest pixel of the photo.
    The photo is first reduced to the output's scale by a filter as wide as the reduction, on a grid that is the
    output's own when there is no rotation, then sampled bilinearly. Moves by whole pixels return the bytes unchanged.
    Raises UsageError when the matrix is no similarity or leaves less than 2 pixels of the photo.
    """
    forward = np.asarray(matrix, np.float64)
    scale = _similarity_scale(forward)
    height, width = pixels.shape[:2]
    factor = min(1.0, scale)
    if factor * min(height, width) < 2.0:
        raise UsageError(f"a photo of {width} x {height} pixels times {factor:.3g} leaves nothing to see")
    # working = factor photo + offset: the output's grid where nothing but scale and shift is asked for.
    offset = forward[:, 2] - np.floor(forward[:, 2]) if factor < 1.0 else np.zeros(2)
    inverse = np.asarray(np.linalg.inv(forward[:, :2]), np.float64)
    linear = factor * inverse  # working points from output points
    shift: Array = offset - linear @ forward[:, 2]
    corners = _rectangle(size) @ linear.T + shift
    begin = np.ceil(offset - 1e-9)
    end = np.maximum(begin + 1, np.floor(factor * np.array([width, height]) + offset + 1e-9))
    first = np.clip(np.floor(corners.min(axis=0) - 0.5), begin, end - 1)
    last = np.clip(np.ceil(corners.max(axis=0) + 0.5), first + 1, end)
    working = _reduced(pixels, factor, (first - offset) / factor, (last - offset) / factor)
    # An output far beside the photo shows its nearest pixels, or black: as it would close to it.
    start = shift - first - np.maximum(0.0, np.floor(corners.min(axis=0) - last - 1))
    start += np.maximum(0.0, np.floor(first - corners.max(axis=0) - 1))
    if np.array_equal(linear, np.eye(2)) and np.array_equal(start, np.round(start)):
        sampled = _shifted(working, start.astype(int), size)
    else:
        sampled = _bilinear(working, linear, start, size)
    if border == "constant":
        _blacken_outside(sampled, inverse, forward[:, 2], (height, width))
    return sampled


def _similarity_scale(forward: Array) -> float:
    if forward.shape != (2, 3) or not np.isfinite(forward).all():
        raise UsageError("matrix: expected finite numbers of shape (2, 3)")
    gram = forward[:, :2].T @ forward[:, :2]
    square = float(np.trace(gram)) / 2.0
    if square <= 0.0 or np.abs(gram - square * np.eye(2)).max() > 1e-6 * square:
        raise UsageError("matrix: expected a similarity (rotation, one scale, shift; mirroring allowed)")
    return float(np.sqrt(square))


def _rectangle(size: tuple[int, int]) -> Array:
    """The four corners of a picture of (H, W), px."""
    height, width = size
    return np.array([[0.0, 0.0], [width, 0.0], [0.0, height], [width, height]])


def _reduced(pixels: Pixels, factor: float, low: Array, high: Array) -> Pixels:
    """The part of the photo from `low` to `high` (x, y) px, `factor` times as large, filtered."""
    if factor == 1.0:
        return pixels[int(low[1]) : int(high[1]), int(low[0]) : int(high[0])]
    left, top = np.maximum(np.floor(low - 2.0 / factor), 0).astype(int)
    right, bottom = np.minimum(np.ceil(high + 2.0 / factor), pixels.shape[1::-1]).astype(int)
    image = Image.fromarray(np.ascontiguousarray(pixels[top:bottom, left:right]))
    near = np.clip((low[0] - left, low[1] - top), 0.0, image.size)
    far = np.clip((high[0] - left, high[1] - top), 0.0, image.size)
    target = np.round(factor * (high - low)).astype(int)
    box = (float(near[0]), float(near[1]), float(far[0]), float(far[1]))
    return np.asarray(image.resize((int(target[0]), int(target[1])), Image.Resampling.BILINEAR, box, _REDUCING_GAP))


def _covered(working: Pixels, low: NDArray[Any], high: NDArray[Any]) -> tuple[Pixels, NDArray[np.int_]]:
    """The picture grown by its nearest pixels so that it covers the points from `low` to `high` (x, y), and by how
    much it grew to the left and at the top."""
    before = np.maximum(0, -np.floor(low)).astype(int)
    after = np.maximum(0, np.ceil(high) - working.shape[1::-1]).astype(int)
    if before.any() or after.any():
        working = np.pad(working, ((before[1], after[1]), (before[0], after[0]), (0, 0)), "edge")
    return working, before


def _shifted(working: Pixels, start: NDArray[np.int_], size: tuple[int, int]) -> Pixels:
    """(H, W, 3): the pixels from `start` (x, y) on, the nearest ones beyond the edges."""
    working, before = _covered(working, start, start + size[::-1])
    left, top = start + before
    return working[top : top + size[0], left : left + size[1]].copy()


def _bilinear(working: Pixels, linear: Array, shift: Array, size: tuple[int, int]) -> Pixels:
    """(H, W, 3) uint8, rounded, at working points linear x + shift of the output's pixel centres x.

    Pillow's affine transform, whose pixel centres are ours too. It truncates 8-bit results, half a level too dark on
    average, so channels travel as float.
    """
    corners = _rectangle(size) @ linear.T + shift
    working, before = _covered(working, corners.min(axis=0) - 0.5, corners.max(axis=0) + 0.5)
    place = shift + before
    coefficients = (*linear[0], place[0], *linear[1], place[1])
    sampled = np.empty((*size, 3), np.uint8)
    for channel in range(3):
        plane = Image.fromarray(working[..., channel] + np.float32(0.5))
        moved = plane.transform(size[::-1], Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
        sampled[..., channel] = np.asarray(moved)
    return sampled


def _blacken_outside(sampled: Pixels, inverse: Array, shift: Array, photo: tuple[int, int]) -> None:
    """Sets to 0, in place, the output pixels whose centre lies outside the photo of (h, w)."""
    limits = np.array([photo[1], photo[0]]) + 1e-9
    corners = (_rectangle((sampled.shape[0], sampled.shape[1])) - shift) @ inverse.T
    if (corners >= -1e-9).all() and (corners <= limits).all():
        return
    x = np.arange(sampled.shape[1]) + 0.5 - shift[0]
    y = (np.arange(sampled.shape[0]) + 0.5 - shift[1])[:, None]
    outside = np.zeros(sampled.shape[:2], np.bool_)
    for axis in range(2):
        place = inverse[axis, 0] * x + inverse[axis, 1] * y
        outside |= (place < -1e-9) | (place > limits[axis])
    sampled[outside] = 0


def _orientation_tag(path: str | Path) -> int:
    """The EXIF orientation 1 .. 8 of an image file; 1 where there is none or it means nothing."""
    try:
        with open_regular(path) as file:
            head = file.read(_HEAD_BYTES)
        if head.startswith(_JPEG_START) and not _mentions_exif(head):
            return 1
        data = read_bounded(path, MOST_IMAGE_BYTES)
        if not _mentions_exif(data):
            return 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                tag = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:
        # Pillow's reader of EXIF fails in many ways. Pixels are judged by read_image; EXIF that cannot be read turns
        # nothing in any viewer.
        return 1
    return tag if isinstance(tag, int) and 1 <= tag <= 8 else 1


def _mentions_exif(data: bytes) -> bool:
    return any(word in data for word in _EXIF_WORDS)


def _turn_of(path: str | Path, orientation: Orientation, tag: int) -> int:
    """The EXIF turn to apply, 1 for none. Raises AssetError when the photo has one and the caller decided nothing."""
    if orientation not in ("refuse", "stored", "upright"):
        raise UsageError(f"orientation: {orientation!r} is not one of refuse, stored, upright")
    if tag == 1 or orientation == "stored":
        return 1
    if orientation == "refuse":
        raise AssetError(
            f"{path}: the photo's EXIF orientation is {tag}, so viewers turn or mirror it; say whether the "
            "annotations refer to the pixels as stored (--exif stored) or as seen (--exif upright)"
        )
    return tag


def _turned(pixels: Pixels, tag: int) -> Pixels:
    """The pixels as a viewer shows them: EXIF orientation is row and column order of the stored picture."""
    if tag >= 5:  # rows and columns change places
        pixels = pixels.transpose(1, 0, 2)
    if tag in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if tag in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
