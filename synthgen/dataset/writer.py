"""Samples become a shard: tar bytes on a stream, and the index that describes them."""

import hashlib
from collections.abc import Mapping, Sequence
from math import fsum, isfinite
from typing import Any, Protocol
from zlib import crc32

import numpy as np

from synthgen.dataset.index import ShardIndex, shard_file
from synthgen.dataset.layout import SampleLayout
from synthgen.dataset.tar import BLOCK, END, member_name, tar_header, tar_padding


class ByteSink(Protocol):
    """Anything that takes bytes in order."""

    def write(self, data: bytes, /) -> Any: ...


class ShardWriter:
    """Writes encoded samples in order; equal members give equal bytes.

    stream: takes the tar; shard, start: number of the shard and of its first sample.
    """

    def __init__(self, stream: ByteSink, layout: SampleLayout, shard: int, start: int) -> None:
        self._stream = stream
        self._layout = layout
        self._shard = shard
        self._start = start
        self._hash = hashlib.sha256()
        self._position = 0
        self._entries: list[list[tuple[int, int, int]]] = []
        self._checks: dict[str, list[float]] = {}

    @property
    def bytes_written(self) -> int:
        """Bytes written so far."""
        return self._position

    def add(self, members: Sequence[bytes], checks: Mapping[str, float]) -> None:
        """Append the next sample. members: in the order of `layout.members`."""
        index = self._start + len(self._entries)
        parts: list[bytes] = []
        entries = []
        position = self._position
        for (suffix, _), content in zip(self._layout.members, members, strict=True):
            length = len(content)
            position += BLOCK
            entries.append((position, length, crc32(content)))
            parts += (tar_header(member_name(index, suffix), length), content, tar_padding(length))
            position += length + len(parts[-1])
        self._entries.append(entries)
        self._write(b"".join(parts))
        for name, value in checks.items():
            if isfinite(value):
                self._checks.setdefault(name, []).append(float(value))

    def finish(self, fingerprint: str, versions: Mapping[str, str]) -> ShardIndex:
        """End the tar and describe it."""
        self._write(END)
        entries = np.array(self._entries, np.int64).reshape(len(self._entries), len(self._layout.members), 3)
        return ShardIndex(
            shard=self._shard,
            start=self._start,
            stop=self._start + len(self._entries),
            file=shard_file(self._shard),
            bytes=self._position,
            sha256=self._hash.hexdigest(),
            fingerprint=fingerprint,
            versions=dict(versions),
            members=self._layout.members,
            entries=entries,
            checks={name: _summary(values) for name, values in sorted(self._checks.items())},
        )

    def _write(self, data: bytes) -> None:
        self._stream.write(data)
        self._hash.update(data)
        self._position += len(data)


def _summary(values: Sequence[float]) -> dict[str, float]:
    return {"min": min(values), "mean": fsum(values) / len(values), "max": max(values)}
