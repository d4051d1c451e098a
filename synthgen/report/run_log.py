"""What the run logs of a dataset say: time by stage, shards that failed or were set aside, restarts.

Logs are `DIR/runs/*.jsonl`, one JSON object a line. They are an aside of a run, not the dataset: lines that are cut
short or hold something else are counted and skipped, and none at all is a dataset like any other.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import Any

RUN_FOLDER, QUARANTINE_FILE = "runs", "quarantine.json"
# Longer lines are not ours; they are skipped piece by piece.
LONGEST_LINE = 1 << 20
LARGEST_QUARANTINE = 1 << 26
MOST_LISTED = 50


@dataclass
class RunHistory:
    """Sums over all logs of a dataset.

    runs, ended: how often one started and came to its end; wall_seconds: of those that did; workers: largest number;
    shards, samples: built, again after a failure included; stages: name -> seconds; failures, restarts: reason -> how
    often; quarantined: the shards set aside, one dict each; other_events: name -> how often; damaged: skipped lines.
    """

    files: int = 0
    runs: int = 0
    ended: int = 0
    wall_seconds: float = 0.0
    workers: int = 0
    shards: int = 0
    repeated: int = 0
    samples: int = 0
    stages: dict[str, float] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    restarts: Counter[str] = field(default_factory=Counter)
    quarantined: dict[int, dict[str, Any]] = field(default_factory=dict)
    other_events: Counter[str] = field(default_factory=Counter)
    damaged: int = 0

    @property
    def stage_seconds(self) -> float:
        """Of all stages together."""
        return sum(self.stages.values())


def read_run_history(folder: Path) -> RunHistory:
    """The history of the dataset in `folder`; empty when it has no logs. Never fails for what the logs hold."""
    history = RunHistory()
    for file in sorted((folder / RUN_FOLDER).glob("*.jsonl")) if (folder / RUN_FOLDER).is_dir() else []:
        history.files += 1
        for line in _lines(file):
            try:
                _add_event(history, _plain_json(line))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                history.damaged += 1
    _add_quarantine(history, folder / QUARANTINE_FILE)
    return history


def _lines(file: Path) -> Iterator[bytes]:
    """Lines that are not blank; one that is too long comes as pieces, none of which is JSON."""
    try:
        with file.open("rb") as stream:
            while line := stream.readline(LONGEST_LINE):
                if line.strip():
                    yield line
    except OSError:
        yield b"unreadable"


def _plain_json(line: bytes) -> Mapping[str, Any]:
    content = json.loads(line)
    if not isinstance(content, dict):
        raise TypeError("not a JSON object")
    return content


def _add_event(history: RunHistory, event: Mapping[str, Any]) -> None:
    """Raises ValueError, KeyError or TypeError, before anything is added, for an event that is not as agreed."""
    kind = event["event"]
    if kind == "start":
        workers = _whole(event.get("workers") or 0)
        history.runs += 1
        history.workers = max(history.workers, workers)
    elif kind == "shard":
        _add_shard(history, event)
    elif kind == "failed":
        history.failures[str(event["reason"])] += 1
    elif kind == "quarantined":
        _add_quarantined(history, event)
    elif kind == "restart":
        history.restarts[str(event["reason"])] += 1
    elif kind == "end":
        history.wall_seconds += _seconds(event["seconds"])
        history.ended += 1
    else:
        history.other_events[str(kind)] += 1


def _add_shard(history: RunHistory, event: Mapping[str, Any]) -> None:
    stages = {str(name): _seconds(value) for name, value in event["seconds"].items()} if event["seconds"] else {}
    samples, attempt = _whole(event["samples"]), _whole(event.get("attempt") or 0)
    history.shards += 1
    history.repeated += attempt > 0
    history.samples += samples
    for name, seconds in stages.items():
        history.stages[name] = history.stages.get(name, 0.0) + seconds


def _add_quarantined(history: RunHistory, entry: Mapping[str, Any]) -> None:
    shard = _whole(entry["shard"])
    listed = {"shard": shard, "start": _whole(entry["start"]), "stop": _whole(entry["stop"])}
    history.quarantined[shard] = listed | {name: str(entry.get(name) or "") for name in ("reason", "command")}


def _add_quarantine(history: RunHistory, file: Path) -> None:
    """quarantine.json tells what is set aside now, which replaces what logs of earlier runs say."""
    if not file.is_file():
        return
    try:
        with file.open("rb") as stream:
            entries = _plain_json(stream.read(LARGEST_QUARANTINE))["shards"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        history.damaged += 1
        return
    history.quarantined.clear()
    for entry in entries if isinstance(entries, list) else [{}]:
        try:
            _add_quarantined(history, entry)
        except (ValueError, KeyError, TypeError, AttributeError):
            history.damaged += 1


def listed(history: RunHistory) -> list[dict[str, Any]]:
    """The first 50 shards that were set aside, by number."""
    return [history.quarantined[shard] for shard in islice(sorted(history.quarantined), MOST_LISTED)]


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 53:
        raise ValueError(f"{value!r} is no count")
    return value


def _seconds(value: Any) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not isfinite(value) or value < 0:
        raise ValueError(f"{value!r} is no duration")
    return float(value)
