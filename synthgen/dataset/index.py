"""The JSON sidecar of a shard: where every member lies and what its bytes must hash to. It also holds its own hash."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import DatasetError
from synthgen.core.limits import MOST_SHARD_SAMPLES
from synthgen.dataset.layout import SampleLayout
from synthgen.dataset.tar import BLOCK, END

Kind = TypeVar("Kind")

INDEX_FORMAT = "synthgen-shard-index-1"
_HASH_KEY = "index_sha256"


@dataclass(frozen=True)
class ShardIndex:
    """One shard's samples start .. stop-1.

    shard: number; file: name of the tar in the same folder; bytes, sha256: of the whole tar;
    fingerprint: of the dataset; versions: package -> version that built it;
    members: (suffix, codec id) of each member of a sample;
    entries: (stop - start, members, 3) int64: offset of the content, its length, its crc32;
    checks: label check -> {"min", "mean", "max"} over the shard.
    """

    shard: int
    start: int
    stop: int
    file: str
    bytes: int
    sha256: str
    fingerprint: str
    versions: dict[str, str]
    members: tuple[tuple[str, str], ...]
    entries: NDArray[np.int64]
    checks: dict[str, dict[str, float]]


def shard_file(shard: int) -> str:
    """Name of a shard's tar."""
    return f"shard-{shard:06d}.tar"


def index_file(shard: int) -> str:
    """Name of a shard's index."""
    return f"shard-{shard:06d}.json"


def canonical_json(content: Any) -> bytes:
    """JSON bytes that depend on the content alone: sorted keys, no spaces."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def sealed_json(content: dict[str, Any], key: str) -> bytes:
    """JSON bytes of `content` with the sha256 of its canonical form under `key`."""
    return canonical_json({**content, key: hashlib.sha256(canonical_json(content)).hexdigest()}) + b"\n"


def open_sealed_json(data: bytes, key: str, where: str) -> dict[str, Any]:
    """The content of `sealed_json` bytes. Raises DatasetError naming `where` unless the hash is right."""
    try:
        content = json.loads(data)
        del content[key]
        expected = sealed_json(content, key)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DatasetError(f"{where} is damaged: {error!r}; delete it and run generate --resume") from error
    if data != expected:
        raise DatasetError(f"{where} is damaged: its content does not match its own hash; delete it and resume")
    return dict(content)


def index_to_json(index: ShardIndex) -> bytes:
    """The sidecar's bytes."""
    content = {
        "format": INDEX_FORMAT,
        "shard": index.shard,
        "start": index.start,
        "stop": index.stop,
        "file": index.file,
        "bytes": index.bytes,
        "sha256": index.sha256,
        "fingerprint": index.fingerprint,
        "versions": index.versions,
        "members": [list(member) for member in index.members],
        "entries": index.entries.reshape(len(index.entries), -1).tolist(),
        "checks": index.checks,
    }
    return sealed_json(content, _HASH_KEY)


def index_from_json(data: bytes, where: str) -> ShardIndex:
    """The index that `index_to_json` wrote. Raises DatasetError naming `where` when it is damaged."""
    content = open_sealed_json(data, _HASH_KEY, where)
    if content.get("format") != INDEX_FORMAT:
        raise DatasetError(f"{where} has format {content.get('format')!r}, expected {INDEX_FORMAT!r}")
    try:
        members = tuple((str(suffix), str(codec)) for suffix, codec in typed(content, "members", list))
        count = typed(content, "stop", int) - typed(content, "start", int)
        if not 0 <= count <= MOST_SHARD_SAMPLES or content["start"] < 0:
            raise ValueError(f"samples {content['start']} to {content['stop']}")
        index = ShardIndex(
            shard=typed(content, "shard", int),
            start=content["start"],
            stop=content["stop"],
            file=typed(content, "file", str),
            bytes=typed(content, "bytes", int),
            sha256=typed(content, "sha256", str),
            fingerprint=typed(content, "fingerprint", str),
            versions=texts(typed(content, "versions", dict)),
            members=members,
            entries=np.asarray(typed(content, "entries", list), np.int64).reshape(count, len(members), 3),
            checks={name: _summary(content["checks"], name) for name in typed(content, "checks", dict)},
        )
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise DatasetError(f"{where} is damaged: {error!r}; delete it and run generate --resume") from error
    _check_entries(index, where)
    return index


def typed(content: dict[str, Any], key: str, kind: type[Kind]) -> Kind:
    """The value of a key. Raises KeyError when it is missing, TypeError when it is of another type."""
    value = content[key]
    if type(value) is not kind:
        raise TypeError(f"{key} is of type {type(value).__name__}, expected {kind.__name__}")
    return value


def texts(content: dict[str, Any]) -> dict[str, str]:
    """The same mapping. Raises TypeError unless every value is a text."""
    return {key: typed(content, key, str) for key in content}


def _summary(checks: dict[str, Any], name: str) -> dict[str, float]:
    """Least, mean and largest value of a label check."""
    summary = typed(checks, name, dict)
    return {key: float(summary[key]) for key in ("min", "mean", "max")}


def _check_entries(index: ShardIndex, where: str) -> None:
    """Members must follow one another in the tar without gaps; anything else was not written by synthgen."""
    offsets, lengths = index.entries[..., 0].ravel(), index.entries[..., 1].ravel()
    if index.shard < 0 or index.file != shard_file(index.shard) or (lengths < 0).any() or (lengths > index.bytes).any():
        raise DatasetError(f"{where} describes another file, or members that are longer than it")
    ends = offsets + -(-lengths // BLOCK) * BLOCK
    expected = np.concatenate([[BLOCK], ends[:-1] + BLOCK])
    whole = index.bytes == (int(ends[-1]) if ends.size else 0) + len(END)
    if not whole or not np.array_equal(offsets, expected):
        raise DatasetError(f"{where} describes members that do not follow one another")


def check_index(index: ShardIndex, fingerprint: str, layout: SampleLayout, samples: range, where: str) -> None:
    """Raises DatasetError unless the index belongs to this dataset and to this range of samples."""
    if index.fingerprint != fingerprint:
        raise DatasetError(f"{where} belongs to the dataset {index.fingerprint[:12]}, not to {fingerprint[:12]}")
    if (index.start, index.stop) != (samples.start, samples.stop):
        raise DatasetError(f"{where} holds samples {index.start}..{index.stop - 1}, expected {samples}")
    if index.members != layout.members:
        there, here = (", ".join(codec for _, codec in members) for members in (index.members, layout.members))
        raise DatasetError(
            f"{where} was written by another version of synthgen: its members are coded as {there}, this version "
            f"reads {here}; read it with that version, or make the dataset again in another folder"
        )
