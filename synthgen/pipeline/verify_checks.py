"""The label checks that each shard's index carries, against today's limits."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from synthgen.core.check_limits import CHECKS, CheckLimit, check_limit
from synthgen.core.errors import DatasetError
from synthgen.dataset.index import ShardIndex
from synthgen.dataset.reader import load_manifest
from synthgen.dataset.shard_files import read_index

# A table needs no more: whether every shard keeps the limits is what `check_problems` finds.
MOST_SHARDS = 1000
_PARTS = ("min", "mean", "max")


@dataclass(frozen=True)
class CheckSummary:
    """A check over the shards of a dataset, both views of pairs together. row: of the table of checks; mean: of the
    shards' means."""

    row: CheckLimit
    min: float
    mean: float
    max: float


def check_problems(index: ShardIndex) -> Iterator[str]:
    """A line for each check in an index that is beyond its limit, and for an index without any.

    A shard with such a check is never published, so this one was made before the limit was, or edited.
    """
    advice = "synthgen repair rebuilds the shard"
    known = {name: row for name in index.checks if (row := check_limit(name)) is not None}
    if not known:
        yield f"shard {index.shard} carries no label checks: it was made before they were; {advice}"
    for name, row in known.items():
        summary = index.checks[name]
        if not _is_summary(summary):
            yield f"check {name} of shard {index.shard} is {summary!r}, expected min <= max and mean; {advice}"
            continue
        value = summary["max" if row.side == "most" else "min"]
        if not row.holds(value):
            yield f"{row.broken_by(f'{name} of shard {index.shard}', value)}; {advice}"


def summarise_checks(path: str | Path) -> tuple[list[CheckSummary], int]:
    """The checks of a dataset folder in the order of the table, and of how many shards: of at most MOST_SHARDS, evenly
    spread. Shards that are missing or damaged are left out. Raises DatasetError when the folder is no dataset."""
    folder = Path(path)
    manifest = load_manifest(folder)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in CHECKS}
    read = 0
    for shard in np.unique(np.linspace(0, manifest.shards - 1, MOST_SHARDS).astype(int)).tolist():
        try:
            checks = read_index(folder, manifest, shard).checks
        except DatasetError:
            continue
        read += 1
        for name, summary in checks.items():
            row = check_limit(name)
            if row is not None and _is_summary(summary):
                found[row.name].append(summary)
    return [_joined(CHECKS[name], rows) for name, rows in found.items() if rows], read


def _joined(row: CheckLimit, rows: list[dict[str, float]]) -> CheckSummary:
    least, mean, most = ([summary[part] for summary in rows] for part in _PARTS)
    return CheckSummary(row, min(least), sum(mean) / len(mean), max(most))


def _is_summary(summary: Any) -> bool:
    """Whether a value read from an index is {"min", "mean", "max"} of numbers, min <= max."""
    if not isinstance(summary, dict):
        return False
    numbers = [value for part in _PARTS if isinstance(value := summary.get(part), int | float) and isfinite(value)]
    return len(numbers) == len(_PARTS) and numbers[0] <= numbers[-1]
