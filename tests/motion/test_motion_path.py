"""The steps of a clip stay in their ranges and compose as equation 8 of tddfa_v2 says."""

from dataclasses import replace

import numpy as np
import pytest

from synthgen.geometry.rotation import euler_from_rotation
from synthgen.motion.motion_path import (
    MotionPath,
    head_rotations,
    is_turned,
    motion_record,
    picture_motions,
    sample_motion,
    velocities,
)
from synthgen.recipe.photo_sections import Video

CLIPS = 400
# The supplement's ranges.
RANGES = {"scale": (0.95, 1.05), "rotation": (-3.0, 3.0), "x": (-5.0, 5.0), "yaw": (-5.0, 5.0), "pitch": (-5.0, 5.0)}


def path_of(scale: list[float], rotation_deg: list[float], translation: list[tuple[float, float]]) -> MotionPath:
    """A path with these steps, whose heads do not turn; no noise, no blur."""
    none = np.zeros(len(scale))
    return MotionPath(np.array(scale), np.radians(rotation_deg), np.array(translation), none, none, none, none)


def moving() -> MotionPath:
    random = np.random.default_rng(3)
    translation = np.concatenate([np.zeros((1, 2)), random.uniform(-5, 5, (7, 2))])
    rotation = [0.0, *random.uniform(-3, 3, 7).tolist()]
    return path_of([1.0, *random.uniform(0.95, 1.05, 7).tolist()], rotation, list(map(tuple, translation)))


def equation_8(path: MotionPath, j: int) -> np.ndarray:
    """(3, 3) homogeneous: scale [R | t], counter-clockwise as seen for positive angles, y down."""
    cos, sin = np.cos(path.rotation[j]), np.sin(path.rotation[j])
    rigid = np.array([[cos, sin, path.translation[j, 0]], [-sin, cos, path.translation[j, 1]]])
    return np.vstack([path.scale[j] * rigid, [0, 0, 1]])


def shifted(by: np.ndarray) -> np.ndarray:
    matrix = np.eye(3)
    matrix[:2, 2] = by
    return matrix


def test_motions_about_the_origin_are_the_product_of_equation_8() -> None:
    path, product = moving(), np.eye(3)
    matrices = picture_motions(path, None).matrix
    for j in range(len(path)):
        product = equation_8(path, j) @ product if j else product
        np.testing.assert_allclose(matrices[j], product[:2], atol=1e-12)


def test_motions_about_the_face_follow_it() -> None:
    path, product, centre = moving(), np.eye(3), np.array([63.0, 48.5])
    place = centre
    matrices = picture_motions(path, centre).matrix
    for j in range(1, len(path)):
        step = shifted(place) @ equation_8(path, j) @ shifted(-place)
        product = step @ product
        place = (step @ [*place, 1.0])[:2]
        np.testing.assert_allclose(matrices[j], product[:2], atol=1e-12)
    np.testing.assert_allclose(place, centre + (path.scale[1:, None] * path.translation[1:]).sum(axis=0))


def test_face_and_origin_differ_as_computed_by_hand() -> None:
    path, point = path_of([1, 2], [0, 0], [(0, 0), (3, 0)]), np.array([10.0, 10.0, 1.0])
    np.testing.assert_allclose(picture_motions(path, None).matrix[1] @ point, (26, 20))
    np.testing.assert_allclose(picture_motions(path, point[:2]).matrix[1] @ point, (16, 10))


def test_positive_rotation_is_counter_clockwise_as_seen() -> None:
    path = path_of([1, 1], [0, 90], [(0, 0), (0, 0)])
    # To the right of the centre becomes above it: y points down.
    np.testing.assert_allclose(picture_motions(path, np.zeros(2)).matrix[1] @ [1, 0, 1], (0, -1), atol=1e-12)


def steps_of(path: MotionPath) -> dict[str, np.ndarray]:
    return {
        "scale": path.scale[1:],
        "rotation": np.degrees(path.rotation[1:]),
        "x": path.translation[1:, 0],
        "y": path.translation[1:, 1],
        "yaw": np.degrees(path.yaw[1:]),
        "pitch": np.degrees(path.pitch[1:]),
    }


def test_smooth_steps_keep_their_range_and_change_by_a_fifth_at_most() -> None:
    changes = []
    for index in range(CLIPS):
        path = sample_motion(Video(), 7, index)
        assert len(path) == 8 and path.scale[0] == 1.0 and not path.translation[0].any()
        assert not any(steps[0] for steps in (path.rotation, path.yaw, path.pitch))
        for name, values in steps_of(path).items():
            low, high = RANGES["x" if name == "y" else name]
            assert (values >= low - 1e-9).all() and (values <= high + 1e-9).all()
            velocity = values - (name == "scale")
            assert (np.abs(np.diff(velocity)) <= 0.2 * np.abs(velocity[:-1]) + 1e-9).all()
            changes.append(np.abs(np.diff(velocity) / velocity[:-1]))
    assert 0.08 < np.mean(changes) < 0.11  # they do change: 0.1, less what the ranges cut off


def test_smooth_velocities_fill_the_ranges() -> None:
    first = np.array([[values[0] for values in steps_of(sample_motion(Video(), 1, i)).values()] for i in range(CLIPS)])
    low, high = np.array([RANGES["x" if name == "y" else name] for name in steps_of(sample_motion(Video(), 1, 0))]).T
    spread = (high - low) / np.sqrt(12)
    np.testing.assert_allclose(first.mean(axis=0), (low + high) / 2, atol=4 * spread.max() / np.sqrt(CLIPS))
    np.testing.assert_allclose(first.std(axis=0) / spread, 1.0, atol=0.12)


def test_iid_steps_have_the_moments_of_the_ranges_and_do_not_depend_on_each_other() -> None:
    clips = [steps_of(sample_motion(Video(motion="iid"), 2, index)) for index in range(CLIPS)]
    for name in clips[0]:
        low, high = RANGES["x" if name == "y" else name]
        values = np.array([clip[name] for clip in clips])
        assert values.min() >= low and values.max() <= high
        spread = (high - low) / np.sqrt(12)
        assert abs(values.mean() - (low + high) / 2) < 4 * spread / np.sqrt(values.size)
        assert abs(values.std() / spread - 1) < 0.05
        assert abs(np.corrcoef(values[:, :-1].ravel(), values[:, 1:].ravel())[0, 1]) < 4 / np.sqrt(values.size)


def test_iid_leaves_the_still_as_it_is() -> None:
    camera = {"noise": 3.0, "blur": 0.5}
    iid, smooth = (
        sample_motion(Video.model_validate({"motion": motion, **camera}), 2, 0) for motion in ("iid", "smooth")
    )
    assert iid.noise.tolist() == [0.0] + 7 * [3.0] and iid.blur.tolist() == [0.0] + 7 * [0.5]
    assert smooth.noise.tolist() == 8 * [3.0] and smooth.blur.tolist() == 8 * [0.5]


def test_a_path_depends_on_seed_and_index_alone() -> None:
    first, again = sample_motion(Video(), 5, 40), sample_motion(Video(), 5, 40)
    np.testing.assert_array_equal(first.scale, again.scale)
    assert not np.array_equal(first.scale, sample_motion(Video(), 5, 41).scale)
    assert not np.array_equal(first.scale, sample_motion(Video(), 6, 40).scale)


def test_turns_add_up_to_the_angles_of_the_head() -> None:
    """R = Rz(roll) Ry(yaw + all steps) Rx(pitch + all steps), written out."""
    path = replace(moving(), yaw=np.radians(np.arange(8.0)), pitch=np.radians([0, 1, -3, 2, 0, 0, 5, -1.0]))
    pitch, yaw, roll = 0.2, -0.4, 0.3

    def rotation(pitch: float, yaw: float) -> np.ndarray:
        c, s = np.cos, np.sin
        rx = np.array([[1, 0, 0], [0, c(pitch), -s(pitch)], [0, s(pitch), c(pitch)]])
        ry = np.array([[c(yaw), 0, s(yaw)], [0, 1, 0], [-s(yaw), 0, c(yaw)]])
        rz = np.array([[c(roll), -s(roll), 0], [s(roll), c(roll), 0], [0, 0, 1]])
        return rz @ ry @ rx

    found = head_rotations(path, rotation(pitch, yaw))
    for j in range(8):
        expected = rotation(pitch + path.pitch[: j + 1].sum(), yaw + path.yaw[: j + 1].sum())
        np.testing.assert_allclose(found[j], expected, atol=1e-12)
    np.testing.assert_allclose(euler_from_rotation(found)[:, 2], roll)


def test_heads_that_do_not_turn_keep_their_rotation_to_the_last_bit() -> None:
    path = replace(moving(), yaw=np.array([0, 0.1, -0.1, 0, 0, 0, 0, 0]))
    still = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    assert is_turned(path).tolist() == [False, True] + 6 * [False]
    for j in (0, 2, 7):
        np.testing.assert_array_equal(head_rotations(path, still)[j], still)


def test_velocity_of_a_shift_is_the_shift() -> None:
    motions = picture_motions(path_of([1, 1, 1], [0, 0, 0], [(0, 0), (4, -2), (2, 6)]), None)
    for j, expected in enumerate([(4, -2), (3, 2), (2, 6)]):
        np.testing.assert_allclose(velocities(motions)[j] @ [50, 60, 1], expected)


def test_velocity_of_a_zoom_by_hand() -> None:
    """x doubles each time: at x, the next is 2 x and the one before x / 2."""
    motions = picture_motions(path_of([1, 2, 2], [0, 0, 0], [(0, 0)] * 3), None)
    for j, share in enumerate((1.0, 0.75, 0.5)):
        np.testing.assert_allclose(velocities(motions)[j] @ [8, 20, 1], share * np.array([8, 20]), atol=1e-12)


def test_record_lists_every_step() -> None:
    record = motion_record(moving(), 6)
    assert {len(values) for values in record.values()} == {8}
    np.testing.assert_allclose(record["step_rotation_deg"], np.degrees(moving().rotation), atol=1e-6)


@pytest.mark.parametrize("frames", [2, 32])
def test_any_number_of_frames(frames: int) -> None:
    assert len(picture_motions(sample_motion(Video(frames=frames), 0, 0), np.ones(2)).scale) == frames
