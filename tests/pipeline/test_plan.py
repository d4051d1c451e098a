"""Shards as index ranges, and shards whose blocks do not end where they do."""

import io

import dataset_fakes
import pytest
from pipeline_fakes import open_plain

from synthgen.core.errors import DatasetError, UsageError
from synthgen.dataset.manifest import ShardRange
from synthgen.pipeline.build_shard import LastBlock, Stamp, build_shard
from synthgen.pipeline.plan import plan_shards

STAMP = Stamp("f" * 64, {"engine": "1"})


def test_plan_by_hand() -> None:
    assert list(plan_shards(5, 2)) == [ShardRange(0, 0, 2), ShardRange(1, 2, 4), ShardRange(2, 4, 5)]
    assert list(plan_shards(4, 4)) == [ShardRange(0, 0, 4)]
    assert list(plan_shards(1, 1000)) == [ShardRange(0, 0, 1)]
    for count, size in ((0, 1), (1, 0), (-3, 5)):
        with pytest.raises(UsageError, match="at least 1"):
            plan_shards(count, size)


def members_of(make_recipe, ranges) -> dict[int, tuple[int, ...]]:  # type: ignore[no-untyped-def]
    """Sample number -> crcs of its members, over several shards."""
    found = {}
    render, layout = LastBlock(open_plain(make_recipe(), "cpu")), dataset_fakes.image_layout((24, 32))
    for planned in ranges:
        built = build_shard(render, planned, layout, STAMP, io.BytesIO())
        for row, entries in enumerate(built.index.entries.tolist()):
            found[planned.start + row] = tuple(crc for _, _, crc in entries)
    return found


def test_a_sample_has_equal_bytes_in_any_shard(make_recipe) -> None:  # type: ignore[no-untyped-def]
    """Sample 37 alone, in shards that cut its block, and in one large shard."""
    whole = members_of(make_recipe, [ShardRange(0, 0, 80)])
    small = members_of(make_recipe, plan_shards(80, 7))
    assert small == whole
    assert members_of(make_recipe, [ShardRange(9, 37, 38)])[37] == whole[37]


def test_blocks_are_whole_and_rendered_once(make_recipe) -> None:  # type: ignore[no-untyped-def]
    calls: list[int] = []
    plain = open_plain(make_recipe(), "cpu")

    def render(block: int):  # type: ignore[no-untyped-def]
        calls.append(block)
        return plain(block)

    remembered, layout = LastBlock(render), dataset_fakes.image_layout((24, 32))
    progress: list[tuple[int, int]] = []
    for planned in plan_shards(90, 40):
        build_shard(remembered, planned, layout, STAMP, io.BytesIO(), lambda n, size: progress.append((n, size)))
    assert calls == [0, 1, 2]
    assert [n for n, _ in progress] == [32, 40, 24, 40, 10]


def test_seconds_are_told_by_stage(make_recipe) -> None:  # type: ignore[no-untyped-def]
    built = build_shard(
        open_plain(make_recipe(), "cpu"),
        ShardRange(0, 0, 3),
        dataset_fakes.image_layout((24, 32)),
        STAMP,
        io.BytesIO(),
    )
    assert set(built.seconds) == {"render", "encode", "write"}
    assert all(value > 0 for value in built.seconds.values())


def test_a_renderer_that_gives_other_samples_is_a_bug(make_recipe) -> None:  # type: ignore[no-untyped-def]
    plain = open_plain(make_recipe(), "cpu")
    with pytest.raises(DatasetError, match="bug in the renderer"):
        build_shard(
            lambda block: plain(block + 1),
            ShardRange(0, 0, 3),
            dataset_fakes.image_layout((24, 32)),
            STAMP,
            io.BytesIO(),
        )
