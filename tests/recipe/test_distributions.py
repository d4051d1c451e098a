"""Drawn numbers against closed forms and scipy.stats, which the package itself does not use."""

import pickle
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy import stats

from synthgen.core.seeds import Stream, rng
from synthgen.recipe.distributions import Distribution, Mixture

COUNT = 40_000
# Seeds are fixed, so this is no error rate: a right sampler passes for good, a wrong one gives p-values of zero.
SMALLEST_P = 1e-3

ADAPTER: TypeAdapter[Any] = TypeAdapter(Distribution)

MIXTURE = {
    "distribution": "mixture",
    "components": [
        {"weight": 6, "distribution": "normal", "mean": -20.0, "stddev": 2.0},
        {"weight": 2, "distribution": "uniform", "low": 5.0, "high": 15.0},
        {"weight": 2, "distribution": "truncated_normal", "mean": 40.0, "stddev": 3.0, "low": 38.0, "high": 45.0},
    ],
}


def draw(raw: Any, count: int = COUNT, seed: int = 7) -> np.ndarray:
    return ADAPTER.validate_python(raw).sample(np.random.default_rng(seed), count)


def truncated(mean: float, stddev: float, low: float, high: float) -> Any:
    return stats.truncnorm((low - mean) / stddev, (high - mean) / stddev, mean, stddev)


CONTINUOUS = [
    ({"distribution": "uniform", "low": -3.0, "high": 5.0}, stats.uniform(-3, 8)),
    ({"distribution": "normal", "mean": 2.0, "stddev": 30.0}, stats.norm(2, 30)),
    ({"distribution": "normal", "stddev": 0.5}, stats.norm(0, 0.5)),
    ({"distribution": "truncated_normal", "stddev": 1.0, "low": -1.0, "high": 2.0}, truncated(0, 1, -1, 2)),
    ({"distribution": "truncated_normal", "mean": 1, "stddev": 2, "low": 7, "high": 60}, truncated(1, 2, 7, 60)),
    ({"distribution": "truncated_normal", "mean": 9, "stddev": 2, "low": -9, "high": 1}, truncated(9, 2, -9, 1)),
    ({"distribution": "truncated_normal", "stddev": 1, "low": 29, "high": 31}, truncated(0, 1, 29, 31)),
    ({"distribution": "truncated_normal", "stddev": 1, "low": -1e9, "high": 1e9}, stats.norm()),
]


@pytest.mark.parametrize(("raw", "reference"), CONTINUOUS)
def test_continuous_distribution_matches_scipy(raw: dict[str, Any], reference: Any) -> None:
    assert stats.kstest(draw(raw), reference.cdf).pvalue > SMALLEST_P


@pytest.mark.parametrize(("raw", "reference"), CONTINUOUS[:6])
def test_moments_match_closed_forms(raw: dict[str, Any], reference: Any) -> None:
    values = draw(raw)
    mean, variance = reference.stats("mv")
    assert abs(values.mean() - mean) < 5 * np.sqrt(variance / COUNT)
    assert values.var() == pytest.approx(variance, rel=0.04)


def test_the_comparison_would_see_a_variance_taken_for_a_standard_deviation() -> None:
    values = draw({"distribution": "normal", "stddev": 30.0})
    assert stats.kstest(values, stats.norm(0, np.sqrt(30.0)).cdf).pvalue < 1e-12


def test_constant_is_the_number_itself() -> None:
    assert draw(3, 4).tolist() == [3.0] * 4
    assert draw({"distribution": "constant", "value": -0.25}, 3).tolist() == [-0.25] * 3
    assert draw(3, 4).dtype == np.float64


@pytest.mark.parametrize(
    ("weights", "shares"), [(None, (0.25, 0.25, 0.25, 0.25)), ((6, 2, 1, 1), (0.6, 0.2, 0.1, 0.1))]
)
def test_choice_has_its_weights(weights: tuple[float, ...] | None, shares: tuple[float, ...]) -> None:
    raw: dict[str, Any] = {"distribution": "choice", "values": [4, -1, 0.5, 9]}
    if weights:
        raw["weights"] = weights
    values = draw(raw)
    counts = [int(np.sum(values == value)) for value in (4, -1, 0.5, 9)]
    assert sum(counts) == COUNT
    assert stats.chisquare(counts, np.array(shares) * COUNT).pvalue > SMALLEST_P


def test_mixture_has_its_true_weights() -> None:
    values = draw(MIXTURE)
    counts = [int(np.sum(values < 0)), int(np.sum((values >= 5) & (values <= 15))), int(np.sum(values >= 38))]
    assert sum(counts) == COUNT
    assert stats.chisquare(counts, np.array([0.6, 0.2, 0.2]) * COUNT).pvalue > SMALLEST_P
    # The weights that come out when every comparison draws anew (0.6, 0.32, 0.08) must not pass.
    assert stats.chisquare(counts, np.array([0.6, 0.32, 0.08]) * COUNT).pvalue < 1e-12


def test_mixture_components_keep_their_shape() -> None:
    values = draw(MIXTURE)
    assert stats.kstest(values[values < 0], stats.norm(-20, 2).cdf).pvalue > SMALLEST_P
    assert stats.kstest(values[(values > 0) & (values < 20)], stats.uniform(5, 10).cdf).pvalue > SMALLEST_P
    assert stats.kstest(values[values > 30], truncated(40, 3, 38, 45).cdf).pvalue > SMALLEST_P


def test_mixture_picks_per_element_not_per_call() -> None:
    values = draw(MIXTURE, 50)
    assert np.any(values < 0) and np.any(values > 0)


@pytest.mark.parametrize("raw", [3, MIXTURE, *(raw for raw, _ in CONTINUOUS)])
def test_draws_stay_within_bounds(raw: Any) -> None:
    low, high = ADAPTER.validate_python(raw).bounds()
    values = draw(raw)
    assert np.all(np.isfinite(values))
    assert values.min() >= low and values.max() <= high


def test_bounds_of_each_kind() -> None:
    def bounds(raw: Any) -> tuple[float, float]:
        return ADAPTER.validate_python(raw).bounds()

    assert bounds(2) == (2, 2)
    assert bounds({"distribution": "uniform", "low": 1, "high": 4}) == (1, 4)
    assert bounds({"distribution": "normal", "mean": 1, "stddev": 2}) == (-np.inf, np.inf)
    assert bounds({"distribution": "normal", "mean": 1, "stddev": 0}) == (1, 1)
    assert bounds({"distribution": "choice", "values": [3, -1]}) == (-1, 3)
    assert bounds({**MIXTURE, "components": MIXTURE["components"][1:]}) == (5, 45)


def test_equal_seeds_give_equal_numbers() -> None:
    assert np.array_equal(draw(MIXTURE, 100, 1), draw(MIXTURE, 100, 1))
    assert not np.array_equal(draw(MIXTURE, 100, 1), draw(MIXTURE, 100, 2))


def test_an_interrupted_sequence_of_draws_is_the_same_sequence() -> None:
    distribution = ADAPTER.validate_python({"distribution": "truncated_normal", "stddev": 1, "low": -1, "high": 1})
    whole = distribution.sample(rng(0, 5, Stream.POSE), 10)
    generator = rng(0, 5, Stream.POSE)
    parts = np.concatenate([distribution.sample(generator, 3), distribution.sample(generator, 7)])
    assert np.array_equal(whole, parts)


CHOICE = {"distribution": "choice", "values": [4, -1, 0.5, 9], "weights": [6, 2, 1, 1]}


@pytest.mark.parametrize("raw", [3, CHOICE, {**CHOICE, "weights": None}, MIXTURE, *(raw for raw, _ in CONTINUOUS)])
def test_one_number_is_the_first_of_an_array_and_advances_the_generator_as_far(raw: Any) -> None:
    distribution = ADAPTER.validate_python(raw)
    one, array = np.random.default_rng(11), np.random.default_rng(11)
    for _ in range(200):
        number = distribution.draw(one)
        assert type(number) is float
        assert number == distribution.sample(array, 1)[0]
        assert one.bit_generator.state == array.bit_generator.state


def test_streams_samples_views_and_faces_are_independent() -> None:
    """Correlation of 4,000 pairs of draws: an independent pair stays below 4 standard errors."""
    normal = ADAPTER.validate_python({"distribution": "normal", "stddev": 1})
    count = 4000

    def draws(seed: int, stream: Stream, view: int = 0, face: int = 0, shift: int = 0) -> np.ndarray:
        return np.array([normal.sample(rng(seed, i + shift, stream, view, face), 1)[0] for i in range(count)])

    base = draws(3, Stream.POSE)
    others = [
        draws(3, Stream.IDENTITY), draws(3, Stream.POSE, view=1), draws(3, Stream.POSE, face=1),
        draws(4, Stream.POSE), draws(3, Stream.POSE, shift=1),
    ]  # fmt: skip
    for other in others:
        assert abs(np.corrcoef(base, other)[0, 1]) < 4 / np.sqrt(count)
    # Numbers of consecutive samples are themselves standard normal.
    assert stats.kstest(base, stats.norm().cdf).pvalue > SMALLEST_P
    assert np.array_equal(base, draws(3, Stream.POSE))


def test_distributions_can_be_compared_hashed_and_pickled_after_use() -> None:
    first, second = ADAPTER.validate_python(MIXTURE), ADAPTER.validate_python(MIXTURE)
    first.sample(np.random.default_rng(0), 3)
    assert isinstance(first, Mixture)
    assert first == second and hash(first) == hash(second)
    assert pickle.loads(pickle.dumps(first)) == first
    assert ADAPTER.validate_python(first.model_dump()) == first


@pytest.mark.parametrize(
    "raw",
    [
        True, "3", None, [1], {}, {"value": 3}, {"distribution": "gauss"}, float("nan"), float("inf"), 10**400, 2e9,
        {"distribution": "constant"},
        {"distribution": "constant", "value": True},
        {"distribution": "constant", "value": "1"},
        {"distribution": "uniform", "low": 2, "high": 1},
        {"distribution": "uniform", "low": 0, "high": float("nan")},
        {"distribution": "normal", "stddev": -1},
        {"distribution": "normal", "mean": 0},
        {"distribution": "normal", "variance": 1, "stddev": 1},
        {"distribution": "truncated_normal", "stddev": 0, "low": 0, "high": 1},
        {"distribution": "truncated_normal", "stddev": 1, "low": 1, "high": 1},
        {"distribution": "truncated_normal", "stddev": 1, "low": 40, "high": 41},
        {"distribution": "truncated_normal", "stddev": 1, "low": -60, "high": -41},
        {"distribution": "choice", "values": []},
        {"distribution": "choice", "values": [1, 2], "weights": [1]},
        {"distribution": "choice", "values": [1, 2], "weights": [1, 0]},
        {"distribution": "mixture", "components": []},
        {"distribution": "mixture", "components": [3]},
        {"distribution": "mixture", "components": [{"distribution": "constant", "value": 1}]},
        {"distribution": "mixture", "components": [{"weight": 0, "distribution": "constant", "value": 1}]},
        {"distribution": "mixture", "components": [{"weight": -1, "distribution": "constant", "value": 1}]},
        {"distribution": "mixture", "components": [{"weight": 1, "distribution": "mixture", "components": []}]},
    ],
)  # fmt: skip
def test_bad_distribution_is_refused(raw: Any) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(raw)
