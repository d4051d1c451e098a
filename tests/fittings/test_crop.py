from fractions import Fraction

import numpy as np
import pytest

from synthgen.asset_io.photos import warp_photo
from synthgen.core.errors import AssetError
from synthgen.fittings.crop import (
    aflw_clamped_roi,
    aflw_crop,
    crop_similarity,
    detector_box_crop,
    landmark_box_crop,
    prnet_box_crop,
    prnet_landmark_crop,
    prnet_training_crop,
    public_crop_matrix,
    public_roi,
    public_similarity,
    rounded_crop,
)
from synthgen.geometry.similarity import move_points

# A face of 100 x 60 px from (200, 150) to (300, 210), and a point that is missing.
POINTS = np.array([[[200.0, 180.0], [300.0, 170.0], [250.0, 150.0], [260.0, 210.0], [np.nan, 10.0]]])
BOX = np.array([[100.0, 50.0, 180.0, 170.0]])  # 80 x 120, mean side 100


def test_landmark_box() -> None:
    side = np.sqrt(2.0) * 100.0  # the known answer: sqrt(2) max(w, h)
    np.testing.assert_allclose(landmark_box_crop(POINTS), [[250 - side / 2, 180 - side / 2, side]])


def test_detector_box() -> None:
    # Centre (140, 110), 14 px lower: (140, 124); side int(158.0).
    np.testing.assert_allclose(detector_box_crop(BOX), [[140 - 79, 124 - 79, 158]])
    np.testing.assert_array_equal(prnet_box_crop(BOX), detector_box_crop(BOX))
    # int() cuts: 1.58 * 101 = 159.58.
    assert detector_box_crop(BOX + [[0, 0, 1, 1]])[0, 2] == 159


def test_prnet_landmarks() -> None:
    np.testing.assert_allclose(prnet_landmark_crop(POINTS), [[250 - 64, 180 - 64, 128]])  # int(1.6 * 80)
    np.testing.assert_allclose(prnet_training_crop(POINTS), [[250 - 60, 180 - 60, 120]])  # int(1.5 * 80)
    assert prnet_training_crop(POINTS * [1, 1.02])[0, 2] == 120  # 1.5 * 80.6 = 120.9


def test_a_face_without_points_is_refused() -> None:
    with pytest.raises(AssetError, match="face 1 has no landmark"):
        landmark_box_crop(np.concatenate([POINTS, np.full_like(POINTS, np.nan)]))


@pytest.mark.parametrize("rule", [landmark_box_crop, prnet_landmark_crop])
def test_crops_move_with_the_points(rule: object) -> None:
    np.testing.assert_allclose(rule(POINTS + [7.5, -3.25]), rule(POINTS) + [7.5, -3.25, 0])  # type: ignore[operator]


def test_exact_mapping_is_what_resizing_shows() -> None:
    # A ramp cropped and halved: the output's pixel centres must show the ramp where the similarity says.
    ramp = np.tile(np.arange(200, dtype=np.uint8)[:, None], (100, 1, 3))
    similarity = crop_similarity(np.array([[40.0, 20.0, 60.0]]), 30)
    small = warp_photo(ramp, similarity.matrix[0], (30, 30))
    for column in (3, 17, 26):
        value = float(small[15, column, 0])  # a pixel's value is its 0-based column, its centre 0.5 further
        moved = move_points(similarity, np.array([[[value + 0.5, 50.0]]]))[0, 0]
        assert moved[0] == pytest.approx(column + 0.5, abs=0.3)
    np.testing.assert_allclose(move_points(similarity, np.array([[[40.0, 80.0]]])), [[[0.0, 30.0]]])


def test_public_mapping_is_c_s_plus_sx() -> None:
    crops = np.array([[40.5, 20.5, 300.0]])
    roi = public_roi(crops)
    assert roi.tolist() == [[40, 20, 340, 320]]
    matrix = public_crop_matrix(roi, 120)[0]
    scale = Fraction(300, 120)
    for c in (0, 60, 119):
        photo = np.array([float(c * scale + 40), float(c * scale + 20)])  # 0-based, as public code writes it
        np.testing.assert_allclose(matrix @ [*(photo + 0.5), 1.0], [c + 0.5, c + 0.5])


def test_public_mapping_is_off_by_the_half_pixel_of_the_resize() -> None:
    roi = np.array([[40, 20, 340, 320]])
    exact = crop_similarity(np.array([[40.0, 20.0, 300.0]]), 120).matrix[0]  # pixels 40 .. 339 fill 40.0 .. 340.0
    public = public_crop_matrix(roi, 120)[0]
    np.testing.assert_allclose(public[:, :2], exact[:, :2])
    np.testing.assert_allclose(public[:, 2] - exact[:, 2], 0.5 * (1 - 120 / 300))


def test_squares_in_whole_pixels() -> None:
    # 0-based corners 40.2, 20.7 and 140.6, 121.1: pixels 40 .. 140 and 21 .. 120, a side of 101 and one of 100.
    crop = np.array([[40.7, 21.2, 100.4]])
    assert public_roi(crop).tolist() == [[40, 21, 141, 121]]
    np.testing.assert_allclose(rounded_crop(crop), [[40, 21, 100.5]])
    even = np.array([[40.5, 20.5, 300.0]])  # corners 40 and 340: nothing to round
    np.testing.assert_allclose(rounded_crop(even), [[40, 20, 300]])
    np.testing.assert_allclose(public_similarity(even, 120).matrix, public_crop_matrix(public_roi(even), 120))
    # MATLAB's pixels 101 .. 301 and 121 .. 321 are 201 of them, from 100.0 to 301.0 here.
    np.testing.assert_allclose(aflw_crop(np.array([[100.0, 120.0, 200.0]])), [[100, 120, 201]])


def test_the_benchmark_lists_clamped_boxes() -> None:
    crops = np.array([[100.0, 120.0, 200.0], [-30.5, 399.5, 120.0]])
    listed, shown = aflw_clamped_roi(crops, (450, 450))
    # 1-based: 100.5 .. 300.5 rounds away from zero; -30 .. 90 and 400 .. 520 are clamped to 1 .. 450.
    assert listed.tolist() == [[101, 121, 301, 321], [1, 400, 90, 450]]
    assert shown.tolist() == [[101, 121, 301, 321], [-30, 400, 90, 520]]
    assert (listed[1, 2] - listed[1, 0]) != (listed[1, 3] - listed[1, 1])
