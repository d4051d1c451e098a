"""Numbers as tables: variants down, metrics across, and the papers' rows with ours below them."""

from collections.abc import Sequence
from dataclasses import dataclass

from eval.protocol import Number, Result
from eval.published_tables import NOTHING, Table, tables_of

MOST_METRICS = 8  # side by side; more leave their names too little room
_DIGITS = {"%": 2, "": 4, "px": 3, "mm": 3, "deg": 3, "ms": 3}


@dataclass(frozen=True)
class Grid:
    """Variants that have the same metrics. cells: a number for each variant and metric."""

    metrics: tuple[str, ...]
    units: tuple[str, ...]
    variants: tuple[str, ...]
    cells: tuple[tuple[Number, ...], ...]


@dataclass(frozen=True)
class Comparison:
    """A published table and our row in it: one text a column, "-" where there is none of ours."""

    table: Table
    ours: tuple[str, ...]


def grids(numbers: Sequence[Number]) -> list[Grid]:
    """The numbers as tables, in their order."""
    rows: dict[str, list[Number]] = {}
    for number in numbers:
        rows.setdefault(number.variant, []).append(number)
    by_metrics: dict[tuple[str, ...], dict[str, list[Number]]] = {}
    for variant, row in rows.items():
        by_metrics.setdefault(tuple(number.metric for number in row), {})[variant] = row
    return [
        Grid(
            metrics,
            tuple(number.unit for number in next(iter(part.values()))),
            tuple(part),
            tuple(tuple(row) for row in part.values()),
        )
        for metrics, part in by_metrics.items()
    ]


def comparisons(result: Result) -> list[Comparison]:
    """The published tables that a number of the result belongs in."""
    found = []
    for table in tables_of(result.protocol):
        ours = tuple(
            _ours(result, column.variant, column.metric) if column.protocol == result.protocol else NOTHING
            for column in table.columns
        )
        if any(cell != NOTHING for cell in ours):
            found.append(Comparison(table, ours))
    return found


def _ours(result: Result, variant: str, metric: str) -> str:
    values = {number.metric: number for number in result.numbers if number.variant == variant}
    parts = [metric] if metric in values else metric.split(" / ")
    return " / ".join(value_text(values[part]) for part in parts) if all(part in values for part in parts) else NOTHING


def value_text(number: Number) -> str:
    """The value alone: two digits of percent, four of a ratio."""
    return _text(number.value, number.unit)


def interval_text(number: Number) -> str:
    """The interval, "" without one."""
    if number.low is None or number.high is None:
        return ""
    return f"[{_text(number.low, number.unit)}, {_text(number.high, number.unit)}]"


def _text(value: float, unit: str) -> str:
    if value != value:
        return "none"
    return f"{value:.{_DIGITS[unit]}f}" if unit in _DIGITS else f"{value:.4g}"


def markdown(result: Result, method: str) -> str:
    """The result as Markdown: its tables, notes, and the published ones with our row."""
    lines = [f"## {result.title}: {method}", "", f"Protocol `{result.protocol}`. Brackets: 95 % intervals.", ""]
    for grid in grids(result.numbers):
        heads = [f"{metric}{f' ({unit})' if unit else ''}" for metric, unit in zip(grid.metrics, grid.units)]
        lines += _markdown_table(
            ["variant", "n", *heads],
            [
                [variant, str(max(n.count for n in row)), *(f"{value_text(n)} {interval_text(n)}".strip() for n in row)]
                for variant, row in zip(grid.variants, grid.cells)
            ],
        )
    lines += [f"- {note}" for note in result.notes]
    for comparison in comparisons(result):
        table = comparison.table
        lines += ["", f"### {table.title}", "", f"{table.caption}", ""]
        rows = [[row.method, *row.values] for row in table.rows]
        lines += _markdown_table(
            ["method", *(column.name for column in table.columns)], [*rows, [f"**{method}** (here)", *comparison.ours]]
        )
        lines.append(f"Comparable? {table.comparable}")
    return "\n".join(lines) + "\n"


def _markdown_table(heads: list[str], rows: list[list[str]]) -> list[str]:
    texts = [[cell.replace("|", "\\|") for cell in row] for row in [heads, *rows]]
    lines = [f"| {' | '.join(row)} |" for row in texts]
    return [lines[0], "|" + "---|" * len(heads), *lines[1:], ""]
