"""The label checks of a dataset as a table."""

from pathlib import Path

from synthgen.pipeline.verify_checks import CheckSummary, summarise_checks

Cells = tuple[str, str, str, str, str, str]
_SIGNS = {"most": "<=", "least": ">="}


def check_table(dataset: Path) -> str:
    """One line per check: smallest, mean and largest value over the samples, and what it may be."""
    summaries, shards = summarise_checks(dataset)
    rows = [("label check", "min", "mean", "max", "limit", ""), *map(_cells, summaries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]
    return "\n".join([*lines, f"of {shards} shards"])


def _cells(summary: CheckSummary) -> Cells:
    row = summary.row
    limit = "" if row.limit is None else f"{_SIGNS[row.side]} {row.limit:g}"
    worst = summary.max if row.side == "most" else summary.min
    least, mean, most = (f"{value:.3g}" for value in (summary.min, summary.mean, summary.max))
    return (row.name, least, mean, most, limit, "" if row.holds(worst) else "BROKEN")
