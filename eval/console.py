"""Results in a terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from eval.comparing import Difference
from eval.protocol import Number, Result
from eval.published_tables import Table
from eval.tables import MOST_METRICS, Grid, comparisons, grids, interval_text, value_text


def console() -> Console:
    """Standard output; wide enough for tables where it is a pipe."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=max(found.width, 160))


def print_result(result: Result, method: str) -> None:
    """Tables, notes, and the published tables with our row."""
    out = console()
    out.print(Text(f"{result.title}: {method}", style="bold"))
    for grid in grids(result.numbers):
        out.print(_across(grid) if len(grid.metrics) <= MOST_METRICS else _down(grid))
    for comparison in comparisons(result):
        print_published(comparison.table, (method, comparison.ours))
    for note in result.notes:
        out.print(Text(f"- {note}"))


def _across(grid: Grid) -> RichTable:
    """A line per variant, its metrics side by side."""
    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("variant", no_wrap=True)
    table.add_column("n", justify="right")
    for metric, unit in zip(grid.metrics, grid.units):
        table.add_column(f"{metric} {unit}".strip(), justify="right")
    for variant, row in zip(grid.variants, grid.cells):
        table.add_row(variant, str(max(number.count for number in row)), *(_cell(number) for number in row))
    return table


def _down(grid: Grid) -> RichTable:
    """A line per metric, variant after variant."""
    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("variant", no_wrap=True)
    table.add_column("metric")
    for head in ("n", "value", "95 % interval"):
        table.add_column(head, justify="right")
    for variant, row in zip(grid.variants, grid.cells):
        for place, number in enumerate(row):
            value = f"{value_text(number)} {number.unit}".strip()
            cells = "" if place else variant, number.metric, str(number.count), value, interval_text(number)
            table.add_row(*cells, end_section=place + 1 == len(row))
    return table


def _cell(number: Number) -> Text:
    text = Text(value_text(number))
    if interval_text(number):
        text.append(f"\n{interval_text(number)}", style="dim")
    return text


def print_published(published: Table, ours: tuple[str, Sequence[str]] | None = None) -> None:
    """A table of a paper, with a row of ours if there is one."""
    out = console()
    table = RichTable(title=published.title, caption=published.comparable, box=box.SIMPLE_HEAD, pad_edge=False)
    table.title_justify = table.caption_justify = "left"
    table.add_column("method")
    for column in published.columns:
        table.add_column(column.name, justify="right")
    for row in published.rows:
        table.add_row(row.method, *row.values)
    if ours is not None:
        table.add_row(f"{ours[0]} (here)", *ours[1], style="bold")
    out.print(table)


def print_differences(found: Sequence[Difference], names: tuple[str, str]) -> None:
    """One line a variant."""
    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("variant", overflow="fold")
    for head in ("n", f"A {names[0]}", f"B {names[1]}", "B - A", "95 % interval", "p"):
        table.add_column(head, justify="right")
    for item in found:
        p = "< 0.0002" if item.p < 0.0002 else f"{item.p:.4f}"
        table.add_row(
            item.variant, str(item.count), f"{item.first:.3f} {item.unit}", f"{item.second:.3f} {item.unit}",
            f"{item.difference:+.3f}", f"[{item.low:+.3f}, {item.high:+.3f}]", p,
        )  # fmt: skip
    console().print(table)


def print_runs(rows: Sequence[tuple[Number, float]], runs: int) -> None:
    """Mean and deviation of every number."""
    table = RichTable(title=f"mean ± sample standard deviation of {runs} runs", box=box.SIMPLE_HEAD, pad_edge=False)
    for head in ("variant", "metric"):
        table.add_column(head, overflow="fold")
    table.add_column("value", justify="right")
    for number, deviation in rows:
        spread = "" if deviation != deviation else f" ± {deviation:.2g}"
        table.add_row(number.variant, number.metric, f"{value_text(number)}{spread} {number.unit}".strip())
    console().print(table)
