"""dfc's augmentation of a photo with flow, while training (Yu 2017, section 4.1): it moves, and rectangles cover it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.asset_io.photos import warp_photo
from synthgen.core.conventions import IGNORED, MATCHABLE, OCCLUDED_HERE
from synthgen.fittings.augment import Augmentation, augmentation_similarity, draw_rectangles
from synthgen.geometry.similarity import inverse

Floats = NDArray[np.float32]


def moved_photo(
    pixels: NDArray[np.uint8], flow: Floats, codes: NDArray[np.uint8], augmentation: Augmentation
) -> tuple[NDArray[np.uint8], Floats, NDArray[np.uint8]]:
    """Pixels (H, W, 3), flow to the target (H, W, 2) px and reason codes (H, W) of the photo in its new place.

    The target stays, so flow is what leads there from the new pixels: that of the place in the old photo, between its
    four pixels where all have the same code, else of the nearest, and the way between both places. Pixels from beside
    the photo are ignored; matchable ones under a rectangle are occluded here, which the policy `dfc` still matches.
    """
    height, width = codes.shape
    motion = augmentation_similarity([augmentation], (height, width))
    image = np.array(warp_photo(pixels, motion.matrix[0], (height, width), "replicate"))  # not the photo's own bytes
    covered = draw_rectangles(image, augmentation)
    y, x = np.mgrid[:height, :width] + 0.5
    here = np.stack([x, y], axis=-1)
    back = inverse(motion).matrix[0]
    there = here @ back[:, :2].T + back[:, 2]
    inside = ((there >= 0) & (there < [width, height])).all(axis=-1)
    found, code = _sampled(flow, codes, there)
    code = np.where(inside, code, IGNORED).astype(np.uint8)
    code[covered & (code == MATCHABLE)] = OCCLUDED_HERE
    return image, (found + there - here).astype(np.float32), code


def _sampled(flow: Floats, codes: NDArray[np.uint8], there: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Flow and code at places (H, W, 2) px."""
    height, width = codes.shape
    limit = np.array([width - 1, height - 1])
    nearest = np.clip(np.floor(there).astype(int), 0, limit)
    code = codes[nearest[..., 1], nearest[..., 0]]
    first = np.clip(np.floor(there - 0.5).astype(int), 0, np.maximum(limit - 1, 0))
    share = np.clip(there - 0.5 - first, 0.0, 1.0)
    total, alike = np.zeros((*code.shape, 2)), np.ones(code.shape, np.bool_)
    for right in (0, 1):
        for down in (0, 1):
            column, row = first[..., 0] + right, first[..., 1] + down
            weight = np.abs(1 - right - share[..., 0]) * np.abs(1 - down - share[..., 1])
            total += weight[..., None] * flow[row, column]
            alike &= codes[row, column] == code
    plain = flow[nearest[..., 1], nearest[..., 0]]
    return np.where(alike[..., None] & np.isfinite(total), total, plain), code
