"""Label checks: over all samples, and shard by shard, beside their limits."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from synthgen.core.check_limits import check_limit
from synthgen.core.errors import DatasetError
from synthgen.dataset.manifest import Manifest
from synthgen.dataset.shard_files import read_index
from synthgen.report.sample_rows import spread

# Reading an index takes milliseconds; beyond this many shards some are chosen, evenly spread.
MOST_SHARDS = 400

Limit = tuple[float | None, float | None]
Row = tuple[float, float, float]
_FRAME = re.compile(r"^frame\d+_")


@dataclass
class CheckStatistics:
    """One check. shards: number -> (min, mean, max); limit: (lowest, largest) that may be published, None: anything."""

    name: str
    shards: dict[int, Row] = field(default_factory=dict)
    limit: Limit = (None, None)

    @property
    def low(self) -> float:
        """Smallest value of any shard."""
        return min(low for low, _, _ in self.shards.values())

    @property
    def mean(self) -> float:
        """Mean of the shards' means."""
        return float(np.mean([mean for _, mean, _ in self.shards.values()]))

    @property
    def high(self) -> float:
        """Largest value of any shard."""
        return max(high for _, _, high in self.shards.values())

    @property
    def exceeded(self) -> list[int]:
        """Shards with a sample beyond the limit."""
        low, high = self.limit
        return [
            shard
            for shard, (smallest, _, largest) in self.shards.items()
            if (low is not None and smallest < low) or (high is not None and largest > high)
        ]


@dataclass(frozen=True)
class CheckReport:
    """checks by name; shards: how many indexes were read, of how many there are; problems: damaged ones."""

    checks: tuple[CheckStatistics, ...]
    shards: int
    of: int
    problems: tuple[str, ...]
    other_versions: tuple[str, ...]


def check_report(folder: Path, manifest: Manifest, present: list[int]) -> CheckReport:
    """The checks that the indexes of a dataset folder hold. present: numbers of the shards that are there."""
    chosen = [present[place] for place in spread(len(present), MOST_SHARDS)]
    checks: dict[str, CheckStatistics] = {}
    problems: list[str] = []
    versions: set[str] = set()
    for shard in chosen:
        try:
            index = read_index(folder, manifest, shard)
        except DatasetError as error:
            problems.append(str(error))
            continue
        versions |= {f"{k} {v}" for k, v in index.versions.items() if manifest.versions.get(k, v) != v}
        for name, row in _rows(index.checks).items():
            checks.setdefault(name, CheckStatistics(name)).shards[shard] = row
    for name, check in checks.items():
        check.limit = limit_of(name)
    ordered = tuple(checks[name] for name in sorted(checks))
    return CheckReport(ordered, len(chosen) - len(problems), len(present), tuple(problems), tuple(sorted(versions)))


def _rows(checks: Mapping[str, Mapping[str, float]]) -> dict[str, Row]:
    """(min, mean, max) by name; the frames of a clip are one check."""
    joined: dict[str, list[Row]] = {}
    for name, values in checks.items():
        row = (float(values["min"]), float(values["mean"]), float(values["max"]))
        joined.setdefault(_FRAME.sub("frame_", name), []).append(row)
    return {
        name: (min(row[0] for row in rows), float(np.mean([row[1] for row in rows])), max(row[2] for row in rows))
        for name, rows in joined.items()
    }


def limit_of(check: str) -> Limit:
    """(lowest, largest) value that may be published, by core.check_limits; None where anything may."""
    row = check_limit(check.removeprefix("frame_"))  # the frames of a clip are one check here
    if row is None or row.limit is None:
        return None, None
    return (None, row.limit) if row.side == "most" else (row.limit, None)
