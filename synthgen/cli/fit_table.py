"""The table of `synthgen fit`: a row per face or picture, the worst where they are too many to read."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from synthgen.cli.console import say

MOST_ROWS = 50  # a longer table is read by nobody


class Named(Protocol):
    """A row of results."""

    @property
    def name(self) -> str: ...


Row = TypeVar("Row", bound=Named)


def print_fit_table(
    rows: Sequence[Row],
    headings: Sequence[str],
    cells: Callable[[Row], Sequence[str]],
    badness: Callable[[Row], float],
) -> None:
    """Print the rows on stderr, and where more than MOST_ROWS are there only the worst, which is said.

    headings: of the columns after the name, whose own is the first; badness: larger is worse.
    """
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from synthgen.cli.console import stderr_console

    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column(headings[0], overflow="fold", min_width=16)
    for heading in headings[1:]:
        table.add_column(heading, justify="right", no_wrap=True)
    shown = sorted(rows, key=badness, reverse=True)[:MOST_ROWS] if len(rows) > MOST_ROWS else rows
    for row in shown:
        table.add_row(escape(row.name), *cells(row))
    stderr_console().print(table)
    if len(shown) < len(rows):
        say(f"the {len(shown)} worst of {len(rows)} {headings[0]}s; all are in --report FILE.json")
