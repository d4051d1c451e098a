"""Which part of each photo becomes the picture: the recipe's crop rule on the landmarks of the fitted heads."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.core.errors import AssetError
from synthgen.fittings.crop import crop_similarity, detector_box_crop, landmark_box_crop, prnet_landmark_crop
from synthgen.fittings.fitting import FittingSet, fitting_cameras
from synthgen.geometry.camera import project, to_camera_space
from synthgen.geometry.similarity import Similarity
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.template import evaluate_points
from synthgen.recipe.photo_sections import Crop

Array = NDArray[np.float64]

_FACES_AT_ONCE = 4096


def picture_similarities(fittings: FittingSet, model: MorphableModel, crop: Crop, size: tuple[int, int]) -> Similarity:
    """How each of N photos moves into its picture of `size` (H, W).

    Rules about landmarks take the 68 of the fitted head, which every fitting has, and map the middle of their square,
    `crop.grow` times as large, onto the largest centred square of the picture.
    Raises AssetError when the rule is `none` and a photo has another size.
    """
    height, width = size
    photos = fittings.sizes.astype(np.float64)
    if crop.rule == "none":
        wrong = np.flatnonzero((fittings.sizes != size).any(axis=1))
        if len(wrong):
            row = int(wrong[0])
            raise AssetError(
                f"{fittings.photos[row]}: the photo has {fittings.sizes[row, 1]} x {fittings.sizes[row, 0]} pixels and "
                f"the picture {width} x {height} (and {len(wrong) - 1} more); choose a crop rule: fit, landmark_box, "
                "prnet_landmarks, detector_box"
            )
        return crop_similarity(np.tile([0.0, 0.0, 1.0], (len(fittings), 1)), 1)
    if crop.rule == "fit":
        scale = np.maximum(width / photos[:, 1], height / photos[:, 0]) / crop.grow
        return Similarity(scale, np.zeros(len(scale)), _centring(photos[:, ::-1] / 2, scale, size))
    points = fitted_landmarks(fittings, model)
    if crop.rule == "landmark_box":
        squares = landmark_box_crop(points)
    elif crop.rule == "prnet_landmarks":
        squares = prnet_landmark_crop(points)
    else:
        squares = detector_box_crop(np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1))
    side = min(size)
    square = crop_similarity(squares, side)
    centre = squares[:, :2] + squares[:, 2:] / 2
    return replace(square, scale=square.scale / crop.grow, shift=_centring(centre, square.scale / crop.grow, size))


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
