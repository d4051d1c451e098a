import numpy as np
import pytest

from synthgen.core.conventions import PARTS, REASONS
from synthgen.report import label_colours as colours


def test_every_class_has_a_colour_of_its_own() -> None:
    assert set(colours.PART_COLOURS) == set(PARTS) and set(colours.REASON_COLOURS) == set(REASONS)
    assert len(set(colours.PART_COLOURS.values())) == len(PARTS)
    assert len(set(colours.REASON_COLOURS.values())) == len(REASONS)


def test_classes_take_their_colour_and_unknown_ones_fail() -> None:
    parts = np.array([[0, 7]], np.uint8)
    painted = colours.colour_parts(parts)
    assert painted[0].tolist() == [list(colours.EMPTY), list(colours.PART_COLOURS["nose"])]
    with pytest.raises(IndexError):
        colours.colour_parts(np.array([[9]], np.uint8))


def test_normals_towards_the_viewer_are_blue_and_upwards_green() -> None:
    normals = np.array([[[0, 0, -1], [0, -1, 0], [1, 0, 0], [np.nan] * 3]], np.float32)
    assert colours.colour_normals(normals)[0].tolist() == [
        [128, 128, 255],
        [128, 255, 128],
        [255, 128, 128],
        list(colours.EMPTY),
    ]


def test_depth_scale_begins_at_the_nearest_point_and_is_the_same_for_every_picture() -> None:
    depth = np.array([[500.0, 575.0, 650.0, 900.0, np.nan]], np.float32)
    painted = colours.colour_depth(depth)[0]
    first, last = colours.DEPTH_STOPS[0].astype(int).tolist(), colours.DEPTH_STOPS[-1].astype(int).tolist()
    assert painted[0].tolist() == first
    assert painted[2].tolist() == painted[3].tolist() == last
    assert painted[4].tolist() == list(colours.EMPTY)
    moved = colours.colour_depth(depth + 40)[0]
    np.testing.assert_array_equal(moved, painted)
    assert (np.diff(colours.depth_colours(np.linspace(0, 1, 50)).sum(axis=1)) < 0).all()  # near is light


def test_depth_without_any_face_is_empty() -> None:
    assert (colours.colour_depth(np.full((3, 3), np.nan)) == colours.EMPTY[0]).all()


def test_uv_is_red_to_the_right_and_green_upwards() -> None:
    painted = colours.colour_uv(np.array([[[0.99, 0.01], [0.01, 0.99], [np.nan, np.nan]]]))[0].astype(int)
    assert painted[0, 0] > 200 and painted[0, 1] < 10
    assert painted[1, 1] > 200 and painted[1, 0] < 10
    assert painted[2].tolist() == list(colours.EMPTY)


def test_linear_layers_pass_the_srgb_curve() -> None:
    layer = np.array([[[0.0] * 3, [0.2158605] * 3, [1.0] * 3, [5.0] * 3]])
    assert colours.colour_linear(layer)[0, :, 0].tolist() == [0, 128, 255, 255]


def test_overlay_leaves_the_rest_gray() -> None:
    image = np.full((1, 2, 3), (200, 40, 40), np.uint8)
    over = colours.laid_over(image, np.full((1, 2, 3), (0, 255, 0), np.uint8), np.array([[True, False]]), opacity=1.0)
    assert over[0, 0].tolist() == [0, 255, 0]
    assert len(set(over[0, 1].tolist())) == 1


def test_warped_target_follows_the_flow() -> None:
    target = np.zeros((4, 6, 3), np.uint8)
    target[2, 4] = (200, 100, 50)
    target[2, 5] = (100, 200, 150)
    flow = np.full((4, 6, 2), np.nan)
    flow[1, 1] = (3.0, 1.0)  # to column 4, row 2
    flow[1, 2] = (2.5, 1.0)  # half way between columns 4 and 5
    where = np.isfinite(flow[..., 0])
    warped = colours.warped_back(target, flow, where)
    assert warped[1, 1].tolist() == [200, 100, 50]
    assert warped[1, 2].tolist() == [150, 150, 100]
    assert warped[0, 0].tolist() == list(colours.EMPTY)
