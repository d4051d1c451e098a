"""The part of a photo that shows a face, at the resolution of a photometric fit, and heads moved with it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from synthgen.alignment.photo_points import posed
from synthgen.alignment.photometric_model import PhotometricModel
from synthgen.alignment.solver import Array
from synthgen.alignment.unknowns import HeadUnknowns
from synthgen.asset_io.photos import warp_photo

_MARGIN = 1.12  # of the square over the extent of the face
_LEAST_SIDE = 16  # px


@dataclass(frozen=True)
class FaceCrop:
    """pixels: (S, S, 3) uint8; usable: (S, S) bool, False beside the photo; face: (S, S) bool, the box of the head's
    labelled surface; a photo's point x lies at scale x + shift."""

    pixels: NDArray[np.uint8]
    usable: NDArray[np.bool_]
    face: NDArray[np.bool_]
    scale: float
    shift: Array


def crop_face(
    model: PhotometricModel, pixels: NDArray[np.uint8], usable: NDArray[np.bool_], head: HeadUnknowns, size: int
) -> FaceCrop | None:
    """The square about a head (N = 1) in its photo, at most `size` px a side; None where the photo does not show it.

    Small faces are not enlarged and moved by whole pixels only, so their pixels stay what they are.
    """
    mesh = posed(model, head)
    if head.perspective and float(mesh.vertices_camera[..., 2].min()) < 1.0:
        return None
    face = mesh.vertices_image[0, :, :2].numpy()[model.rings.vertices].astype(np.float64)
    low, high = face.min(axis=0), face.max(axis=0)
    height, width = pixels.shape[:2]
    if not np.isfinite(face).all() or (high < 8).any() or (low > np.array([width, height]) - 8).any():
        return None
    extent = float((high - low).max()) * _MARGIN
    if not _LEAST_SIDE <= extent <= 50 * max(width, height):
        return None
    scale = min(1.0, size / extent)
    side = min(size, int(np.ceil(extent)))
    shift = side / 2.0 - scale * (low + high) / 2.0
    if scale == 1.0:
        shift = np.round(shift)
    matrix = np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])
    cropped = warp_photo(pixels, matrix, (side, side), "replicate")
    allowed = np.repeat((usable * np.uint8(255))[..., None], 3, axis=2)
    kept = warp_photo(allowed, matrix, (side, side))[..., 0] > 250
    x, y = np.arange(side) + 0.5, (np.arange(side) + 0.5)[:, None]
    (left, top), (right, bottom) = scale * low + shift, scale * high + shift
    inside = (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
    return FaceCrop(cropped, kept, inside, scale, shift)


def move_head(head: HeadUnknowns, scale: float, shift: Array) -> HeadUnknowns:
    """Heads whose image points x have become scale x + shift."""
    return replace(head, focal=head.focal * scale, principal=head.principal * scale + shift, unit=head.unit * scale)
