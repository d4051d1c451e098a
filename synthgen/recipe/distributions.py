"""Distributions as data: what a recipe may write wherever a number is drawn at random.

A plain number is a constant. Everything else is a mapping with the key `distribution`; `normal` takes the standard
deviation (not the variance), and a mixture draws one component per number, with the weights as written.

Each kind has `sample(rng, size)` for arrays and `draw(rng)` for one number: equal to `sample(rng, 1)[0]`, and the
generator is left where that leaves it, but 2 us cheaper, and a scene draws some twenty of them.
"""

import math
from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from synthgen.recipe.section import Number, Section, is_number, problem, tag
from synthgen.recipe.suggest import suggestion

Bounds = tuple[float, float]

STANDARD_NORMAL = NormalDist()
# Tails beyond this many standard deviations have no probability in double precision.
FARTHEST_TAIL = 35
SMALLEST_SHARE = 1e-300
LARGEST_SHARE = 1.0 - 2.0**-53


class Constant(Section):
    """Always `value`."""

    distribution: Literal["constant"] = "constant"
    value: Number

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """(size,) float64; the generator is not advanced."""
        return np.full(size, self.value, dtype=np.float64)

    def draw(self, rng: np.random.Generator) -> float:
        """The value."""
        return self.value

    def bounds(self) -> Bounds:
        """Smallest and largest value that can be drawn."""
        return self.value, self.value


class Uniform(Section):
    """Every number from `low` to `high` with equal density."""

    distribution: Literal["uniform"] = "uniform"
    low: Number
    high: Number

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        _check_low_high(self.low, self.high)
        return self

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """(size,) float64 in [low, high]."""
        return self.low + (self.high - self.low) * rng.random(size)

    def draw(self, rng: np.random.Generator) -> float:
        """One number in [low, high]."""
        return self.low + (self.high - self.low) * rng.random()

    def bounds(self) -> Bounds:
        """Smallest and largest value that can be drawn."""
        return self.low, self.high


class Normal(Section):
    """Gaussian with standard deviation `stddev`."""

    distribution: Literal["normal"] = "normal"
    mean: Number = 0.0
    stddev: Annotated[Number, Field(ge=0)]

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """(size,) float64."""
        return self.mean + self.stddev * rng.standard_normal(size)

    def draw(self, rng: np.random.Generator) -> float:
        """One number."""
        return self.mean + self.stddev * rng.standard_normal()

    def bounds(self) -> Bounds:
        """Unbounded unless stddev is 0."""
        if self.stddev == 0:
            return self.mean, self.mean
        return -math.inf, math.inf


class TruncatedNormal(Section):
    """Gaussian conditioned on [low, high]; mean and stddev are those of the Gaussian before it is cut."""

    distribution: Literal["truncated_normal"] = "truncated_normal"
    mean: Number = 0.0
    stddev: Annotated[Number, Field(gt=0)]
    low: Number
    high: Number

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        _check_low_high(self.low, self.high)
        if self.low == self.high:
            raise problem("low and high are both {low}: the range is empty", key="high", low=_short(self.low))
        nearest = min(max(self.mean, self.low), self.high)
        if abs(nearest - self.mean) > FARTHEST_TAIL * self.stddev:
            raise problem(
                "[{low}, {high}] is empty: it lies more than {tail} standard deviations from the mean {mean}",
                key="low" if nearest == self.low else "high", low=_short(self.low), high=_short(self.high),
                tail=FARTHEST_TAIL, mean=_short(self.mean),
            )  # fmt: skip
        return self

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """(size,) float64 in [low, high], by the inverse cdf, so that tails have their true shape."""
        value_at = _inverse_cdf(self.mean, self.stddev, self.low, self.high)
        return np.array([value_at(share) for share in rng.random(size).tolist()], dtype=np.float64)

    def draw(self, rng: np.random.Generator) -> float:
        """One number in [low, high]."""
        return _inverse_cdf(self.mean, self.stddev, self.low, self.high)(rng.random())

    def bounds(self) -> Bounds:
        """Smallest and largest value that can be drawn."""
        return self.low, self.high


class Choice(Section):
    """One of `values`, with probability proportional to `weights` (equal when absent)."""

    distribution: Literal["choice"] = "choice"
    values: Annotated[tuple[Number, ...], Field(min_length=1)]
    weights: tuple[Annotated[Number, Field(gt=0)], ...] | None = None

    @model_validator(mode="after")
    def _check_weights(self) -> Self:
        if self.weights is not None and len(self.weights) != len(self.values):
            raise problem(
                "{weights} weights for {values} values: write one weight per value",
                key="weights", weights=len(self.weights), values=len(self.values),
            )  # fmt: skip
        return self

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """(size,) float64, each one of `values`."""
        return np.asarray(self.values, dtype=np.float64)[
            _draw_indices(rng, self.weights or (1.0,) * len(self.values), size)
        ]

    def draw(self, rng: np.random.Generator) -> float:
        """One of `values`."""
        return self.values[_draw_index(rng, self.weights or (1.0,) * len(self.values))]

    def bounds(self) -> Bounds:
        """Smallest and largest value that can be drawn."""
        return min(self.values), max(self.values)


class _Weighted(Section):
    weight: Annotated[Number, Field(gt=0)]


class WeightedConstant(_Weighted, Constant):
    """A constant as a component of a mixture."""


class WeightedUniform(_Weighted, Uniform):
    """A uniform distribution as a component of a mixture."""


class WeightedNormal(_Weighted, Normal):
    """A normal distribution as a component of a mixture."""


class WeightedTruncatedNormal(_Weighted, TruncatedNormal):
    """A truncated normal distribution as a component of a mixture."""


class WeightedChoice(_Weighted, Choice):
    """A choice as a component of a mixture."""


COMPONENT_NAMES = ("constant", "uniform", "normal", "truncated_normal", "choice")
DISTRIBUTION_NAMES = (*COMPONENT_NAMES, "mixture")


def _require_component(value: Any) -> Any:
    if isinstance(value, Section):
        return value
    if not isinstance(value, dict):
        raise problem("expected a mapping with the keys weight and distribution")
    return _require_named(value, COMPONENT_NAMES)


def _require_distribution(value: Any) -> Any:
    if is_number(value) or isinstance(value, Section):
        return value
    if not isinstance(value, dict):
        raise problem("expected a number or a mapping with the key distribution, got {got}", got=_describe_value(value))
    return _require_named(value, DISTRIBUTION_NAMES)


def _require_named(value: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    if "distribution" not in value:
        raise problem("the key distribution is missing: one of {names}", names=", ".join(names))
    name = value["distribution"]
    if name not in names:
        raise problem(
            "unknown distribution {name}{hint}", key="distribution",
            name=_describe_value(name), hint=suggestion(name, names),
        )  # fmt: skip
    return value


def _describe_value(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return "a list"
    return "a mapping" if isinstance(value, dict) else repr(value)[:60]


def _tag_of(value: Any) -> str | None:
    if is_number(value):
        return tag("number")
    name = value.get("distribution") if isinstance(value, dict) else getattr(value, "distribution", None)
    return tag(name) if isinstance(name, str) else None


def _constant_from_number(value: Any) -> Any:
    return {"value": value} if is_number(value) else value


Component = Annotated[
    Annotated[WeightedConstant, Tag("<constant>")]
    | Annotated[WeightedUniform, Tag("<uniform>")]
    | Annotated[WeightedNormal, Tag("<normal>")]
    | Annotated[WeightedTruncatedNormal, Tag("<truncated_normal>")]
    | Annotated[WeightedChoice, Tag("<choice>")],
    Discriminator(_tag_of),
    BeforeValidator(_require_component),
]


class Mixture(Section):
    """One of `components` per number drawn, with probability proportional to its weight."""

    distribution: Literal["mixture"] = "mixture"
    components: Annotated[tuple[Component, ...], Field(min_length=1)]

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """(size,) float64; every element picks its component by one draw."""
        picked = _draw_indices(rng, tuple(component.weight for component in self.components), size)
        values = np.empty(size, dtype=np.float64)
        for number, component in enumerate(self.components):
            chosen = picked == number
            count = int(np.count_nonzero(chosen))
            if count:
                values[chosen] = component.sample(rng, count)
        return values

    def draw(self, rng: np.random.Generator) -> float:
        """One number of one component."""
        return self.components[_draw_index(rng, tuple(component.weight for component in self.components))].draw(rng)

    def bounds(self) -> Bounds:
        """Smallest and largest value that can be drawn."""
        limits = [component.bounds() for component in self.components]
        return min(low for low, _ in limits), max(high for _, high in limits)


Distribution = Annotated[
    Annotated[Constant, BeforeValidator(_constant_from_number), WithJsonSchema({"type": "number"}), Tag("<number>")]
    | Annotated[Constant, Tag("<constant>")]
    | Annotated[Uniform, Tag("<uniform>")]
    | Annotated[Normal, Tag("<normal>")]
    | Annotated[TruncatedNormal, Tag("<truncated_normal>")]
    | Annotated[Choice, Tag("<choice>")]
    | Annotated[Mixture, Tag("<mixture>")],
    Discriminator(_tag_of),
    BeforeValidator(_require_distribution),
]


def _normal_cdf(value: float) -> float:
    """Standard normal cdf, exact in the lower tail."""
    return 0.5 * math.erfc(-value / math.sqrt(2.0))


def _short(number: float) -> str:
    return f"{number:g}"


def _check_low_high(low: float, high: float) -> None:
    if low > high:
        raise problem("low ({low}) is greater than high ({high})", key="low", low=_short(low), high=_short(high))


@lru_cache(maxsize=1024)
def _inverse_cdf(mean: float, stddev: float, low: float, high: float) -> Callable[[float], float]:
    """From a share of the probability in [0, 1) to a number of the Gaussian cut to [low, high]; falling for an upper
    tail. Plain floats, because most recipes draw one number at a time."""
    sign, first, last = _tail((low - mean) / stddev, (high - mean) / stddev)
    span, step, inverse = last - first, sign * stddev, STANDARD_NORMAL.inv_cdf

    def value_at(share: float) -> float:
        tail = min(max(first + share * span, SMALLEST_SHARE), LARGEST_SHARE)
        return min(max(mean + step * inverse(tail), low), high)

    return value_at


def _tail(low: float, high: float) -> tuple[float, float, float]:
    """(sign, cdf at one end, cdf at the other) of a standard normal cut to [low, high].

    Small probabilities keep all their digits, those near 1 do not: an upper tail is drawn as a lower one.
    """
    if low > 0:
        return -1.0, _normal_cdf(-high), _normal_cdf(-low)
    return 1.0, _normal_cdf(low), _normal_cdf(high)


@lru_cache(maxsize=1024)
def _cumulative_shares(weights: tuple[float, ...]) -> tuple[float, ...]:
    cumulative = np.cumsum(np.asarray(weights, dtype=np.float64))
    return tuple((cumulative / cumulative[-1]).tolist())


def _draw_indices(rng: np.random.Generator, weights: tuple[float, ...], size: int) -> np.ndarray:
    """(size,) row numbers: one uniform draw each, compared with all cumulative shares at once."""
    return np.searchsorted(_cumulative_shares(weights), rng.random(size), side="right")


def _draw_index(rng: np.random.Generator, weights: tuple[float, ...]) -> int:
    """One row number, the one that _draw_indices would draw."""
    return bisect_right(_cumulative_shares(weights), rng.random())
