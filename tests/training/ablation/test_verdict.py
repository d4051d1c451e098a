"""Verdicts on made-up numbers."""

import math

import pytest

from training.ablation.verdict import compare, spread_of


def test_mean_and_spread_by_hand() -> None:
    found = spread_of([3.0, 5.0, 4.0])
    assert (found.mean, found.spread, found.values) == (4.0, 2.0, (3.0, 5.0, 4.0))
    assert spread_of([7.0]).spread == 0.0


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        ([3.0, 3.5], [4.0, 4.25], "better"),  # gap 0.875 > spread 0.5
        ([3.0, 3.5], [3.75, 3.75], "no difference"),  # gap 0.5 = spread 0.5
        ([3.0, 3.1], [3.0, 5.0], "no difference"),  # gap 0.95 < spread 2 of the second
        ([4.0, 4.25], [3.0, 3.5], "worse"),
        ([3.0], [9.0], "no difference"),  # one seed shows no spread
        ([], [9.0, 9.0], "not measured"),
    ],
)
def test_a_gap_must_exceed_the_larger_spread(first: list[float], second: list[float], verdict: str) -> None:
    assert compare(first, second).verdict == verdict


def test_of_some_measures_more_is_better() -> None:
    found = compare([0.75, 0.5], [0.125, 0.0, 0.0], higher_is_better=True)
    assert found.verdict == "better" and found.seeds == 2
    assert found.gap == pytest.approx(0.625 - 0.125 / 3) and found.spread == 0.25
    assert compare([0.75, 0.5], [0.125, 0.0, 0.0]).verdict == "worse"
    assert math.isnan(compare([], []).gap)
