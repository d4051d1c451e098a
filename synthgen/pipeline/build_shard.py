"""One shard from its range of samples: a pure function of (renderer, range, layout)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

from synthgen.core.conventions import BLOCK
from synthgen.core.errors import DatasetError
from synthgen.dataset.codecs import SampleCodec
from synthgen.dataset.index import ShardIndex
from synthgen.dataset.layout import SampleLayout
from synthgen.dataset.manifest import ShardRange
from synthgen.dataset.sample import Sample
from synthgen.dataset.writer import ByteSink, ShardWriter
from synthgen.pipeline.check_labels import check_labels


class BlockRenderer(Protocol):
    """Gives the 32 samples of a block, by absolute block number; it may make each only when it is looked at."""

    def __call__(self, block: int, /) -> Sequence[Sample]: ...


@dataclass(frozen=True)
class Stamp:
    """What every index of a dataset repeats: its fingerprint and the versions that built it."""

    fingerprint: str
    versions: dict[str, str]


@dataclass(frozen=True)
class BuiltShard:
    """A shard that was written. seconds: stage -> seconds spent ("render", "encode", "write")."""

    index: ShardIndex
    seconds: dict[str, float] = field(default_factory=dict)


class LastBlock:
    """A renderer that remembers its last block: two shards that meet inside a block need it twice."""

    def __init__(self, render: BlockRenderer) -> None:
        self._render = render
        self._block = -1
        self._samples: Sequence[Sample] = ()

    def __call__(self, block: int) -> Sequence[Sample]:
        """The samples of a block."""
        if block != self._block:
            self._samples = self._render(block)
            self._block = block
        return self._samples


def build_shard(
    render: BlockRenderer,
    planned: ShardRange,
    layout: SampleLayout,
    stamp: Stamp,
    sink: ByteSink,
    on_block: Callable[[int, int], None] | None = None,
) -> BuiltShard:
    """Render, encode and write the samples of a shard; blocks are always computed whole.

    on_block(samples so far, bytes so far) is called after each block. Raises LabelError for labels that cannot be
    stored or fail a check, DatasetError when the renderer gives other samples than the block's.
    """
    codec = SampleCodec(layout)
    writer = ShardWriter(sink, layout, planned.shard, planned.start)
    seconds = dict.fromkeys(("render", "encode", "write"), 0.0)
    for block in range(planned.start // BLOCK, -(-planned.stop // BLOCK)):
        started = perf_counter()
        samples = render(block)
        seconds["render"] += perf_counter() - started
        for wanted in range(max(BLOCK * block, planned.start), min(BLOCK * (block + 1), planned.stop)):
            started = perf_counter()
            sample = _sample_of(samples, wanted)
            seconds["render"] += perf_counter() - started
            check_labels(sample, planned.shard)
            _append(sample, codec, writer, seconds)
        if on_block is not None:
            on_block(min(BLOCK * (block + 1), planned.stop) - planned.start, writer.bytes_written)
    started = perf_counter()
    index = writer.finish(stamp.fingerprint, stamp.versions)
    seconds["write"] += perf_counter() - started
    return BuiltShard(index, seconds)


def _append(sample: Sample, codec: SampleCodec, writer: ShardWriter, seconds: dict[str, float]) -> None:
    started = perf_counter()
    members = codec.encode(sample)
    encoded = perf_counter()
    writer.add(members, sample.checks)
    seconds["encode"] += encoded - started
    seconds["write"] += perf_counter() - encoded


def _sample_of(samples: Sequence[Sample], index: int) -> Sample:
    """Sample `index` of the block that it belongs to. Raises DatasetError when the block has another in its place."""
    block, place = divmod(index, BLOCK)
    sample = samples[place] if len(samples) == BLOCK else None
    if sample is None or sample.index != index:
        found = len(samples) if sample is None else sample.index
        raise DatasetError(
            f"the renderer gave {found} for sample {index} of block {block}; this is a bug in the renderer"
        )
    return sample
