"""Faults 6 and 7: shards that were cut short or had a bit flipped are found, and repair builds just those again."""

import shutil
from pathlib import Path

import pytest
from faults.conftest import content, plain

from synthgen.core.errors import DatasetError
from synthgen.dataset.reader import open_dataset
from synthgen.pipeline.repair import repair
from synthgen.pipeline.status import dataset_status
from synthgen.pipeline.verify import verify


@pytest.fixture
def copy(calm: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(calm, tmp_path / "copy"))


def entries(folder: Path, shard: int) -> list[tuple[int, int]]:
    """(offset, length) of each member of a shard, from its index."""
    from synthgen.dataset.index import index_from_json

    name = f"shard-{shard:06d}.json"
    index = index_from_json((folder / name).read_bytes(), name)
    return [(int(offset), int(length)) for offset, length, _ in index.entries.reshape(-1, 3)]


def cuts(folder: Path) -> dict[str, int]:
    """Every kind of place at which a shard can end early."""
    first, second = entries(folder, 1)[:2]
    size = (folder / "shard-000001.tar").stat().st_size
    return {
        "empty": 0,
        "inside the first header": 100,
        "after the first header": first[0],
        "inside data": first[0] + first[1] // 2,
        "after data": first[0] + first[1],
        "after padding, at a member boundary": second[0] - 512,
        "at a sample boundary": entries(folder, 1)[10 * len(entries(folder, 1)) // 40][0] - 512,
        "inside the end marker": size - 700,
        "one byte short": size - 1,
    }


@pytest.mark.parametrize("place", [
    "empty", "inside the first header", "after the first header", "inside data", "after data",
    "after padding, at a member boundary", "at a sample boundary", "inside the end marker", "one byte short",
])  # fmt: skip
def test_a_truncated_shard_is_found_by_its_size_and_repaired(copy: Path, calm: Path, place: str) -> None:
    file = copy / "shard-000001.tar"
    with open(file, "r+b") as stream:
        stream.truncate(cuts(calm)[place])
    assert dataset_status(copy).unsound == (1,)
    report = verify(copy)
    assert report.damaged == (1,) and len(report.problems) == 1 and "shard-000001.tar has" in report.problems[0]
    dataset = open_dataset(copy)
    with pytest.raises(DatasetError, match=r"shard-000001.tar has \d+ bytes, its index says"):
        dataset[45]
    assert dataset[5]["image"].shape == (24, 32, 3)  # other shards are read as before
    dataset.close()
    assert repair(copy, plain()).shards == (1,)
    assert content(copy) == content(calm)


def flip(file: Path, byte: int) -> None:
    data = bytearray(file.read_bytes())
    data[byte] ^= 0x04
    file.write_bytes(data)


def test_a_flipped_bit_anywhere_in_a_shard_is_found_and_repaired(copy: Path, calm: Path) -> None:
    """In a tar header (name, checksum), in each member of a sample, in padding and in the end marker."""
    members = entries(calm, 2)[:4]
    size = (calm / "shard-000002.tar").stat().st_size
    places = [3, 150, size - 10]
    places += [offset + length // 2 for offset, length in members]
    places += [members[0][0] + members[0][1]] if members[0][1] % 512 else []
    for place in places:
        flip(copy / "shard-000002.tar", place)
        report = verify(copy, deep=True)
        assert report.damaged == (2,), place
        assert repair(copy, plain(), deep=True).shards == (2,)
        assert content(copy) == content(calm), place


def test_a_flipped_bit_in_a_member_is_never_a_wrong_sample(copy: Path, calm: Path) -> None:
    offset, length = entries(calm, 0)[0]
    flip(copy / "shard-000000.tar", offset + length // 3)
    dataset = open_dataset(copy)
    with pytest.raises(DatasetError, match=r"shard-000000.tar: sample 0, member 000000000\..* is damaged"):
        dataset[0]
    dataset.close()


@pytest.mark.parametrize("name", ["shard-000003.json", "template.npz"])
def test_a_flipped_bit_beside_the_shards_is_found_and_repaired(copy: Path, calm: Path, name: str) -> None:
    flip(copy / name, (copy / name).stat().st_size // 2)
    assert not verify(copy).sound
    repair(copy, plain())
    assert content(copy) == content(calm)


def test_a_damaged_manifest_is_named_and_the_recipe_brings_it_back(copy: Path, calm: Path, recipe) -> None:  # type: ignore[no-untyped-def]
    from synthgen.pipeline.run import generate

    flip(copy / "dataset.json", 400)
    for look in (verify, repair, open_dataset):
        with pytest.raises(DatasetError, match=r"dataset.json is damaged"):
            look(copy)
    (copy / "dataset.json").unlink()
    generate(recipe, copy, plain(resume=True))
    assert content(copy) == content(calm)


def test_a_lost_file_is_repaired(copy: Path, calm: Path) -> None:
    for name in ("shard-000000.tar", "shard-000004.json", "samples.parquet"):
        (copy / name).unlink()
    assert repair(copy, plain()).shards == (0, 4)
    assert content(copy) == content(calm)


def test_repair_of_a_whole_dataset_changes_nothing(copy: Path, calm: Path) -> None:
    times = {file.name: file.stat().st_mtime_ns for file in copy.iterdir() if file.is_file()}
    report = repair(copy, plain(), deep=True)
    assert (report.problems, report.shards) == ((), ())
    assert {file.name: file.stat().st_mtime_ns for file in copy.iterdir() if file.is_file()} == times
