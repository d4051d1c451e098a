"""`quarantine.json`: the shards that a run gave up, why, and the command that tries each alone."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from synthgen.core.errors import DatasetError, QuarantineError
from synthgen.pipeline.attempts import Failed
from synthgen.pipeline.publish import Store, publish_bytes

QUARANTINE_FILE = "quarantine.json"
_MOST_LISTED = 10


@dataclass(frozen=True)
class Quarantined:
    """A shard that was given up: samples start .. stop-1. command: builds it alone, in one process."""

    shard: int
    start: int
    stop: int
    reason: str
    command: str


def quarantined(failed: Failed, location: str) -> Quarantined:
    """The record of a shard whose budget is spent."""
    planned = failed.planned
    command = f"synthgen repair {shlex.quote(location)} --shard {planned.shard} --workers 0"
    return Quarantined(planned.shard, planned.start, planned.stop, failed.reason, command)


def read_quarantine(store: Store) -> list[Quarantined]:
    """What earlier runs gave up; empty when the file is missing or makes no sense, since the shards' absence counts."""
    data = store.read(QUARANTINE_FILE)
    try:
        entries = json.loads(data or b"{}")["shards"]
        return [Quarantined(**{field.name: entry[field.name] for field in fields(Quarantined)}) for entry in entries]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


def write_quarantine(store: Store, shards: Sequence[Quarantined]) -> None:
    """Write the file, or remove it when no shard was given up."""
    if not shards:
        store.remove(QUARANTINE_FILE)
        return
    content = {"shards": [asdict(shard) for shard in sorted(shards, key=lambda shard: shard.shard)]}
    publish_bytes(store, QUARANTINE_FILE, json.dumps(content, indent=1).encode() + b"\n")


def quarantine_error(shards: Sequence[Quarantined], location: str, present: int, total: int) -> QuarantineError:
    """What to tell a user at the end of a run that gave shards up. present, total: samples."""
    return QuarantineError(
        f"{location}: {len(shards)} {'shard was' if len(shards) == 1 else 'shards were'} given up, everything else is "
        f"there ({present} of {total} samples); {QUARANTINE_FILE} lists them. Try each alone:\n" + _listing(shards)
    )


def too_many_error(shards: Sequence[Quarantined], location: str) -> DatasetError:
    """What to tell a user when a run stops because too many shards fail."""
    return DatasetError(
        f"{location}: stopped, because {len(shards)} shards were given up and others may fail alike; what is built "
        f"stays, go on with --resume when the reason is gone. Try one alone:\n" + _listing(shards)
    )


def _listing(shards: Sequence[Quarantined]) -> str:
    lines = []
    for shard in sorted(shards, key=lambda shard: shard.shard)[:_MOST_LISTED]:
        lines.append(f"  shard {shard.shard} (samples {shard.start} to {shard.stop - 1}): {shard.reason}")
        lines.append(f"    {shard.command}")
    if len(shards) > _MOST_LISTED:
        lines.append(f"  and {len(shards) - _MOST_LISTED} more")
    return "\n".join(lines)
