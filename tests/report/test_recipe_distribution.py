"""Cumulative shares of a recipe's distributions, against scipy, by hand, and against the sampler itself."""

import numpy as np
import pytest
from scipy import stats

from synthgen.recipe.load import parse_recipe
from synthgen.report.recipe_distribution import described, drawn_range, listed_values, share_below

UNIFORM = {"distribution": "uniform", "low": -2.0, "high": 3.0}
NORMAL = {"distribution": "normal", "mean": 1.0, "stddev": 2.0}
CUT = {"distribution": "truncated_normal", "mean": 1.0, "stddev": 2.0, "low": -1.0, "high": 2.0}
TAIL = {"distribution": "truncated_normal", "mean": 0.0, "stddev": 1.0, "low": 9.0, "high": 12.0}
CHOICE = {"distribution": "choice", "values": [3.0, 1.0], "weights": [3.0, 1.0]}
MIXTURE = {
    "distribution": "mixture",
    "components": [UNIFORM | {"weight": 1.0}, {"distribution": "constant", "value": 0.0, "weight": 3.0}],
}
X = np.linspace(-4, 6, 41)


@pytest.mark.parametrize(
    ("entry", "known"),
    [
        (UNIFORM, stats.uniform(-2, 5)),
        (NORMAL, stats.norm(1, 2)),
        (CUT, stats.truncnorm(-1, 0.5, 1, 2)),
        (TAIL, stats.truncnorm(9, 12)),
    ],
    ids=["uniform", "normal", "cut", "tail"],
)
def test_continuous_shares_are_those_of_scipy(entry: dict, known: stats.rv_continuous) -> None:
    x = np.concatenate([X, np.linspace(9, 12, 20)])
    for inclusive in (False, True):
        np.testing.assert_allclose(share_below(entry, x, inclusive), known.cdf(x), atol=1e-9)


def test_listed_numbers_count_from_themselves_on() -> None:
    at = [0.9, 1.0, 2.0, 3.0, 3.1]
    assert share_below(CHOICE, at).tolist() == [0.0, 0.0, 0.25, 0.25, 1.0]
    assert share_below(CHOICE, at, inclusive=True).tolist() == [0.0, 0.25, 0.25, 1.0, 1.0]
    np.testing.assert_allclose(share_below(MIXTURE, [-2, 0, 0.5, 3]), [0, 0.1, 0.875, 1])
    np.testing.assert_allclose(share_below(MIXTURE, [0], inclusive=True), [0.85])
    assert listed_values(MIXTURE) == (0.0,) and listed_values(CHOICE) == (1.0, 3.0) and listed_values(UNIFORM) == ()


def test_ranges_and_words() -> None:
    assert drawn_range(UNIFORM) == (-2, 3) and drawn_range(CUT) == (-1, 2) and drawn_range(TAIL) == (9, 12)
    low, high = drawn_range(NORMAL)
    np.testing.assert_allclose(stats.norm(1, 2).cdf([low, high]), [0.001, 0.999], atol=1e-5)
    assert drawn_range(MIXTURE) == (-2, 3)
    assert described(CUT) == "truncated normal, mean 1, stddev 2, from -1 to 2"
    assert described(CHOICE) == "one of 3 (75 %), 1 (25 %)"
    assert described(MIXTURE) == "mixture of 25 % uniform from -2 to 3; 75 % always 0"


@pytest.mark.parametrize("entry", [UNIFORM, NORMAL, CUT, TAIL, CHOICE, MIXTURE])
def test_the_sampler_draws_what_the_report_expects(entry: dict) -> None:
    recipe = parse_recipe("kind: images\ncount: 1\nsize: [16, 16]\n", overrides=()).model_dump(mode="json")
    from synthgen.recipe.schema import Recipe

    drawn = Recipe.model_validate(recipe | {"identity": entry}).identity.sample(np.random.default_rng(0), 20_000)
    at = np.quantile(drawn, np.linspace(0.02, 0.98, 25))
    found = np.searchsorted(np.sort(drawn), at, side="right") / len(drawn)
    assert np.abs(found - share_below(entry, at, inclusive=True)).max() < 0.015


def test_an_unknown_kind_is_no_silent_nothing() -> None:
    with pytest.raises(KeyError):
        share_below({"distribution": "cauchy", "mean": 0, "stddev": 1}, [0.0])
