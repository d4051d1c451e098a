import numpy as np
import pytest

from synthgen.recipe.sections import ActionsExpression, GaussianExpression
from synthgen.sampling.expression import movements, sample_expression

NAMES = (
    "jawOpen",
    "mouthClose",
    "mouthSmile_L",
    "mouthSmile_R",
    "eyeLookIn_L",
    "eyeLookIn_R",
    "eyeLookOut_L",
    "eyeLookOut_R",
)


class WeightModel:
    """What sampling reads of a model with weights in [0, 1]."""

    expression_names = NAMES
    expression_unit = "weight"
    expression_range = np.tile(np.array([[0.0, 1.0]], np.float32), (len(NAMES), 1))
    expression_pca_mean = np.full(len(NAMES), 0.3, np.float32)
    expression_pca = np.random.default_rng(0).normal(size=(10, len(NAMES))).astype(np.float32)


def draws(section, count=3000):
    random = np.random.default_rng(5)
    return np.array([sample_expression(section, WeightModel, random) for _ in range(count)])


def test_movements_join_sides_and_gaze():
    groups = {movement.name: {NAMES[column] for column in movement.columns} for movement in movements(NAMES)}
    assert groups == {
        "jawOpen": {"jawOpen"},
        "mouthSmile": {"mouthSmile_L", "mouthSmile_R"},
        "eyeLookIn": {"eyeLookIn_L", "eyeLookOut_R"},  # both eyes to the subject's right
        "eyeLookIn_R": {"eyeLookIn_R", "eyeLookOut_L"},
    }


def test_few_movements_at_a_time_left_and_right_alike():
    section = ActionsExpression.model_validate({"active": 2, "weight": 0.5, "asymmetry": 0.1})
    weights = draws(section)
    assert weights.min() >= 0 and weights.max() <= 1
    smile = weights[:, 2:4]
    on = smile[:, 0] > 0
    # 2 of 4 movements are active, so each is half of the time
    assert on.mean() == pytest.approx(0.5, abs=0.05)
    np.testing.assert_allclose(smile[on], np.tile([0.525, 0.475], (on.sum(), 1)))
    assert (smile[~on] == 0).all()


def test_mouth_close_never_exceeds_the_open_jaw():
    for section in (ActionsExpression(), GaussianExpression()):
        weights = draws(section)
        assert (weights[:, 1] <= weights[:, 0] + 1e-12).all()
    assert (draws(ActionsExpression.model_validate({"active": 4}))[:, 1] > 0).any()


def test_gaussian_components_are_what_was_asked_for_before_clipping():
    class Wide(WeightModel):
        expression_names = tuple(f"m{number}" for number in range(10))
        expression_range = np.tile(np.array([[-50.0, 50.0]], np.float32), (10, 1))
        expression_pca_mean = np.zeros(10, np.float32)
        expression_pca = np.random.default_rng(1).normal(size=(10, 10)).astype(np.float32)

    random = np.random.default_rng(2)
    section = GaussianExpression.model_validate({"coefficients": {"distribution": "normal", "stddev": 0.7}})
    weights = np.array([sample_expression(section, Wide, random) for _ in range(4000)])
    components = weights @ Wide.expression_pca.T
    inside = np.abs(weights).max(axis=1) < 50
    np.testing.assert_allclose(components[inside].std(axis=0), 0.7, rtol=0.06)
