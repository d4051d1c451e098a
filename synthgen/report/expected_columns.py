"""What a recipe asks of each column of the table: a cumulative share, in closed form or from numbers drawn again.

Columns are named by what they hold, recipes by what they decide: this file is where one is found from the other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synthgen.report.recipe_distribution import described, drawn_range, listed_values, share_below

Recipe = Mapping[str, Any]
Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Drawn:
    """What somebody with the sampler at hand drew from the recipe, for columns that have no closed form.

    numbers: column -> numbers; shares: column -> text -> its probability; draws: samples behind the numbers;
    reasons: why there is nothing for some columns, for people.
    """

    numbers: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    draws: int = 0
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Expected:
    """What a column should look like.

    text: the recipe's words; below(values, inclusive): P(X < value), or P(X <= value); low, high: where nearly all
    numbers fall; listed: numbers with a probability of their own; draws: how many the shares were estimated from, 0 for
    a closed form.
    """

    text: str
    below: Callable[[ArrayLike, bool], Shares]
    low: float
    high: float
    listed: tuple[float, ...] = ()
    draws: int = 0


@dataclass(frozen=True)
class ExpectedTexts:
    """What a column of texts should hold. shares: text -> probability."""

    text: str
    shares: Mapping[str, float]


@dataclass(frozen=True)
class _Source:
    """An entry of the recipe and how a column follows from what it draws, upwards: column = forward(draw)."""

    key: str
    forward: Callable[[float], float] = float
    backward: Callable[[Shares], Shares] = np.asarray
    note: str = ""
    whole: bool = False


def expected_column(recipe: Recipe, column: str, drawn: Drawn) -> Expected | ExpectedTexts | None:
    """What the recipe (as dataset.json stores it) asks of a column, named without a view's prefix; None where the
    column is measured or derived."""
    if column in drawn.shares:
        shares = drawn.shares[column]
        return ExpectedTexts(f"{column}: one of {len(shares)}, equally likely", shares)
    if column in drawn.numbers and drawn.numbers[column].size:
        return _from_numbers(drawn.numbers[column], drawn.draws)
    if column == "background" and recipe["kind"] in ("images", "pairs"):
        kind = str(recipe["background"]["kind"])
        return ExpectedTexts(f"background.kind: {kind}", {kind: 1.0})
    turned = _profile_angles(recipe, column)
    if turned is not None:
        return turned
    source = _sources(recipe).get(column)
    entry = None if source is None else _entry(recipe, source.key)
    return None if source is None or entry is None else _from_recipe(source, entry)


def _sources(recipe: Recipe) -> dict[str, _Source]:
    """Which entry decides which column, for a kind of recipe."""
    height, width = recipe["size"]
    if recipe["kind"] == "fittings" and recipe.get("profile") is None:
        turned = {"photo_rotation_deg": _Source("augment.rotation_deg")}
        return turned | ({"photo_scale": _Source("augment.scale")} if recipe["crop"]["rule"] == "none" else {})
    if recipe["kind"] not in ("images", "pairs"):
        return {}
    gain = _Source("sensor.exposure", lambda v: float(2.0**v), _stops, "the column is 2 to the power of it")
    return {
        **{f"{angle}_deg": _Source(f"pose.{angle}_deg") for angle in ("yaw", "pitch", "roll")},
        "centre_x": _shifted(width),
        "centre_y": _shifted(height),
        "focal_image_heights": _Source("camera.focal"),
        "light_rotation_deg": _Source("light.rotation_deg"),
        "light_intensity": _Source("light.intensity"),
        "noise": _Source("sensor.noise"),
        "blur": _Source("sensor.blur"),
        "exposure_gain": gain,
        "identity": _Source("identity"),
        "faces": _Source("faces", whole=True),
        "occluders": _Source("occluders.count", whole=True),
    }


def _shifted(side: int) -> _Source:
    return _Source(
        "pose.translation",
        lambda share: (0.5 + share) * side,
        lambda x: np.asarray(x / side - 0.5),
        f"the column is the middle plus that share of {side} px",
    )


def _stops(gain: Shares) -> Shares:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log2(np.maximum(gain, 0.0)))


def _entry(recipe: Recipe, key: str) -> Mapping[str, Any] | None:
    """The distribution under a dotted key, None when this recipe has none there."""
    value: Any = recipe
    for name in key.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) and "distribution" in value else None


def _from_recipe(source: _Source, entry: Mapping[str, Any]) -> Expected:
    low, high = drawn_range(entry)
    text = f"{source.key}: {described(entry)}" + (f"; {source.note}" if source.note else "")
    listed = tuple(source.forward(value) for value in listed_values(entry))
    if not source.whole:

        def below(values: ArrayLike, inclusive: bool) -> Shares:
            return share_below(entry, source.backward(np.asarray(values, np.float64)), inclusive)

        return Expected(text, below, source.forward(low), source.forward(high), listed)

    def rounded_below(values: ArrayLike, inclusive: bool) -> Shares:
        # Numbers up to k + 1/2 are rounded to k or less. Halves go to the even neighbour; only lists draw them, and
        # recipes refuse those for counts.
        x = np.asarray(values, np.float64)
        return share_below(entry, (np.floor(x) if inclusive else np.ceil(x) - 1) + 0.5, True)

    every = np.arange(round(low), round(high) + 1)
    counts = tuple(every[rounded_below(every, True) > rounded_below(every, False)].astype(float).tolist())
    return Expected(f"{text}, rounded" if counts != listed else text, rounded_below, round(low), round(high), counts)


def _from_numbers(numbers: NDArray[np.float64], draws: int) -> Expected:
    ordered = np.sort(numbers)
    values = np.unique(ordered)
    low, high = np.quantile(ordered, (0.001, 0.999)).tolist()

    def below(x: ArrayLike, inclusive: bool) -> Shares:
        return np.searchsorted(ordered, np.asarray(x), "right" if inclusive else "left") / len(ordered)

    listed = tuple(values.tolist()) if len(values) <= 16 else ()
    text = f"{draws:,} samples drawn again with this recipe"
    return Expected(text, below, low, high, listed, draws)


def _profile_angles(recipe: Recipe, column: str) -> Expected | None:
    """The angles that face profiling turns heads to, every view equally often."""
    profile = recipe.get("profile")
    angles: Sequence[float] | None = None
    if recipe["kind"] == "fittings" and profile is not None and not profile["relative"]:
        angles = profile.get(column) if column in ("yaw_deg", "pitch_deg") else None
    if not angles or profile is None:
        return None
    mirrored = [-angle for angle in angles] if profile["flip"] and column == "yaw_deg" else []
    every = [float(angle) for angle in (*angles, *mirrored)]
    return _from_recipe(_Source(f"profile.{column}"), {"distribution": "choice", "values": every})
