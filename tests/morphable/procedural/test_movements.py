"""Each movement does what its name says, and nothing else moves much."""

import numpy as np
import pytest
from numpy.typing import NDArray

from synthgen.morphable.model import MorphableModel, evaluate_vertices
from synthgen.morphable.procedural.expression_pca import weight_moments
from synthgen.morphable.template import evaluate_points


def landmarks(model: MorphableModel, **weights: float) -> NDArray:
    """Landmarks (68, 3) of the mean head with some movements."""
    expression = np.array([[weights.get(name, 0.0) for name in model.expression_names]])
    vertices = evaluate_vertices(model, np.zeros((1, 40)), expression)[0]
    return evaluate_points(model.template.landmarks["ibug68"], model.template.triangles, vertices)


@pytest.mark.parametrize(
    ("movement", "landmark", "axis", "low", "high"),
    [
        ("jaw_drop", 66, 1, -45.0, -20.0), ("jaw_drop", 8, 1, -45.0, -20.0), ("jaw_drop", 62, 1, -1.0, 1.0),
        ("smile", 54, 1, 4.0, 10.0), ("smile", 54, 0, 3.0, 9.0), ("smile", 48, 0, -9.0, -3.0),
        ("frown", 54, 1, -8.0, -3.0), ("pucker", 54, 0, -10.0, -4.0), ("pucker", 62, 2, 2.0, 9.0),
        ("lips_part", 62, 1, 2.0, 6.0), ("lips_part", 66, 1, -7.0, -2.0), ("mouth_stretch", 54, 0, 4.0, 10.0),
        ("brows_up", 19, 1, 4.0, 10.0), ("brows_down", 21, 1, -7.0, -2.0), ("blink", 37, 1, -11.0, -5.0),
        ("squint", 41, 1, 1.0, 4.0),
    ],
)  # fmt: skip
def test_landmarks_move(head: MorphableModel, movement: str, landmark: int, axis: int, low: float, high: float) -> None:
    moved = landmarks(head, **{movement: 1.0})[landmark] - landmarks(head)[landmark]
    assert low < moved[axis] < high


def test_a_full_blink_closes_the_eye(head: MorphableModel) -> None:
    closed = landmarks(head, blink=1.0)
    opening = [np.linalg.norm(closed[a] - closed[b]) for a, b in ((37, 41), (38, 40), (43, 47), (44, 46))]
    apart = [
        np.linalg.norm(landmarks(head)[a] - landmarks(head)[b]) for a, b in ((37, 41), (38, 40), (43, 47), (44, 46))
    ]
    assert min(apart) > 6.0
    assert max(opening) < 1.6


def test_closed_lips_touch(head: MorphableModel) -> None:
    neutral = landmarks(head)
    assert np.linalg.norm(neutral[62] - neutral[66]) < 0.5


def test_the_mouth_opens_between_the_lips(head: MorphableModel) -> None:
    opened = landmarks(head, jaw_drop=1.0)
    assert 20.0 < opened[62, 1] - opened[66, 1] < 45.0


def test_the_cranium_does_not_move(head: MorphableModel) -> None:
    cranium = (head.mean[:, 1] > 95) | ((head.mean[:, 2] < -30) & (head.mean[:, 1] > -40))
    assert np.abs(head.expression_basis[:, cranium]).max() < 0.5


def test_weights_run_from_neutral_to_one(head: MorphableModel) -> None:
    assert head.expression_unit == "weight"
    np.testing.assert_array_equal(head.expression_range, np.tile([0.0, 1.0], (10, 1)))


def sampled_weights(count: int) -> NDArray:
    """Weights (count, 10): one to four movements at once, each uniform in [0, 1]."""
    rng = np.random.default_rng(11)
    weights = np.zeros((count, 10))
    for row in weights:
        active = rng.choice(10, rng.integers(1, 5), replace=False)
        row[active] = rng.uniform(size=len(active))
    return weights


def test_moments_match_sampled_weights() -> None:
    mean, covariance = weight_moments(10)
    weights = sampled_weights(40_000)
    np.testing.assert_allclose(weights.mean(axis=0), mean, atol=0.006)
    np.testing.assert_allclose(np.cov(weights.T), covariance, atol=0.004)


def test_ten_coordinates_have_unit_variance(head: MorphableModel) -> None:
    coordinates = (sampled_weights(40_000) - head.expression_pca_mean) @ head.expression_pca.T
    np.testing.assert_allclose(np.cov(coordinates.T), np.eye(10), atol=0.05)
    np.testing.assert_allclose(coordinates.mean(axis=0), 0.0, atol=0.03)
