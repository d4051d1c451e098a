"""The framing of a shard, checked with Python's own tar reader and by hand, and the index that describes it."""

import hashlib
import io
import json
import tarfile
import zlib
from dataclasses import replace

import numpy as np
import pytest
from dataset_fakes import image_layout, image_sample, pair_layout, pair_sample

from synthgen.core.errors import DatasetError
from synthgen.dataset.codecs import SampleCodec
from synthgen.dataset.index import ShardIndex, check_index, index_from_json, index_to_json
from synthgen.dataset.layout import SampleLayout
from synthgen.dataset.tar import tar_header
from synthgen.dataset.writer import ShardWriter

SIZE = (16, 24)


def write_shard(layout: SampleLayout, start: int = 40, count: int = 3) -> tuple[bytes, ShardIndex]:
    stream, codec = io.BytesIO(), SampleCodec(layout)
    writer = ShardWriter(stream, layout, shard=2, start=start)
    make = image_sample if layout.kind == "images" else pair_sample
    for index in range(start, start + count):
        sample = make(index, SIZE)
        writer.add(codec.encode(sample), sample.checks)
    index = writer.finish("f" * 64, {"engine": "1"})
    return stream.getvalue(), index


@pytest.mark.parametrize("layout", [image_layout(SIZE), pair_layout(SIZE), image_layout(SIZE, "png")])
def test_tar_layout(layout: SampleLayout) -> None:
    """Order, names, owners and times as any tar reader sees them, and contents where the index says."""
    data, index = write_shard(layout)
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        members = tar.getmembers()
        names = [f"{n:09d}.{suffix}" for n in range(40, 43) for suffix, _ in layout.members]
        assert [member.name for member in members] == names
        contents = [tar.extractfile(member).read() for member in members]  # type: ignore[union-attr]
    for member in members:
        assert (member.mtime, member.uid, member.gid, member.mode, member.type) == (0, 0, 0, 0o644, tarfile.REGTYPE)
        assert (member.uname, member.gname) == ("", "")
    entries = index.entries.reshape(-1, 3)
    for member, content, (offset, length, crc) in zip(members, contents, entries.tolist(), strict=True):
        assert (member.offset_data, member.size) == (offset, length)
        assert data[offset : offset + length] == content
        assert zlib.crc32(content) == crc
    assert index.bytes == len(data)
    assert index.sha256 == hashlib.sha256(data).hexdigest()
    assert data.endswith(bytes(1024))
    assert len(data) % 512 == 0


def test_header_bytes_by_hand() -> None:
    header = tar_header("000000007.meta.json", 300)
    expected = (
        b"000000007.meta.json".ljust(100, b"\0")
        + b"0000644\0"
        + b"0000000\0" * 2
        + b"00000000454\0"  # 300 in octal
        + b"00000000000\0"
    )
    assert header[:148] == expected
    assert header[156:157] == b"0"
    assert header[257:265] == b"ustar\x0000"
    assert header[265:] == bytes(512 - 265)
    blank = header[:148] + b" " * 8 + header[156:]
    assert header[148:156] == b"%06o\0 " % sum(blank)
    with tarfile.open(fileobj=io.BytesIO(header + bytes(512 + 1024))) as tar:
        assert tar.getmembers()[0].name == "000000007.meta.json"
    with pytest.raises(ValueError, match="does not fit"):
        tar_header("x" * 101, 1)
    with pytest.raises(ValueError, match="does not fit"):
        tar_header("x", 8**11)


def test_equal_samples_give_equal_bytes() -> None:
    assert write_shard(image_layout(SIZE))[0] == write_shard(image_layout(SIZE))[0]
    first, second = (index_to_json(write_shard(pair_layout(SIZE))[1]) for _ in range(2))
    assert first == second


def test_index_survives_json() -> None:
    _, index = write_shard(image_layout(SIZE))
    again = index_from_json(index_to_json(index), "x.json")
    np.testing.assert_array_equal(again.entries, index.entries)
    assert replace(again, entries=index.entries) == index
    assert index.checks["coverage"] == pytest.approx({"min": 0.4, "mean": 0.4, "max": 0.4})
    assert (index.start, index.stop, index.file) == (40, 43, "shard-000002.tar")


def test_checks_summarise_finite_values_only() -> None:
    layout, stream = image_layout(SIZE), io.BytesIO()
    writer, codec = ShardWriter(stream, layout, 0, 0), SampleCodec(image_layout(SIZE))
    for index, value in enumerate((1.0, 2.0, float("nan"), 6.0)):
        sample = replace(image_sample(index, SIZE), checks={"error": value})
        writer.add(codec.encode(sample), sample.checks)
    assert writer.finish("f", {}).checks == {"error": {"min": 1.0, "mean": 3.0, "max": 6.0}}


def test_index_flips_are_all_caught() -> None:
    """Every single-bit change of an index is refused: it carries the hash of its own content."""
    data = index_to_json(write_shard(image_layout(SIZE), count=1)[1])
    for position in range(0, 8 * (len(data) - 1), 5):
        flipped = bytearray(data)
        flipped[position // 8] ^= 1 << position % 8
        with pytest.raises(DatasetError, match=r"x\.json"):
            index_from_json(bytes(flipped), "x.json")


@pytest.mark.parametrize(
    "change",
    [
        {"format": "synthgen-shard-index-9"},
        {"bytes": 1024},
        {"file": "../shard-000002.tar"},
        {"stop": 42},
        {"entries": [[1, 2, 3]]},
        {"entries": "none"},
        {"shard": -1},
    ],
)
def test_well_hashed_nonsense_is_refused(change: dict[str, object]) -> None:
    content = json.loads(index_to_json(write_shard(image_layout(SIZE))[1]))
    del content["index_sha256"]
    content |= change
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    content["index_sha256"] = hashlib.sha256(canonical).hexdigest()
    with pytest.raises(DatasetError, match=r"x\.json"):
        index_from_json(json.dumps(content).encode(), "x.json")


def test_members_of_another_version_are_named() -> None:
    layout = image_layout(SIZE)
    index = write_shard(layout)[1]
    old = replace(index, members=tuple((name, codec + "-old") for name, codec in index.members))
    with pytest.raises(DatasetError, match=r"a\.json was written by another version.*-old.*this version reads"):
        check_index(old, index.fingerprint, layout, range(index.start, index.stop), "a.json")
