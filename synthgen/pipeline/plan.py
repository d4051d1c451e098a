"""Which shards a run has to build: index ranges, minus those that are already there and sound."""

from array import array
from collections.abc import Collection, Sequence
from typing import overload

from synthgen.core.errors import DatasetError, UsageError
from synthgen.dataset.index import ShardIndex, check_index, index_file, index_from_json, shard_file
from synthgen.dataset.manifest import Manifest, ShardRange
from synthgen.pipeline.publish import Store


class ShardPlan(Sequence[ShardRange]):
    """The shards of `count` samples, `shard_size` each, the last one shorter; takes no memory, however many."""

    def __init__(self, count: int, shard_size: int) -> None:
        self._count, self._size = count, shard_size

    def __len__(self) -> int:
        return -(-self._count // self._size)

    @overload
    def __getitem__(self, shard: int) -> ShardRange: ...
    @overload
    def __getitem__(self, shard: slice) -> list[ShardRange]: ...
    def __getitem__(self, shard: int | slice) -> ShardRange | list[ShardRange]:
        if isinstance(shard, slice):
            return [self[number] for number in range(*shard.indices(len(self)))]
        number = range(len(self))[shard]
        return ShardRange(number, number * self._size, min((number + 1) * self._size, self._count))


def plan_shards(count: int, shard_size: int) -> ShardPlan:
    """The shards of `count` samples. Raises UsageError below 1."""
    if count < 1 or shard_size < 1:
        raise UsageError(f"count {count} and shard size {shard_size} must be at least 1")
    return ShardPlan(count, shard_size)


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


def missing_shards(
    store: Store, manifest: Manifest, plan: ShardPlan, only: Collection[int] | None = None
) -> "tuple[array[int], list[int]]":
    """Numbers of the shards to build, eight bytes each, and of those among them that left files behind.

    only: these are to be built, whatever is there. One listing of the store, then one index read per shard that is
    there. Raises UsageError for a number outside the plan.
    """
    outside = [shard for shard in only or () if not 0 <= shard < len(plan)]
    if outside:
        raise UsageError(f"shard {outside[0]} is not one of the dataset's, 0 to {len(plan) - 1}")
    names = set(store.names())
    todo, left = array("q"), []
    for planned in plan if only is None else [plan[shard] for shard in sorted(only)]:
        present = [name in names for name in (shard_file(planned.shard), index_file(planned.shard))]
        if only is None and all(present) and sound_index(store, manifest, planned) is not None:
            continue
        todo.append(planned.shard)
        if any(present):
            left.append(planned.shard)
    return todo, left
