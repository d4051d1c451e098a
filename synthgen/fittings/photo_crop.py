"""Which part of each photo becomes the picture: the recipe's crop rule on the landmarks of the fitted heads."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.core.errors import AssetError
from synthgen.fittings.crop import (
    aflw_crop,
    crop_similarity,
    detector_box_crop,
    landmark_box_crop,
    prnet_box_crop,
    prnet_landmark_crop,
    prnet_training_crop,
    public_similarity,
    rounded_crop,
)
from synthgen.fittings.fitting import FittingSet, fitting_cameras
from synthgen.geometry.camera import project, to_camera_space
from synthgen.geometry.similarity import Similarity
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.template import evaluate_points
from synthgen.recipe.photo_sections import Crop

Array = NDArray[np.float64]

_FACES_AT_ONCE = 4096
_OF_LANDMARKS = {
    "landmark_box": landmark_box_crop,
    "prnet_landmarks": prnet_landmark_crop,
    "prnet_training": prnet_training_crop,
}
_OF_BOXES = {"detector_box": detector_box_crop, "prnet_box": prnet_box_crop}


def picture_similarities(fittings: FittingSet, model: MorphableModel, crop: Crop, size: tuple[int, int]) -> Similarity:
    """How each of N photos moves into its picture of `size` (H, W).

    Rules about landmarks take the 68 of the fitted head, which every fitting has; rules about boxes those of the
    fittings. Their square, `crop.grow` times as large about its middle, becomes the largest centred square of the
    picture, as `crop.roi` says.
    Raises AssetError when the rule is `none` and a photo has another size, or asks for a box that a fitting lacks.
    """
    height, width = size
    photos = fittings.sizes.astype(np.float64)
    if crop.rule == "none":
        wrong = np.flatnonzero((fittings.sizes != size).any(axis=1))
        if len(wrong):
            row = int(wrong[0])
            raise AssetError(
                f"{fittings.photos[row]}: the photo has {fittings.sizes[row, 1]} x {fittings.sizes[row, 0]} pixels and "
                f"the picture {width} x {height} (and {len(wrong) - 1} more); choose another crop rule, "
                "such as fit or landmark_box"
            )
        return crop_similarity(np.tile([0.0, 0.0, 1.0], (len(fittings), 1)), 1)
    if crop.rule == "fit":
        scale = np.maximum(width / photos[:, 1], height / photos[:, 0]) / crop.grow
        return Similarity(scale, np.zeros(len(scale)), _centring(photos[:, ::-1] / 2, scale, size))
    side = min(size)
    moved = _square_similarity(_grown(_squares(fittings, model, crop.rule), crop.grow), crop.roi, side)
    return replace(moved, shift=moved.shift + (np.array([width, height]) - side) / 2)


def _squares(fittings: FittingSet, model: MorphableModel, rule: str) -> Array:
    """(N, 3) crops by a rule about landmarks or boxes."""
    if rule in _OF_LANDMARKS:
        return _OF_LANDMARKS[rule](fitted_landmarks(fittings, model))
    without = np.flatnonzero(np.isnan(fittings.boxes).any(axis=1))
    if len(without):
        raise AssetError(
            f"{fittings.names[int(without[0])]}: no box of a detector (nor have {len(without) - 1} other fittings), "
            f"which crop rule {rule} asks for; give every face its `box` in the fitting file, or choose landmark_box"
        )
    return _OF_BOXES[rule](fittings.boxes)


def _grown(squares: Array, factor: float) -> Array:
    """The squares (N, 3) `factor` times as large about their middle."""
    side = squares[:, 2:]
    return np.concatenate([squares[:, :2] + (1.0 - factor) * side / 2.0, factor * side], axis=1)


def _square_similarity(squares: Array, roi: str, side: int) -> Similarity:
    """How photos move into pictures (side, side) of these squares (N, 3)."""
    if roi == "public":
        return public_similarity(squares, side)
    if roi == "rounded":
        squares = rounded_crop(squares)
    elif roi == "aflw":
        squares = aflw_crop(squares)
    return crop_similarity(squares, side)


def fitted_landmarks(fittings: FittingSet, model: MorphableModel) -> Array:
    """(N, 68, 2) px of the photos: the model's landmarks as the fittings project them."""
    points, triangles = model.template.landmarks["ibug68"], model.template.triangles
    mean = evaluate_points(points, triangles, model.mean)
    basis = evaluate_points(points, triangles, np.concatenate([model.identity_basis, model.expression_basis]))
    found = []
    for first in range(0, len(fittings), _FACES_AT_ONCE):
        rows = np.arange(first, min(first + _FACES_AT_ONCE, len(fittings)))
        coefficients = np.concatenate([fittings.identity[rows], fittings.expression[rows]], axis=1)
        heads = mean + (coefficients @ basis.reshape(len(basis), -1)).reshape(len(rows), *mean.shape)
        cameras = fitting_cameras(fittings, rows)
        world = torch.from_numpy(heads.astype(np.float32))
        found.append(project(cameras, to_camera_space(cameras, world))[..., :2].numpy())
    return np.concatenate(found).astype(np.float64)


def _centring(centre: Array, scale: Array, size: tuple[int, int]) -> Array:
    """The shifts (N, 2) that bring photo points (N, 2) to the middle of the picture."""
    shift: Array = np.array([size[1], size[0]]) / 2 - scale[:, None] * centre
    return shift
