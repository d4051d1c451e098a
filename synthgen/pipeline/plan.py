"""Which shards a run has to build: index ranges, minus those that are already there and sound."""

from synthgen.core.errors import DatasetError, UsageError
from synthgen.dataset.index import ShardIndex, check_index, index_file, index_from_json, shard_file
from synthgen.dataset.manifest import Manifest, ShardRange
from synthgen.pipeline.publish import Store


def plan_shards(count: int, shard_size: int) -> list[ShardRange]:
    """The shards of `count` samples, `shard_size` each, the last one shorter. Raises UsageError below 1."""
    if count < 1 or shard_size < 1:
        raise UsageError(f"count {count} and shard size {shard_size} must be at least 1")
    starts = range(0, count, shard_size)
    return [ShardRange(number, start, min(start + shard_size, count)) for number, start in enumerate(starts)]


def sound_index(store: Store, manifest: Manifest, planned: ShardRange) -> ShardIndex | None:
    """The index of a finished shard, None when the shard has to be built (again).

    Finished means: the index matches its own hash, belongs to this dataset and range, and the tar has its size.
    """
    name = index_file(planned.shard)
    try:
        data = store.read(name)
        if data is None or store.size(shard_file(planned.shard)) is None:
            return None
        index = index_from_json(data, name)
        check_index(index, manifest.fingerprint, manifest.layout, range(planned.start, planned.stop), name)
    except DatasetError:
        return None
    return index if store.size(index.file) == index.bytes else None
