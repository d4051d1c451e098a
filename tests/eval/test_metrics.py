import math

import numpy as np
import pytest

from eval.metrics import (
    EYES,
    areas,
    box_size,
    cumulative_curve,
    eye_distance,
    failures,
    jitter,
    kept_without_worst,
    mean_error,
    offset_error,
    points_box,
    rms_error,
    rotation_distance,
    yaw_bins,
)

RANDOM = np.random.default_rng(5)


def scattered(count: int = 7, points: int = 9, axes: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth = RANDOM.uniform(0, 100, (count, points, axes))
    return truth + RANDOM.normal(0, 3, truth.shape), truth, RANDOM.random((count, points)) < 0.7


def test_mean_error_by_hand() -> None:
    """Distances 5 and 1 over a normaliser of 20: 0.15; RMS sqrt((25 + 1) / 2) / 20."""
    truth = np.array([[[0.0, 0.0], [10.0, 0.0]]])
    predicted = np.array([[[3.0, 4.0], [10.0, 1.0]]])
    assert mean_error(predicted, truth, np.array([20.0])) == pytest.approx([0.15])
    assert rms_error(predicted, truth, np.array([20.0])) == pytest.approx([math.sqrt(13.0) / 20.0])
    used = np.array([[True, False]])
    assert mean_error(predicted, truth, np.array([20.0]), used) == pytest.approx([0.25])
    assert np.isnan(mean_error(predicted, truth, np.array([20.0]), np.zeros((1, 2), bool))).all()


@pytest.mark.parametrize("axes", [2, 3])
def test_errors_agree_with_loops(axes: int) -> None:
    predicted, truth, used = scattered(axes=axes)
    size = RANDOM.uniform(10, 20, len(truth))
    for row in range(len(truth)):
        lengths = [math.dist(predicted[row, k], truth[row, k]) for k in range(truth.shape[1]) if used[row, k]]
        mean = sum(lengths) / len(lengths) / size[row]
        rms = math.sqrt(sum(x * x for x in lengths) / len(lengths)) / size[row]
        assert mean_error(predicted, truth, size, used)[row] == pytest.approx(mean)
        assert rms_error(predicted, truth, size, used)[row] == pytest.approx(rms)
    assert (rms_error(predicted, truth, size) >= mean_error(predicted, truth, size)).all()


def test_box_sizes_by_hand() -> None:
    points = np.array([[[2.0, 1.0], [5.0, 13.0], [4.0, 4.0]]])
    boxes = points_box(points)
    assert boxes.tolist() == [[2.0, 1.0, 5.0, 13.0]]
    sizes = {kind: float(box_size(boxes, kind)[0]) for kind in ("area", "diagonal", "mean_edge", "longest_edge")}
    assert sizes == pytest.approx({"area": 6.0, "diagonal": math.sqrt(153), "mean_edge": 7.5, "longest_edge": 12.0})
    assert points_box(points, np.array([[True, False, True]])).tolist() == [[2.0, 1.0, 4.0, 4.0]]


def test_eye_distances_by_hand() -> None:
    points = np.zeros((1, 68, 2))
    points[0, 36:42, 0], points[0, 42:48, 0] = [0, 2, 4, 6, 4, 2], [14, 16, 18, 20, 18, 16]
    assert eye_distance(points, "ibug68", "inter-ocular") == pytest.approx([20.0])
    points[0, 45, 0] = 30.0
    assert eye_distance(points, "ibug68", "inter-ocular") == pytest.approx([30.0])
    assert eye_distance(points, "ibug68", "inter-pupil") == pytest.approx([(14 + 16 + 18 + 30 + 18 + 16) / 6 - 3.0])
    assert EYES["wflw98"]["inter-ocular"] == ((60,), (72,))


def test_invariance_to_translation_and_scale() -> None:
    predicted, truth, used = scattered()
    before = mean_error(predicted, truth, box_size(points_box(truth)), used)
    moved = [array * 3.5 + np.array([40.0, -7.0]) for array in (predicted, truth)]
    np.testing.assert_allclose(mean_error(*moved, box_size(points_box(moved[1])), used), before, rtol=1e-12)


def test_invariance_to_the_order_of_points_and_faces() -> None:
    predicted, truth, used = scattered()
    size = box_size(points_box(truth))
    faces, points = RANDOM.permutation(len(truth)), RANDOM.permutation(truth.shape[1])
    turned = [array[faces][:, points] for array in (predicted, truth, used)]
    np.testing.assert_allclose(
        mean_error(turned[0], turned[1], size[faces], turned[2]), mean_error(predicted, truth, size, used)[faces]
    )


def test_area_and_failures_by_hand() -> None:
    """Errors 0, 4 and 12 % to 8 %: areas 1, 0.5 and 0; one of three above."""
    errors = np.array([0.0, 0.04, 0.12])
    assert areas(errors, 0.08).mean() == pytest.approx(0.5)
    assert failures(errors, 0.08).mean() == pytest.approx(1 / 3)
    assert failures(np.array([0.08]), 0.08).tolist() == [0.0]
    assert cumulative_curve(errors, np.array([0.0, 0.04, 0.05, 1.0])).tolist() == pytest.approx(
        [1 / 3, 2 / 3, 2 / 3, 1]
    )


def test_area_is_the_integral_of_the_curve() -> None:
    errors = RANDOM.gamma(2.0, 0.02, 400)
    thresholds = np.linspace(0, 0.08, 80_001)
    grid = np.trapezoid(cumulative_curve(errors, thresholds), thresholds) / 0.08
    assert areas(errors, 0.08).mean() == pytest.approx(grid, abs=1e-5)


def test_area_grows_with_the_limit_and_falls_with_errors() -> None:
    errors = RANDOM.gamma(2.0, 0.02, 400)
    found = [areas(errors, limit).mean() for limit in (0.02, 0.05, 0.08, 0.1, 1.0)]
    assert found == sorted(found) and found[0] < found[-1] < 1.0
    assert areas(errors + 0.01, 0.08).mean() < areas(errors, 0.08).mean()
    assert areas(np.array([np.inf, np.nan, 0.0]), 0.08).tolist() == [0.0, 0.0, 1.0]
    curve = cumulative_curve(errors, np.linspace(0, 0.3, 50))
    assert (np.diff(curve) >= 0).all()


def test_yaw_bins_take_their_upper_edge() -> None:
    """CONVENTIONS.md C3: |yaw| <= 30; 30 < |yaw| <= 60; above, without an end."""
    assert yaw_bins(np.array([0.0, -30.0, 30.01, -60.0, 60.01, -351.2])).tolist() == [0, 0, 1, 1, 2, 2]


def test_worst_are_left_out() -> None:
    assert kept_without_worst(np.array([3.0, 9.0, 1.0, 8.0]), 2).tolist() == [True, False, True, False]
    assert kept_without_worst(np.array([3.0, 9.0]), 0).all()


def test_rotation_distance_by_hand() -> None:
    for angle in (1e-6, 0.3, 2.0, math.pi):
        turned = np.array([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]])
        assert rotation_distance(np.eye(3), turned) == pytest.approx(angle, rel=1e-6)


def test_offset_error_by_hand() -> None:
    """Truth moves by (1, 0), the prediction by (1, 2): 2 over 10. A constant error is perfectly stable."""
    truth = np.array([[[0.0, 0.0]], [[1.0, 0.0]]])
    assert offset_error(np.array([[[5.0, 5.0]], [[6.0, 7.0]]]), truth, np.array([99.0, 10.0])) == pytest.approx([0.2])
    assert offset_error(truth + 30.0, truth, np.array([10.0, 10.0])) == pytest.approx([0.0])


def test_jitter_by_hand() -> None:
    """0, 2, 0: the middle is 2 away from the mean of its neighbours; steady movement has none."""
    points = np.array([[[0.0, 0.0]], [[2.0, 0.0]], [[0.0, 0.0]]])
    assert jitter(points, np.array([1.0, 10.0, 1.0])) == pytest.approx([0.2])
    steady = np.arange(5.0)[:, None, None] * np.array([3.0, -1.0])
    assert jitter(steady, np.full(5, 10.0)) == pytest.approx([0.0] * 3)
