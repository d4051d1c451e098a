"""Photos with fittings -> pictures of one size: read, cropped, moved and covered; cameras and masks follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.asset_io.catalogue import (
    NOT_STATED,
    AssetRecord,
    file_sha256,
    files_sha256,
    folder_licence,
    problems_error,
)
from synthgen.asset_io.photos import Border, Orientation, photo_size, read_mask, read_photo, warp_photo
from synthgen.core.errors import AssetError, UsageError
from synthgen.fittings.augment import Augmentation, augmentation_similarity, draw_rectangles
from synthgen.fittings.coefficients import KeyNames, find_problems
from synthgen.fittings.fitting import FittingSet, fitting_cameras
from synthgen.fittings.fitting_file import load_fittings
from synthgen.fittings.photo_crop import picture_similarities
from synthgen.geometry.similarity import Similarity, compose, inverse, move_cameras, move_points
from synthgen.morphable.model import MorphableModel
from synthgen.recipe.schema import Recipe
from synthgen.render.photo import Photos

Mask = NDArray[np.bool_]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class PhotoSource:
    """A set of N fittings and how its photos become pictures.

    path: the fitting file; folder: what the photos' names belong to; orientation: as in asset_io.photos; size: (H, W)
    of the pictures; crops: N similarities from photo to picture; border: what lies beside the photo, "constant" black
    or its border pixels, "replicate".
    """

    path: Path
    folder: Path
    fittings: FittingSet
    orientation: Orientation
    size: tuple[int, int]
    crops: Similarity
    border: Border

    def records(self) -> list[AssetRecord]:
        """The fitting file, and photos and masks as one asset. Raises AssetError for a file that is not there."""
        fittings = self.fittings
        files = sorted({*fittings.photos, *(name for name in fittings.ignore_masks if name)})
        photos = AssetRecord("photos", str(self.folder), files_sha256(self.folder, files), folder_licence(self.folder))
        return [AssetRecord("fittings", str(self.path), file_sha256(self.path), NOT_STATED), photos]


@dataclass(frozen=True)
class PhotoBatch:
    """photos: N pictures with cameras and masks. similarity: from each photo to its picture. landmarks: (N, 68, 2) px
    of the picture, annotated points, NaN where there is none. source_map: (N, H, W, 2) float32, photo px that each
    pixel shows; NaN outside the photo and behind a rectangle; None unless asked for."""

    photos: Photos
    similarity: Similarity
    landmarks: NDArray[np.float64]
    source_map: NDArray[np.float32] | None


def open_photos(recipe: Recipe, model: MorphableModel, check: bool = True) -> PhotoSource:
    """The fittings that a recipe names, of this model, with their photos. check: look at the header of every photo.

    Raises AssetError, naming the file, and UsageError for fittings of another model.
    """
    section = recipe.fittings
    if section is None:
        raise UsageError(f"a recipe of kind {recipe.kind} names no fittings")
    path = Path(section.path)
    folder = path.parent if section.photos is None else Path(section.photos)
    fittings = load_fittings(path)
    _check_model(path, fittings, model)
    problems = find_problems(fittings, model, KeyNames())
    if problems:
        reasons = [f"{fittings.names[row]}: {reason}" for row, reason in sorted(problems.items())]
        raise problems_error(f"{path}: {len(reasons)} of {len(fittings)} fittings cannot be rendered", reasons)
    if check:
        for name, size in dict(zip(fittings.photos, fittings.sizes, strict=True)).items():
            _check_size(folder / name, photo_size(folder / name, section.orientation), size)
    crops = picture_similarities(fittings, model, recipe.crop, recipe.size)
    # Public crops are black beside the photo; a turned head must not draw that into the picture.
    border: Border = "constant" if recipe.profile is None else "replicate"
    return PhotoSource(path, folder, fittings, section.orientation, recipe.size, crops, border)


def read_batch(
    source: PhotoSource,
    rows: NDArray[np.integer],
    augmentations: Sequence[Augmentation] | None = None,
    with_map: bool = False,
) -> PhotoBatch:
    """The pictures of fittings `rows` (N,), each photo resampled once.

    augmentations: one per picture, or None; with_map: also source_map.
    Raises AssetError for a photo that cannot be read or does not fit its fitting.
    """
    fittings, size = source.fittings, source.size
    similarity = Similarity(source.crops.scale[rows], source.crops.angle[rows], source.crops.shift[rows])
    if augmentations is not None:
        similarity = compose(augmentation_similarity(augmentations, size), similarity)
    image = np.empty((len(rows), *size, 3), np.uint8)
    ignore, invented, occluder = (np.zeros((len(rows), *size), np.bool_) for _ in range(3))
    places = np.empty((len(rows), *size, 2), np.float32) if with_map else None
    forward, back = similarity.matrix, inverse(similarity).matrix
    for n, row in enumerate(rows.tolist()):
        image[n] = _warped(source, read_pixels(source, row), forward[n])
        outside = _reaches_outside(back[n], size, fittings.sizes[row])
        if outside or with_map or fittings.ignore_boxes[row] or fittings.ignore_masks[row]:
            place = source_points(back[n], size)
            invented[n] = ~_is_inside(place, fittings.sizes[row])
            ignore[n] = ignored_pixels(source, row, place) & ~invented[n]
            if places is not None:
                places[n] = place
        if augmentations is not None:
            occluder[n] = draw_rectangles(image[n], augmentations[n])
    if places is not None:
        places[invented | occluder] = np.nan
    photos = Photos(
        torch.from_numpy(image),
        fittings.identity[rows],
        fittings.expression[rows],
        move_cameras(fitting_cameras(fittings, rows), similarity),
        fittings.depth_shift[rows] * similarity.scale,
        *(torch.from_numpy(mask) for mask in (ignore, invented, occluder)),
    )
    return PhotoBatch(photos, similarity, move_points(similarity, fittings.landmarks[rows]), places)


def source_points(matrix: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float32]:
    """(H, W, 2) px: where the affine map `matrix` (2, 3) sends the pixel centres of a picture of `size`."""
    x = np.arange(size[1]) + 0.5
    y = (np.arange(size[0]) + 0.5)[:, None]
    return np.stack([row[0] * x + row[1] * y + row[2] for row in matrix], axis=-1).astype(np.float32)


def read_pixels(source: PhotoSource, row: int) -> Pixels:
    """(h, w, 3) uint8: the whole photo of fitting `row`. Raises AssetError unless it has the size that was fitted."""
    path = source.folder / source.fittings.photos[row]
    pixels = read_photo(path, source.orientation)
    _check_size(path, pixels.shape[:2], source.fittings.sizes[row])
    return pixels


def _warped(source: PhotoSource, pixels: Pixels, matrix: NDArray[np.float64]) -> Pixels:
    if pixels.shape[:2] == source.size and np.array_equal(matrix, np.eye(2, 3)):
        return pixels
    return warp_photo(pixels, matrix, source.size, source.border)


def _check_model(path: Path, fittings: FittingSet, model: MorphableModel) -> None:
    wanted = (len(model.identity_basis), len(model.expression_basis))
    found = (fittings.identity.shape[1], fittings.expression.shape[1])
    if found != wanted or fittings.model not in ("", model.name):
        raise UsageError(
            f"{path} holds {found[0]} identity and {found[1]} expression coefficients of model "
            f"{fittings.model or 'unknown'!r}; {model.name!r} has {wanted[0]} and {wanted[1]}: name the model that was "
            "fitted"
        )


def _check_size(path: Path, found: Sequence[int], expected: NDArray[np.int32]) -> None:
    if tuple(found) != tuple(expected.tolist()):
        raise AssetError(
            f"{path}: the photo has {found[1]} x {found[0]} pixels, its fitting was made for "
            f"{expected[1]} x {expected[0]}; put back the photo that was fitted"
        )


def _reaches_outside(matrix: NDArray[np.float64], size: tuple[int, int], photo: NDArray[np.int32]) -> bool:
    """Whether a picture shows more than its photo of (height, width); matrix: photo points of picture points."""
    corners = np.array([[0, 0, 1], [size[1], 0, 1], [0, size[0], 1], [size[1], size[0], 1]], np.float64) @ matrix.T
    return bool(corners.min() < -1e-6 or (corners > photo[::-1] + 1e-6).any())


def _is_inside(place: NDArray[np.float32], photo: NDArray[np.int32]) -> Mask:
    """Where points (H, W, 2) lie in a photo of (height, width)."""
    height, width = photo.tolist()
    x, y = place[..., 0], place[..., 1]
    inside: Mask = (x >= 0) & (x <= width) & (y >= 0) & (y <= height)
    return inside


def ignored_pixels(source: PhotoSource, row: int, place: NDArray[np.floating]) -> Mask:
    """(...,) which places (..., 2) px of the photo show another face, by the fitting's boxes and mask picture."""
    fittings = source.fittings
    x, y = place[..., 0], place[..., 1]
    ignored = np.zeros(x.shape, np.bool_)
    for left, top, right, bottom in fittings.ignore_boxes[row]:
        ignored |= (x >= left) & (x < right) & (y >= top) & (y < bottom)
    if fittings.ignore_masks[row]:
        height, width = fittings.sizes[row].tolist()
        mask = read_mask(source.folder / fittings.ignore_masks[row], (height, width), source.orientation)
        ignored |= mask[np.clip(y, 0, height - 1).astype(int), np.clip(x, 0, width - 1).astype(int)]
    return ignored
