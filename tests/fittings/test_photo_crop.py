"""The crop rules of a recipe, on faces whose landmarks and boxes are known numbers."""

from dataclasses import replace

import numpy as np
import pytest

from synthgen.core.errors import AssetError
from synthgen.fittings import photo_crop
from synthgen.fittings.fitting import FittingSet
from synthgen.fittings.photo_crop import picture_similarities
from synthgen.geometry.similarity import move_points
from synthgen.recipe.photo_sections import Crop
from tests.fittings.tddfa_fixtures import small_model
from tests.fittings.test_fitting_file import fitting_set

MODEL = small_model(5, 3)
# Of three photos of 100 x 120 pixels.
BOXES = np.array([[20.0, 30.0, 60.0, 90.0], [10.0, 10.0, 50.0, 50.0], [0.5, 0.5, 80.5, 81.5]])


@pytest.fixture
def faces(monkeypatch: pytest.MonkeyPatch) -> FittingSet:
    """Faces with boxes, whose landmarks fill a box of 60 x 40 px about (61.3, 50.2)."""
    corners = np.array([[31.3, 50.2], [91.3, 50.2], [61.3, 30.2], [61.3, 70.2]])
    points = np.concatenate([corners, np.tile(corners[:1], (64, 1))])
    monkeypatch.setattr(photo_crop, "fitted_landmarks", lambda *_arguments: np.tile(points, (3, 1, 1)))
    return replace(fitting_set(), boxes=BOXES)


def shown(faces: FittingSet, size: tuple[int, int], **crop: object) -> np.ndarray:
    """(3, 4) left, top, right, bottom px of the photos that fill the largest centred square of the pictures."""
    side, (height, width) = min(size), size
    corner = np.array([(width - side) / 2, (height - side) / 2])
    moved = picture_similarities(faces, MODEL, Crop(**crop), size)
    back = np.linalg.inv([[*row, [0, 0, 1]] for row in moved.matrix.tolist()])
    ends = [back @ [*(corner + offset), 1.0] for offset in (0, side)]
    return np.concatenate([end[:, :2] for end in ends], axis=1)


@pytest.mark.parametrize("size", [(120, 120), (64, 96)])
@pytest.mark.parametrize(
    ("rule", "square"),
    [
        ("landmark_box", (61.3, 50.2, np.sqrt(2) * 60)),
        ("prnet_landmarks", (61.3, 50.2, 80)),
        ("prnet_training", (61.3, 50.2, 75)),
        ("detector_box", (40.0, 60 + 0.14 * 50, 79)),
        ("prnet_box", (40.0, 60 + 0.14 * 50, 79)),
    ],
)
def test_a_rule_takes_its_square(
    faces: FittingSet, rule: str, square: tuple[float, float, float], size: tuple[int, int]
) -> None:
    x, y, side = square
    for grow in (1.0, 1.5):
        half = grow * side / 2
        np.testing.assert_allclose(
            shown(faces, size, rule=rule, grow=grow)[0], [x - half, y - half, x + half, y + half], atol=1e-9
        )


def test_boxes_are_those_of_the_fittings(faces: FittingSet) -> None:
    found = shown(faces, (120, 120), rule="detector_box")
    side = np.array([79, 63, 127])  # int(1.58 x 50, 40, 80.5)
    np.testing.assert_allclose(found[:, 2] - found[:, 0], side)
    np.testing.assert_allclose((found[:, 0] + found[:, 2]) / 2, [40, 30, 40.5])
    missing = replace(faces, boxes=np.where(np.arange(3)[:, None] == 1, np.nan, BOXES))
    for rule in ("detector_box", "prnet_box"):
        with pytest.raises(AssetError, match=rf"set/b#1: no box of a detector.*crop rule {rule}.*landmark_box"):
            shown(missing, (120, 120), rule=rule)
    shown(missing, (120, 120), rule="landmark_box")


def test_whole_pixels_as_public_code_cuts_them(faces: FittingSet) -> None:
    # prnet_landmarks: 21.3 .. 101.3 and 10.2 .. 90.2, so 0-based corners 20.8 .. 100.8 and 9.7 .. 89.7.
    rounded = shown(faces, (40, 40), rule="prnet_landmarks", roi="rounded")[0]
    np.testing.assert_allclose(rounded, [21, 10, 101, 90], atol=1e-9)
    # 1-based 21.8 .. 101.8 and 10.7 .. 90.7: pixels 22 .. 102 and 11 .. 91, 81 of them.
    aflw = shown(faces, (40, 40), rule="prnet_landmarks", roi="aflw")[0]
    np.testing.assert_allclose(aflw, [21, 10, 102, 91], atol=1e-9)
    public = picture_similarities(faces, MODEL, Crop(rule="prnet_landmarks", roi="public"), (40, 40))
    for c in (0, 7, 39):  # 0-based pixel c of the crop is 2 c + 21 of the photo
        photo = np.tile([[[2.0 * c + 21 + 0.5, 2.0 * c + 10 + 0.5]]], (3, 1, 1))
        np.testing.assert_allclose(move_points(public, photo)[0, 0], [c + 0.5, c + 0.5])
