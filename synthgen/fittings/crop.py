"""The square crops that public code takes around faces, with its constants, and how they map to network input.

A crop is a row (left, top, side) in our pixels (centre of the first pixel (0.5, 0.5)). Landmarks and boxes go in in our
pixels too; every rule moves with them, so a 0-based point p of public code is p + 0.5 here and so is its crop's corner.
"""

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import AssetError
from synthgen.geometry.similarity import Similarity

Array = NDArray[np.float64]

# 3DDFA and 3DDFA_V2: from a detector's box.
DETECTOR_SIDE = 1.58
DETECTOR_DROP = 0.14
# PRNet: from landmarks, when it is used and when its training pictures were cut.
PRNET_LANDMARK_SIDE = 1.6
PRNET_TRAINING_SIDE = 1.5


def landmark_box_crop(points: NDArray[np.floating]) -> Array:
    """(N, 3) crops of 3DDFA and 3DDFA_V2 from landmarks (N, K, 2): side sqrt(2) max(w, h) about the box's centre.

    w, h: extent of the points; NaN points are left out. (Public: with r = max(w, h) / 2, side sqrt(8 r^2).)
    Raises AssetError for a face without a point.
    """
    low, high = _extent(points)
    return _about((low + high) / 2.0, np.sqrt(2.0) * (high - low).max(axis=1))


def detector_box_crop(boxes: NDArray[np.floating]) -> Array:
    """(N, 3) crops of 3DDFA and 3DDFA_V2 from detector boxes (N, 4) left, top, right, bottom.

    With s = (w + h) / 2: side int(1.58 s), centre 0.14 s below the box's.
    """
    centre, size = _detector(boxes)
    centre[:, 1] += DETECTOR_DROP * size
    return _about(centre, np.floor(DETECTOR_SIDE * size))


def prnet_landmark_crop(points: NDArray[np.floating]) -> Array:
    """(N, 3) crops of PRNet from landmarks (N, K, 2): side int(1.6 (w + h) / 2) about the box's centre.

    NaN points are left out. Raises AssetError for a face without a point.
    """
    return _prnet_crop(points, PRNET_LANDMARK_SIDE)


def prnet_training_crop(points: NDArray[np.floating]) -> Array:
    """(N, 3) crops of PRNet's training pictures from landmarks (N, K, 2): side int(1.5 (w + h) / 2), before they are
    moved by up to a tenth of (w + h) / 2 and scaled by 0.9 to 1.1 at random."""
    return _prnet_crop(points, PRNET_TRAINING_SIDE)


def prnet_box_crop(boxes: NDArray[np.floating]) -> Array:
    """(N, 3) crops of PRNet from dlib's boxes (N, 4): the same rule and constants as detector_box_crop."""
    return detector_box_crop(boxes)


def crop_similarity(crops: NDArray[np.floating], size: int) -> Similarity:
    """How photo pixels move into the (size, size) pictures of crops (N, 3): x' = (x - corner) size / side, exactly.

    A resized picture's pixel centre c (0-based) shows (c + 0.5) s - 0.5 of the crop, s = side / size. Public code maps
    results back as c s + corner, which is up to 0.5 (s - 1) px away: public_crop_matrix does that.
    """
    left, top, side = np.asarray(crops, np.float64).T
    scale = size / side
    return Similarity(scale, np.zeros(len(scale)), -scale[:, None] * np.stack([left, top], axis=1))


def rounded_crop(crops: NDArray[np.floating]) -> Array:
    """(N, 3) squares in whole pixels for crops (N, 3): the corner of public_roi, and the mean of its two sides.

    Its sides differ by a pixel where they are rounded differently. Public code then stretches the picture by that,
    which no similarity does.
    """
    roi = public_roi(crops)
    return np.concatenate([roi[:, :2], (roi[:, 2:] - roi[:, :2]).mean(axis=1, keepdims=True)], axis=1)


def aflw_crop(crops: NDArray[np.floating]) -> Array:
    """(N, 3) squares that 3DDFA's benchmark cuts out for crops (N, 3), see aflw_clamped_roi; sides as in rounded_crop.

    Pixels sx to ex, both included and counted from 1, reach from sx - 1 to ex.
    """
    shown = _matlab_roi(crops)
    side = (shown[:, 2:] - shown[:, :2]).mean(axis=1, keepdims=True) + 1.0
    return np.concatenate([shown[:, :2] - 1.0, side], axis=1)


def public_similarity(crops: NDArray[np.floating], size: int) -> Similarity:
    """How public code says that photo pixels move into the (size, size) pictures of crops (N, 3), as a similarity:
    public_crop_matrix of the square of rounded_crop."""
    left, top, side = rounded_crop(crops).T
    scale = size / side
    return Similarity(scale, np.zeros(len(scale)), 0.5 - scale[:, None] * (0.5 + np.stack([left, top], axis=1)))


def public_roi(crops: NDArray[np.floating]) -> NDArray[np.int64]:
    """(N, 4) whole pixel indices sx, sy, ex, ey (ends excluded) that public code cuts out for crops (N, 3).

    Its 0-based corners, rounded half to even. What lies outside the photo is filled with black:
    asset_io.photos.warp_photo with border "constant".
    """
    left, top, side = np.asarray(crops, np.float64).T
    zero_based = np.stack([left, top, left + side, top + side], axis=1) - 0.5
    return np.round(zero_based).astype(np.int64)


def public_crop_matrix(roi: NDArray[np.integer], size: int) -> Array:
    """(N, 2, 3) matrices from photo pixels to crop pixels as public code inverts them: x = c s + sx per axis.

    roi: (N, 4) from public_roi. s = (ex - sx) / size. Only for reproducing published numbers: against
    crop_similarity of the same rectangle, points come out 0.5 (1 - 1 / s) crop pixels off.
    """
    start, end = np.asarray(roi, np.float64)[:, :2], np.asarray(roi, np.float64)[:, 2:]
    inverse = size / (end - start)
    matrix = np.zeros((len(start), 2, 3))
    matrix[:, 0, 0], matrix[:, 1, 1] = inverse[:, 0], inverse[:, 1]
    matrix[:, :, 2] = 0.5 - inverse * (0.5 + start)  # both sides count from 0 at the first pixel's centre
    return matrix


def aflw_clamped_roi(crops: NDArray[np.floating], size: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The 1-based boxes (N, 4) that 3DDFA's benchmark lists for crops (N, 3), and what its pictures really show.

    Its MATLAB code rounds the box (halves away from zero), cuts ex - sx + 1 by ey - sy + 1 pixels out of the padded
    photo, but returns the box clamped to the photo of `size` = (h, w), so that near the border the listed box is not
    square and does not fit its picture. First result: clamped, as in AFLW2000-3D_crop.roi_box.npy; second: before
    clamping. Map points with the second; the first only reproduces published numbers.
    """
    shown = _matlab_roi(crops)
    limits = np.array([size[1], size[0], size[1], size[0]])
    return np.clip(shown, 1, limits), shown


def _matlab_roi(crops: NDArray[np.floating]) -> NDArray[np.int64]:
    """(N, 4) first and last pixels of crops (N, 3), counted from 1, halves rounded away from zero."""
    left, top, side = np.asarray(crops, np.float64).T
    one_based = np.stack([left, top, left + side, top + side], axis=1) + 0.5
    return (np.sign(one_based) * np.floor(np.abs(one_based) + 0.5)).astype(np.int64)


def _prnet_crop(points: NDArray[np.floating], share: float) -> Array:
    low, high = _extent(points)
    return _about((low + high) / 2.0, np.floor(share * (high - low).mean(axis=1)))


def _extent(points: NDArray[np.floating]) -> tuple[Array, Array]:
    """Lowest and highest coordinates, each (N, 2), of the points (N, K, 2) that are not NaN."""
    known = np.isfinite(points).all(axis=2)
    if not known.any(axis=1).all():
        raise AssetError(f"face {int(np.argmin(known.any(axis=1)))} has no landmark to crop by")
    array = np.asarray(points, np.float64)
    low = np.where(known[..., None], array, np.inf).min(axis=1)
    high = np.where(known[..., None], array, -np.inf).max(axis=1)
    return low, high


def _detector(boxes: NDArray[np.floating]) -> tuple[Array, Array]:
    """Centres (N, 2) and mean sides (N,) of boxes (N, 4)."""
    array = np.asarray(boxes, np.float64)
    return (array[:, :2] + array[:, 2:]) / 2.0, (array[:, 2:] - array[:, :2]).mean(axis=1)


def _about(centre: Array, side: Array) -> Array:
    return np.concatenate([centre - side[:, None] / 2.0, side[:, None]], axis=1)
