"""Every sampled parameter beside what the recipe asked for, as numbers that a template draws."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.report.column_statistics import NumberColumn, Numbers, SampleTable, TextColumn, bin_counts, summarise
from synthgen.report.expected_columns import Drawn, Expected, ExpectedTexts, expected_column

# Columns that are no parameters: places in the dataset, and label checks, which have a section of their own.
NO_PARAMETERS = ("index", "shard", "parameters_62")
CHECK_PREFIX = "check_"
FEWEST_BINS, MOST_BINS, MOST_BARS, MOST_TEXT_BARS = 8, 32, 12, 8
# A bin so much fuller than all others is drawn cut off, or nothing would be seen of them.
CUT_FROM, CUT_AT = 4.0, 1.5
# Stored numbers are rounded to five digits behind the point.
ROUNDING = 2e-5
# Chance makes a gap larger than sqrt(ln(2 / p) / 2 / n) with a probability of at most p = 1e-5 (Dvoretzky, Kiefer,
# Wolfowitz, Massart).
CHANCE = sqrt(np.log(2e5) / 2)


@dataclass(frozen=True)
class Bar:
    """One value or bin. label: for people; share: of each view's numbers; expected: share that the recipe asks for;
    low, high: where the bin lies on the axis, in [0, 1]."""

    label: str
    share: tuple[float, ...]
    expected: float | None
    low: float
    high: float


@dataclass(frozen=True)
class ParameterChart:
    """One parameter.

    name: column without the view; views: prefixes of the columns that were joined; bars; is_binned: whether they are
    bins of a continuous axis; top: share at the upper end of the axis; ticks: (place in [0, 1], label); facts: one line
    of numbers per view; text: what the recipe says, "" where it decides nothing; gap: largest distance of the
    cumulative shares, None without expectation; allowed: gap that chance exceeds once in 100,000; constant: the one
    value of all samples.
    """

    name: str
    views: tuple[str, ...]
    bars: tuple[Bar, ...]
    is_binned: bool
    top: float
    ticks: tuple[tuple[float, str], ...]
    facts: tuple[str, ...]
    text: str
    gap: float | None
    allowed: float
    constant: str | None

    @property
    def differs(self) -> bool:
        """Whether the gap is more than chance."""
        return self.gap is not None and self.gap > self.allowed


def parameter_charts(table: SampleTable, recipe: Mapping[str, Any], drawn: Drawn) -> list[ParameterChart]:
    """A chart per parameter of the table, in the order of its columns, both views of a pair in one."""
    prefixes = ("source_", "target_") if recipe["kind"] == "pairs" else ("",)
    names: dict[str, list[str]] = {}
    for column in table.names:
        prefix = next((p for p in prefixes if p and column.startswith(p)), "")
        if not column.startswith(CHECK_PREFIX) and column not in NO_PARAMETERS:
            names.setdefault(column.removeprefix(prefix), []).append(prefix)
    charts = (_chart(table, name, tuple(views), expected_column(recipe, name, drawn)) for name, views in names.items())
    return [chart for chart in charts if chart is not None]


def _chart(
    table: SampleTable, name: str, views: tuple[str, ...], expected: Expected | ExpectedTexts | None
) -> ParameterChart | None:
    columns = [summarise(table, view + name) for view in views]
    if all(isinstance(column, TextColumn) for column in columns):
        texts = [column for column in columns if isinstance(column, TextColumn)]
        return _text_chart(name, views, texts, expected if isinstance(expected, ExpectedTexts) else None)
    numbers = [column for column in columns if isinstance(column, NumberColumn) and column.count]
    if len(numbers) < len(views):
        return None
    wanted = expected if isinstance(expected, Expected) else None
    found = sorted({value for column in numbers for value in (column.values or {})})
    if all(column.values is not None for column in numbers) and _is_listed(found, wanted):
        return _value_chart(table.rows, name, views, numbers, wanted)
    return _histogram(table, name, views, numbers, wanted)


def _is_listed(found: Sequence[float], expected: Expected | None) -> bool:
    """Whether values are shown one by one: whole numbers, or those that the recipe lists, and few of them."""
    if len(found) > MOST_BARS or (expected is not None and len(expected.listed) > MOST_BARS):
        return False
    whole = all(value == round(value) for value in found)
    listed = expected.listed if expected is not None else ()
    return whole if not listed else all(min(abs(value - one) for one in listed) <= _slack(value) for value in found)


def _slack(value: float) -> float:
    return ROUNDING * max(1.0, abs(value))


# --- values one by one ----------------------------------------------------------------------------------------------


def _value_chart(
    rows: int, name: str, views: tuple[str, ...], columns: Sequence[NumberColumn], expected: Expected | None
) -> ParameterChart:
    found = {value for column in columns for value in column.values or {}}
    listed = expected.listed if expected is not None else ()
    # A listed value that was drawn is shown as it was stored, rounded.
    missing = {one for one in listed if not any(abs(one - value) <= _slack(one) for value in found)}
    values = sorted(found | missing)
    shares = [tuple((c.values or {}).get(value, 0) / c.count for c in columns) for value in values]
    wanted: list[float | None] = [None] * len(values)
    if expected is not None:
        reach = np.array([_slack(value) for value in values])
        upper, lower = expected.below(np.array(values) + reach, True), expected.below(np.array(values) - reach, False)
        wanted = list((upper - lower).tolist())
    bars = _equal_bars([f"{value + 0.0:.6g}" for value in values], shares, wanted)
    return ParameterChart(
        name, views, bars, False, _top(bars), (), tuple(_facts(column) for column in columns),
        "" if expected is None else expected.text, _gap(bars), _allowed(rows, columns, expected),
        f"{values[0] + 0.0:.6g}" if len(values) == 1 else None,
    )  # fmt: skip


def _text_chart(
    name: str, views: tuple[str, ...], columns: Sequence[TextColumn], expected: ExpectedTexts | None
) -> ParameterChart | None:
    joined = sum((column.texts for column in columns), start=type(columns[0].texts)())
    asked = dict(expected.shares) if expected is not None else {}
    if not joined and not asked or set(joined) == {""}:
        return None
    order = sorted({*joined, *asked}, key=lambda text: (-asked.get(text, 0.0), -joined[text], text))
    fits = len(order) <= MOST_TEXT_BARS + 1  # one more is no longer than a line for the others
    shown, rest = (order, []) if fits else (order[:MOST_TEXT_BARS], order[MOST_TEXT_BARS:])
    counts = [max(column.count, 1) for column in columns]
    labels = [text or "(none)" for text in shown]
    shares = [tuple(c.texts[text] / n for c, n in zip(columns, counts, strict=True)) for text in shown]
    wanted: list[float | None] = [asked.get(text, 0.0) if asked else None for text in shown]
    others = [sum(c.texts[text] for text in rest) + c.others for c in columns]
    if any(others) or rest:
        labels.append(f"{len(rest):,} others")
        shares.append(tuple(n / count for n, count in zip(others, counts, strict=True)))
        wanted.append(sum(asked.get(text, 0.0) for text in rest) if asked else None)
    bars = _equal_bars(labels, shares, wanted)
    facts = tuple(f"n {c.count:,} · {len(c.texts):,} different" + _missing(c.missing) for c in columns)
    allowed = CHANCE / sqrt(min(counts))
    constant = labels[0] if len(labels) == 1 else None
    text = "" if expected is None else expected.text
    return ParameterChart(name, views, bars, False, _top(bars), (), facts, text, _gap(bars), allowed, constant)


def _equal_bars(
    labels: Sequence[str], shares: Sequence[tuple[float, ...]], expected: Sequence[float | None]
) -> tuple[Bar, ...]:
    count = len(labels)
    rows = zip(labels, shares, expected, strict=True)
    return tuple(Bar(label, share, wanted, k / count, (k + 1) / count) for k, (label, share, wanted) in enumerate(rows))


# --- bins -----------------------------------------------------------------------------------------------------------


def _histogram(
    table: SampleTable, name: str, views: tuple[str, ...], columns: Sequence[NumberColumn], expected: Expected | None
) -> ParameterChart:
    edges = bin_edges(columns, expected)
    shares = np.array([bin_counts(table, v + name, edges) / c.count for v, c in zip(views, columns, strict=True)])
    wanted: NDArray[np.float64] | None = None
    if expected is not None:
        wanted = np.diff(expected.below(edges, False))
    span, step = edges[-1] - edges[0], edges[1] - edges[0]
    places = (edges - edges[0]) / span
    bars = tuple(
        Bar(
            f"{_round(edges[k], step):.6g} to {_round(edges[k + 1], step):.6g}", tuple(shares[:, k].tolist()),
            None if wanted is None else float(wanted[k]), float(places[k]), float(places[k + 1]),
        )
        for k in range(len(edges) - 1)
    )  # fmt: skip
    return ParameterChart(
        name, views, bars, True, _cut_top(bars), axis_ticks(float(edges[0]), float(edges[-1])),
        tuple(_facts(column) for column in columns), "" if expected is None else expected.text,
        _gap(bars), _allowed(table.rows, columns, expected), None,
    )  # fmt: skip


def bin_edges(columns: Sequence[NumberColumn], expected: Expected | None) -> Numbers:
    """(B + 1,) edges of equal bins over everything found and nearly everything expected."""
    low, high = min(column.low for column in columns), max(column.high for column in columns)
    if expected is not None:
        low, high = min(low, expected.low), max(high, expected.high)
    if high - low < ROUNDING:
        low, high = low - 0.5, high + 0.5
    count = int(np.clip(2 * sqrt(min(column.count for column in columns)), FEWEST_BINS, MOST_BINS))
    step = _round_step((high - low) / count)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    # Numbers that the recipe lists lie on round edges: a hair below them they all fall to the right of it.
    edges = (np.arange(first, last + 2, dtype=np.float64) - 1e-3) * step
    # ... and one at the very end needs a bin of its own.
    ends = [column.high for column in columns] + list(expected.listed if expected is not None else ())
    return edges if max(ends) >= edges[-2] else edges[:-1]


def _round(edge: float, step: float) -> float:
    """An edge for people: the multiple of the step that it lies a hair below."""
    return round(edge / step) * step + 0.0


def axis_ticks(low: float, high: float, most: int = 5) -> tuple[tuple[float, str], ...]:
    """(place in [0, 1], label) of round numbers on an axis."""
    step = _round_step((high - low) / most)
    values = [k * step for k in range(ceil(low / step), floor(high / step) + 1)]
    return tuple(((value - low) / (high - low), f"{value:.6g}") for value in values)


def _round_step(wanted: float) -> float:
    """1, 2 or 5 times a power of ten, not below what is wanted."""
    unit = 10.0 ** floor(log10(wanted))
    return next(step * unit for step in (1, 2, 5, 10) if step * unit >= wanted * (1 - 1e-9))


# --- numbers beside a chart -----------------------------------------------------------------------------------------


def _gap(bars: Sequence[Bar]) -> float | None:
    """Largest distance, over views and bars, of the cumulative shares found and expected."""
    if not bars or any(bar.expected is None for bar in bars):
        return None
    expected = np.cumsum([bar.expected or 0.0 for bar in bars])
    found = np.cumsum([bar.share for bar in bars], axis=0)
    return float(np.abs(found - expected[:, None]).max())


def _allowed(rows: int, columns: Sequence[NumberColumn], expected: Expected | None) -> float:
    """The gap that chance stays below; numbers of one list need not be independent, so only rows count."""
    count = min(rows, *(column.count for column in columns)) if columns else rows
    estimated = 1 / expected.draws if expected is not None and expected.draws else 0.0
    return CHANCE * sqrt(1 / max(count, 1) + estimated)


def _facts(column: NumberColumn) -> str:
    return (
        f"n {column.count:,} · mean {column.mean:.3g} · sd {column.stddev:.3g} · {column.low:.4g} to {column.high:.4g}"
        + _missing(column.missing)
    )


def _missing(count: int) -> str:
    return f" · {count:,} without" if count else ""


def _cut_top(bars: Sequence[Bar]) -> float:
    """Where the axis ends: at the fullest bin, or above the second if the fullest stands far out."""
    fullest = sorted((max(*bar.share, bar.expected or 0.0) for bar in bars), reverse=True)
    cut = len(fullest) > 2 and fullest[0] > CUT_FROM * fullest[1] > 0
    return CUT_AT * fullest[1] if cut else _top(bars)


def _top(bars: Sequence[Bar]) -> float:
    return max((max(*bar.share, bar.expected or 0.0) for bar in bars), default=1.0) or 1.0
