"""Means, spreads and verdicts: a row is better only by more than chance moves it from seed to seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

ENOUGH_SEEDS = 3  # with fewer, the spread itself is a guess

Verdict = Literal["better", "no difference", "worse", "not measured"]


@dataclass(frozen=True)
class Spread:
    """mean of a measure over seeds; spread: largest minus smallest; values: of each seed."""

    mean: float
    spread: float
    values: tuple[float, ...]


@dataclass(frozen=True)
class Comparison:
    """gap: how much better the first is, in the measure's unit; spread: the larger of the two; verdict: better or worse
    only where the gap exceeds the spread; seeds: the smaller number of the two."""

    gap: float
    spread: float
    verdict: Verdict
    seeds: int


def spread_of(values: Sequence[float]) -> Spread:
    """Mean and spread of at least one value; one value has spread 0."""
    return Spread(sum(values) / len(values), max(values) - min(values), tuple(values))


def compare(first: Sequence[float], second: Sequence[float], higher_is_better: bool = False) -> Comparison:
    """Whether the first row's values of a measure, one per seed, are better than the second's.

    A single seed shows no spread, so it shows no difference, either.
    """
    if not first or not second:
        return Comparison(float("nan"), float("nan"), "not measured", 0)
    one, other = spread_of(first), spread_of(second)
    gap = (one.mean - other.mean) * (1.0 if higher_is_better else -1.0)
    spread, seeds = max(one.spread, other.spread), min(len(first), len(second))
    verdict: Verdict = "no difference"
    if seeds > 1 and abs(gap) > spread:
        verdict = "better" if gap > 0 else "worse"
    return Comparison(gap, spread, verdict, seeds)
