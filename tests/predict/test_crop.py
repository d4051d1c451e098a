"""Which square a network sees: closed forms, 3DDFA's constants, and the way back."""

import numpy as np
import pytest

from synthgen.core.errors import UsageError
from synthgen.predict.crop import box_crop, cut, landmark_crop, whole_crop

SIZE = (64, 64)


def test_landmarks_take_their_share_of_the_crop() -> None:
    points = np.array([[10.0, 20.0], [110.0, 70.0], [np.nan, np.nan]])
    crop = landmark_crop(points, 0.5, SIZE)
    assert (crop.left, crop.top, crop.side) == (60 - 100, 45 - 100, 200.0)
    inside = crop.to_crop(points[:2])
    np.testing.assert_allclose(inside, [[16, 24], [48, 40]])
    np.testing.assert_allclose(crop.to_picture(inside), points[:2])


def test_a_detectors_box_is_cut_as_3ddfa_cuts_it() -> None:
    """Side 1.58 s, middle 0.14 s lower, where the landmarks' box is 1 / sqrt(2) of the crop (CONVENTIONS C1)."""
    crop = box_crop((100.0, 200.0, 180.0, 300.0), np.sqrt(0.5), SIZE)
    side = 90.0
    assert crop.side == pytest.approx(1.58 * side)
    assert crop.left + crop.side / 2 == pytest.approx(140.0)
    assert crop.top + crop.side / 2 == pytest.approx(250.0 + 0.14 * side)


def test_a_tight_box_is_that_of_its_corners() -> None:
    corners = np.array([[100.0, 200.0], [180.0, 300.0]])
    assert box_crop((100.0, 200.0, 180.0, 300.0), 0.6, SIZE, tight=True) == landmark_crop(corners, 0.6, SIZE)


def test_the_whole_picture_lies_in_the_middle() -> None:
    crop = whole_crop((100, 200), SIZE)
    assert (crop.left, crop.top, crop.side) == (0.0, -50.0, 200.0)


def test_crops_that_are_not_square_show_the_square_in_their_middle() -> None:
    crop = whole_crop((64, 64), (32, 64))
    np.testing.assert_allclose(crop.to_crop(np.array([[0.0, 0.0], [64.0, 64.0]])), [[16, 0], [48, 32]])


def test_places_are_where_the_pixels_come_from() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (90, 80, 3)).astype(np.uint8)
    crop = landmark_crop(np.array([[20.0, 30.0], [52.0, 62.0]]), 0.5, SIZE)  # 64 px: no resampling
    assert crop.scale == 1.0
    rows, columns = (crop.places[..., axis] - 0.5 for axis in (1, 0))
    np.testing.assert_array_equal(cut(picture, crop), picture[rows.astype(int), columns.astype(int)])


def test_a_face_of_no_size_is_refused() -> None:
    with pytest.raises(UsageError, match=r"a face of 2\.0 px"):
        landmark_crop(np.array([[5.0, 5.0], [6.0, 6.0]]), 0.5, SIZE)
    with pytest.raises(UsageError, match="without a known landmark"):
        landmark_crop(np.full((68, 2), np.nan), 0.5, SIZE)
