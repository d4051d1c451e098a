"""What a distribution of a recipe may draw: within limits that the code needs, or within what anyone could mean."""

import math

from synthgen.recipe.distributions import Bounds, Choice, Constant, Distribution, Mixture, Normal
from synthgen.recipe.section import problem

# How far a Gaussian is taken to reach: one number in 15,000 lies further out.
_TAIL_STDDEVS = 4.0


class Within:
    """Validator that refuses a distribution that can leave [low, high]."""

    def __init__(self, low: float, high: float, whole: bool = False) -> None:
        self.low, self.high, self.whole = low, high, whole

    def __call__(self, value: Distribution) -> Distribution:
        """`value` itself. Raises the recipe's problem when a draw may fall outside, or be no whole number."""
        low, high = value.bounds()
        if low < self.low or high > self.high:
            hint = "; use truncated_normal or uniform" if math.isinf(low) or math.isinf(high) else ""
            raise problem(
                "must stay within [{low}, {high}], but can be anything from {drawn_low} to {drawn_high}{hint}",
                low=_short(self.low), high=_short(self.high),
                drawn_low=_short(low), drawn_high=_short(high), hint=hint,
            )  # fmt: skip
        if self.whole:
            for number in _listed_values(value):
                if number != round(number):
                    raise problem("must be a whole number, got {number}", number=_short(number))
        return value


class Believable:
    """Validator that refuses a distribution that draws absurd numbers: outside [low, high] by its limits, or, where it
    has none, within _TAIL_STDDEVS standard deviations of its mean. What lies beyond is drawn again by the sampler."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def __call__(self, value: Distribution) -> Distribution:
        """`value` itself. Raises the recipe's problem when it draws what no recipe means."""
        low, high = _usual_range(value)
        if low < self.low or high > self.high:
            raise problem(
                "draws numbers from {drawn_low} to {drawn_high}, expected {low} to {high}: is it in the right unit?",
                low=_short(self.low), high=_short(self.high), drawn_low=_short(low), drawn_high=_short(high),
            )  # fmt: skip
        return value


def _usual_range(value: Distribution) -> Bounds:
    """The bounds of a distribution, for a Gaussian those that one draw in 15,000 leaves."""
    if isinstance(value, Mixture):
        ranges = [_usual_range(component) for component in value.components]
        return min(low for low, _ in ranges), max(high for _, high in ranges)
    if isinstance(value, Normal):
        return value.mean - _TAIL_STDDEVS * value.stddev, value.mean + _TAIL_STDDEVS * value.stddev
    return value.bounds()


def _listed_values(value: Distribution) -> tuple[float, ...]:
    """The values that a recipe writes down one by one; a density is rounded by the sampler instead."""
    if isinstance(value, Constant):
        return (value.value,)
    if isinstance(value, Choice):
        return value.values
    if isinstance(value, Mixture):
        return tuple(number for component in value.components for number in _listed_values(component))
    return ()


def _short(number: float) -> str:
    return f"{number:g}"
