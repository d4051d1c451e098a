"""Shards whose tar headers were forged, with every hash right: reading is by offset, so nothing is ever extracted."""

import hashlib
import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from synthgen.dataset.index import index_from_json, index_to_json
from synthgen.dataset.reader import open_dataset
from synthgen.pipeline.verify import verify

Forge = Callable[[bytearray, int], None]


def named(name: bytes) -> Forge:
    def forge(shard: bytearray, header: int) -> None:
        shard[header : header + 100] = name.ljust(100, b"\0")

    return forge


def typed(kind: bytes, target: bytes = b"") -> Forge:
    """A header of another type: 1 hard link, 2 symbolic link, 3 and 4 devices, 5 folder, 6 pipe, x and L extensions."""

    def forge(shard: bytearray, header: int) -> None:
        shard[header + 156 : header + 157] = kind
        shard[header + 157 : header + 257] = target.ljust(100, b"\0")

    return forge


def sized(field: bytes) -> Forge:
    def forge(shard: bytearray, header: int) -> None:
        shard[header + 124 : header + 136] = field.ljust(12, b"\0")

    return forge


def doubled(shard: bytearray, header: int) -> None:
    shard[header : header + 512] = shard[:512]


FORGERIES: dict[str, Forge] = {
    "parent": named(b"../../outside.jpg"),
    "absolute": named(b"/tmp/synthgen-canary.jpg"),
    "symbolic_link": typed(b"2", b"/etc/passwd"),
    "hard_link": typed(b"1", b"../../outside"),
    "character_device": typed(b"3"),
    "block_device": typed(b"4"),
    "folder": typed(b"5"),
    "pipe": typed(b"6"),
    "sparse": typed(b"S"),
    "long_name": typed(b"L"),
    "pax": typed(b"x"),
    "duplicate": doubled,
    "terabyte": sized(b"\x80\0\0\0\0\0\1\0\0\0\0\0"),  # 2^40 in base 256
    "octal": sized(b"77777777777\0"),
    "negative": sized(b"\xff" * 12),
}


def checksummed(shard: bytearray, header: int) -> None:
    shard[header + 148 : header + 156] = b" " * 8
    shard[header + 148 : header + 156] = b"%06o\0 " % sum(shard[header : header + 512])


def files_below(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*")}


@pytest.mark.parametrize("kind", FORGERIES)
def test_forged_headers_are_reported_and_change_nothing(kind: str, images_copy: Path) -> None:
    tar, index_path = images_copy / "shard-000001.tar", images_copy / "shard-000001.json"
    index = index_from_json(index_path.read_bytes(), "i")
    before = open_dataset(images_copy)
    expected = before[25]
    before.close()
    shard = bytearray(tar.read_bytes())
    header = int(index.entries[5, 0, 0]) - 512
    FORGERIES[kind](shard, header)
    checksummed(shard, header)
    tar.write_bytes(shard)
    index_path.write_bytes(index_to_json(replace(index, sha256=hashlib.sha256(shard).hexdigest())))
    there = files_below(images_copy.parent)

    report = verify(images_copy, deep=True)
    assert not report.sound
    assert all("shard-000001.tar: the tar framing of 000000025." in problem for problem in report.problems)

    dataset = open_dataset(images_copy)
    for name, array in dataset[25].items():
        np.testing.assert_array_equal(array, expected[name])
    dataset.close()
    assert files_below(images_copy.parent) == there
    assert not os.path.exists("/tmp/synthgen-canary.jpg")


BLOCK = 512
# Where a shard may end: inside and at the end of a header, of content, of padding, and of the mark at the end.
BOUNDARIES = {
    "nothing": lambda entry, size: 0,
    "in_first_header": lambda entry, size: 100,
    "after_header": lambda entry, size: entry[0],
    "in_content": lambda entry, size: entry[0] + entry[1] // 2,
    "after_content": lambda entry, size: entry[0] + entry[1],
    "after_padding": lambda entry, size: entry[0] + -(-entry[1] // BLOCK) * BLOCK,
    "before_the_end_mark": lambda entry, size: size - 2 * BLOCK,
    "in_the_end_mark": lambda entry, size: size - 1,
    "longer": lambda entry, size: size + BLOCK,
}


@pytest.mark.parametrize("place", BOUNDARIES)
@pytest.mark.parametrize("member", range(3))
def test_a_shard_cut_at_every_kind_of_boundary(place: str, member: int, images_copy: Path) -> None:
    """Size alone tells, in O(1), by quick verification and on the first read; nothing of the shard is handed out."""
    tar = images_copy / "shard-000001.tar"
    index = index_from_json((images_copy / "shard-000001.json").read_bytes(), "i")
    data = tar.read_bytes()
    length = BOUNDARIES[place](index.entries[7, member].tolist(), len(data))
    tar.write_bytes(data[:length].ljust(length, b"\0"))
    report = verify(images_copy)
    assert len(report.problems) == 1 and f"shard-000001.tar has {length} bytes" in report.problems[0]
    dataset = open_dataset(images_copy)
    assert dataset[19]["image"].shape == (24, 32, 3)  # other shards are untouched
    with pytest.raises(Exception, match=r"shard-000001\.tar") as caught:
        dataset[20]
    assert type(caught.value).__name__ == "DatasetError"
    dataset.close()


class Canary:
    """What a pickle does when it is opened by someone who trusts it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("member", range(3))
def test_a_pickle_in_place_of_a_member_is_not_executed(member: int, images_copy: Path, tmp_path: Path) -> None:
    """With crc and sha256 right, as an attacker would write them. ECOSYSTEM.md 5: webdataset runs such members."""
    import zlib

    canary = tmp_path / "canary"
    payload = pickle.dumps(Canary(canary))
    tar, index_path = images_copy / "shard-000000.tar", images_copy / "shard-000000.json"
    index = index_from_json(index_path.read_bytes(), "i")
    shard, entries = bytearray(tar.read_bytes()), index.entries.copy()
    offset, length, _ = entries[3, member].tolist()
    content = payload.ljust(length, b"\0")[:length]
    assert len(payload) <= length
    shard[offset : offset + length] = content
    entries[3, member, 2] = zlib.crc32(content)
    tar.write_bytes(shard)
    changed = replace(index, entries=entries, sha256=hashlib.sha256(shard).hexdigest())
    index_path.write_bytes(index_to_json(changed))
    report = verify(images_copy, deep=True)
    assert not report.sound and "sample 3" in report.problems[0] or "meta" in report.problems[0]
    dataset = open_dataset(images_copy)
    with pytest.raises(Exception, match="sample 3|meta member") as caught:
        dataset[3]
        dataset.meta(3)
    assert type(caught.value).__name__ == "DatasetError"
    dataset.close()
    assert not canary.exists()
    pickle.loads(payload)  # the canary works: whoever unpickles the member runs it
    assert canary.is_dir()


def test_a_foreign_file_in_the_folder_is_left_alone(images_copy: Path) -> None:
    shutil.copy(images_copy / "shard-000000.tar", images_copy / "evil.tar")
    (images_copy / "shard-9999999999.tar").write_bytes(b"")
    (images_copy / "shard-..tar").write_bytes(b"")
    dataset = open_dataset(images_copy)
    assert len(dataset) == 50
    dataset.close()
