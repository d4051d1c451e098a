"""Augmented samples against the plain ones moved by the motion's own formula, for both kinds of camera."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from synthgen.core.conventions import LANDMARK_OCCLUDED, LANDMARK_VISIBLE, MATCHABLE, OCCLUDED_HERE
from synthgen.fittings.augment import augmentation_similarity, draw_rectangles, sample_augmentation
from synthgen.geometry.similarity import move_points
from synthgen.recipe.photo_sections import Augment
from tests.fittings.ground_truth_fixtures import COUNT, HEIGHT, WIDTH, rendered, write_set

SCALE, DEGREES, SHIFT = 0.9, 17.0, 0.04
MOTION = {"scale": SCALE, "rotation_deg": DEGREES, "translation": SHIFT}
NAMES = (
    "image", "triangle_id", "depth", "uv", "landmarks_2d", "landmarks_3d", "landmarks_visibility", "parameters_62",
    "flow", "matchability", "occluder_mask", "invented_mask", "source_map",
)  # fmt: skip


def moved(points: np.ndarray) -> np.ndarray:
    """Points (..., 2) after the motion: scaled and turned counter-clockwise about the picture's centre, shifted."""
    angle = np.radians(DEGREES)
    centre = np.array([WIDTH / 2, HEIGHT / 2])
    # y points down: counter-clockwise takes the right hand (1, 0) up to (cos, -sin).
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return SCALE * (points - centre) @ turn.T + centre + SHIFT * np.array([WIDTH, HEIGHT])


def centres() -> np.ndarray:
    """(H, W, 2) pixel centres."""
    return np.stack(np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5), axis=-1)


def at(plane: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Bilinear values (P, C) of a plane (H, W, C) at points (P, 2) px; NaN next to NaN."""
    where = points[:, ::-1].T - 0.5
    return np.stack([map_coordinates(plane[..., c], where, order=1, cval=np.nan) for c in range(plane.shape[2])], -1)


@pytest.mark.parametrize("perspective", (False, True))
def test_labels_move_with_the_picture(perspective: bool, tmp_path: Path) -> None:
    write_set(tmp_path, perspective)
    plain, augmented = rendered(tmp_path, NAMES), rendered(tmp_path, NAMES, {"augment": MOTION})
    for before, after in zip((sample.arrays for sample in plain), (sample.arrays for sample in augmented)):
        np.testing.assert_allclose(after["landmarks_2d"], moved(before["landmarks_2d"]), atol=2e-3)
        np.testing.assert_allclose(after["landmarks_3d"][:, 2], before["landmarks_3d"][:, 2], atol=1e-3)
        # Every pixel of the plain picture is found again at its moved place.
        sources = centres()[3:-3:3, 3:-3:3].reshape(-1, 2)
        ends = moved(sources)
        inside = ((ends > 1) & (ends < (WIDTH - 1, HEIGHT - 1))).all(axis=1)
        for name, tolerance in (("depth", 0.6), ("uv", 0.004)):
            old = before[name].reshape(HEIGHT, WIDTH, -1)
            new = after[name].reshape(HEIGHT, WIDTH, -1)
            error = np.abs(at(new, ends[inside]) - at(old, sources[inside])).max(axis=-1)
            known = np.isfinite(error)
            assert known.sum() > 150
            # Steps in depth, at the nose, are no smooth surface.
            assert (error[known] < tolerance).mean() > 0.97, name
        image = at(after["image"].astype(float), ends[inside]) - at(before["image"].astype(float), sources[inside])
        assert np.nanmax(np.abs(image)) < 6
        map_error = at(after["source_map"].astype(float), ends[inside]) - sources[inside]
        assert np.nanmax(np.abs(map_error)) < 1e-3
        # The target does not move: the same point of the mean face is hit.
        hit = at(ends_of_flow(after), ends[inside]) - at(ends_of_flow(before), sources[inside])
        error = np.linalg.norm(hit, axis=-1)
        assert (error[np.isfinite(error)] < 0.4).mean() > 0.97


def ends_of_flow(arrays: dict[str, np.ndarray]) -> np.ndarray:
    return np.where((arrays["matchability"] == MATCHABLE)[..., None], centres() + arrays["flow"], np.nan)


def test_parameters_of_a_moved_photo(tmp_path: Path) -> None:
    write_set(tmp_path)
    plain, augmented = rendered(tmp_path, NAMES), rendered(tmp_path, NAMES, {"augment": MOTION})
    angle = np.radians(DEGREES)
    # Counter-clockwise in the picture is a right-handed turn about z in world axes, y up.
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    for before, after in zip(plain, augmented):
        old = before.arrays["parameters_62"][:12].reshape(3, 4)
        new = after.arrays["parameters_62"][:12].reshape(3, 4)
        np.testing.assert_allclose(new[:, :3], SCALE * turn @ old[:, :3], atol=1e-5)
        origin = moved(np.array([old[0, 3] - 0.5, HEIGHT + 0.5 - old[1, 3]]))
        np.testing.assert_allclose(new[:, 3], (origin[0] + 0.5, HEIGHT + 0.5 - origin[1], SCALE * old[2, 3]), atol=1e-3)
        np.testing.assert_array_equal(before.arrays["parameters_62"][12:], after.arrays["parameters_62"][12:])
        assert after.parameters["photo_scale"] == pytest.approx(SCALE)
        assert after.parameters["photo_rotation_deg"] == pytest.approx(DEGREES)


def test_rectangles_hide_pixels_and_no_labels(tmp_path: Path) -> None:
    write_set(tmp_path)
    section = {"augment": {"rectangles": 3, "rectangle_size": 0.3}}
    for before, after in zip(rendered(tmp_path, NAMES), rendered(tmp_path, NAMES, section)):
        old, new = before.arrays, after.arrays
        mask = new["occluder_mask"]
        assert 0.05 < mask.mean() < 0.3 and not old["occluder_mask"].any()
        np.testing.assert_array_equal(new["triangle_id"], old["triangle_id"])  # amodal
        np.testing.assert_array_equal(new["image"][~mask], old["image"][~mask])
        assert (new["image"][mask] != old["image"][mask]).any(axis=-1).mean() > 0.9
        expected = np.where(mask & (old["matchability"] == MATCHABLE), OCCLUDED_HERE, old["matchability"])
        np.testing.assert_array_equal(new["matchability"], expected)
        np.testing.assert_array_equal(new["flow"], old["flow"])
        column, row = np.floor(old["landmarks_2d"]).astype(int).T
        under = mask[row.clip(0, HEIGHT - 1), column.clip(0, WIDTH - 1)]
        visible = old["landmarks_visibility"] == LANDMARK_VISIBLE
        assert (new["landmarks_visibility"][visible & under] == LANDMARK_OCCLUDED).all()
        assert (new["landmarks_visibility"][visible & ~under] == LANDMARK_VISIBLE).all()
        assert np.isnan(new["source_map"][mask]).all()


def test_samples_differ_and_repeat() -> None:
    section = Augment.model_validate(
        {
            "scale": {"distribution": "uniform", "low": 0.8, "high": 1.2},
            "rotation_deg": {"distribution": "uniform", "low": -30, "high": 30},
            "rectangles": 2,
        }
    )
    draws = [sample_augmentation(section, 3, index, (90, 120)) for index in (0, 1, 0)]
    assert draws[0].scale == draws[2].scale and draws[0].angle == draws[2].angle
    assert draws[0].scale != draws[1].scale and draws[0].angle != draws[1].angle
    assert [rectangle.seed for rectangle in draws[0].rectangles] == [r.seed for r in draws[2].rectangles]
    assert all(0.8 <= draw.scale <= 1.2 and abs(np.degrees(draw.angle)) <= 30 for draw in draws)


def test_motion_is_about_the_middle_of_the_picture() -> None:
    section = Augment.model_validate(MOTION)
    motion = augmentation_similarity([sample_augmentation(section, 0, 0, (HEIGHT, WIDTH))] * 2, (HEIGHT, WIDTH))
    points = np.array([[WIDTH / 2, HEIGHT / 2], [10.0, 20.0], [0.0, 0.0]])
    np.testing.assert_allclose(move_points(motion, np.stack([points, points]))[1], moved(points), atol=1e-9)


def test_a_rectangle_covers_the_pixels_whose_centres_it_holds() -> None:
    section = Augment.model_validate({"rectangles": 1, "rectangle_size": 0.5})
    augmentation = sample_augmentation(section, 0, 5, (40, 60))
    image = np.zeros((40, 60, 3), np.uint8)
    mask = draw_rectangles(image, augmentation)
    box = augmentation.rectangles[0]
    np.testing.assert_allclose(box.size, (30.0, 20.0))
    y, x = np.indices((40, 60)) + 0.5
    expected = (np.abs(x - box.centre[0]) < 15) & (np.abs(y - box.centre[1]) < 10)
    assert (mask != expected).mean() < 0.01  # centres on an edge belong to one side
    assert image[~mask].max() == 0 and COUNT == 3
