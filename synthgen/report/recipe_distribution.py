"""What a distribution of a recipe, as dataset.json stores it, promises: the share of all draws below a number.

The closed forms are written out here and not taken from the sampler, so that the report can disagree with it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Entry = Mapping[str, Any]
Shares = NDArray[np.float64]

# Where the drawn range of an unbounded distribution ends: 1 in 1000 numbers lies beyond each side.
_FAR_SIGMA = 3.09


def share_below(entry: Entry, values: ArrayLike, inclusive: bool = False) -> Shares:
    """P(X < value), or P(X <= value) when inclusive, for each of `values`. Raises KeyError for an unknown kind."""
    x = np.asarray(values, np.float64)
    kind = entry["distribution"]
    if kind == "mixture":
        weights = _weights([component["weight"] for component in entry["components"]])
        parts = [share_below(component, x, inclusive) for component in entry["components"]]
        return np.asarray(np.tensordot(weights, np.stack(parts), axes=1))
    if kind == "choice":
        return _steps(x, entry["values"], _choice_weights(entry), inclusive)
    if kind == "constant":
        return _steps(x, [entry["value"]], np.ones(1), inclusive)
    if kind == "uniform":
        low, high = entry["low"], entry["high"]
        if low == high:
            return _steps(x, [low], np.ones(1), inclusive)
        return np.clip((x - low) / (high - low), 0.0, 1.0)
    mean, stddev = entry["mean"], entry["stddev"]
    if kind == "normal":
        return _steps(x, [mean], np.ones(1), inclusive) if stddev == 0 else _normal_cdf((x - mean) / stddev)
    if kind == "truncated_normal":
        low, high = (entry["low"] - mean) / stddev, (entry["high"] - mean) / stddev
        return _cut_normal_cdf((x - mean) / stddev, low, high)
    raise KeyError(kind)


def drawn_range(entry: Entry) -> tuple[float, float]:
    """From where to where nearly all numbers fall: the limits, or 3.09 standard deviations of a normal."""
    kind = entry["distribution"]
    if kind == "mixture":
        ranges = [drawn_range(component) for component in entry["components"]]
        return min(low for low, _ in ranges), max(high for _, high in ranges)
    if kind == "choice":
        return min(entry["values"]), max(entry["values"])
    if kind == "constant":
        return entry["value"], entry["value"]
    if kind == "uniform":
        return entry["low"], entry["high"]
    far = _FAR_SIGMA * entry["stddev"]
    low, high = entry["mean"] - far, entry["mean"] + far
    if kind == "normal":
        return low, high
    # A Gaussian cut beyond its own tail still fills the cut.
    bottom, top = max(low, entry["low"]), min(high, entry["high"])
    return (bottom, top) if bottom < top else (entry["low"], entry["high"])


def listed_values(entry: Entry) -> tuple[float, ...]:
    """The numbers that have a probability of their own, in order."""
    kind = entry["distribution"]
    if kind == "mixture":
        found = {value for component in entry["components"] for value in listed_values(component)}
    elif kind == "choice":
        found = set(entry["values"])
    elif kind == "constant":
        found = {entry["value"]}
    else:
        found = set()
    return tuple(sorted(found))


def described(entry: Entry) -> str:
    """The distribution in a few words: "truncated normal, mean 0, stddev 28, from -85 to 85"."""
    kind = entry["distribution"]
    if kind == "mixture":
        weights = _weights([component["weight"] for component in entry["components"]])
        parts = [f"{100 * w:.3g} % {described(c)}" for w, c in zip(weights, entry["components"], strict=True)]
        return "mixture of " + "; ".join(parts)
    if kind == "choice":
        shares = zip(entry["values"], _choice_weights(entry), strict=True)
        return "one of " + ", ".join(f"{value:g} ({100 * share:.3g} %)" for value, share in shares)
    if kind == "constant":
        return f"always {entry['value']:g}"
    if kind == "uniform":
        return f"uniform from {entry['low']:g} to {entry['high']:g}"
    text = f"{kind.replace('_', ' ')}, mean {entry['mean']:g}, stddev {entry['stddev']:g}"
    return text if kind == "normal" else f"{text}, from {entry['low']:g} to {entry['high']:g}"


def _steps(x: Shares, values: ArrayLike, weights: Shares, inclusive: bool) -> Shares:
    """Share of a list of weighted numbers that lies below each x."""
    order = np.argsort(values, kind="stable")
    cumulative = np.concatenate([[0.0], np.cumsum(weights[order])])
    return cumulative[np.searchsorted(np.asarray(values, np.float64)[order], x, "right" if inclusive else "left")]


def _choice_weights(entry: Entry) -> Shares:
    return _weights(entry.get("weights") or [1.0] * len(entry["values"]))


def _weights(weights: ArrayLike) -> Shares:
    values = np.asarray(weights, np.float64)
    return np.asarray(values / values.sum())


def _normal_cdf(x: ArrayLike) -> Shares:
    from scipy.special import ndtr

    return np.asarray(ndtr(x))


def _cut_normal_cdf(x: Shares, low: float, high: float) -> Shares:
    """Of a standard normal conditioned on [low, high]; computed in the tail where small shares keep their digits."""
    if low > 0:
        return 1.0 - _cut_normal_cdf(-x, -high, -low)
    first, last = _normal_cdf(low), _normal_cdf(high)
    return np.asarray(np.clip((_normal_cdf(x) - first) / (last - first), 0.0, 1.0))
