"""Exports of flow and plain files, read back by parsers written here from the formats' definitions.

For all formats: equal exports give equal bytes, and nothing is left of one that fails.
"""

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from export_fakes import KINDS, contents, damage, write_dataset

from synthgen.core.errors import DatasetError, UsageError
from synthgen.dataset.export import FORMATS, export_dataset
from synthgen.dataset.export_flo import encode_flo
from synthgen.dataset.export_kitti import encode_kitti_flow
from synthgen.dataset.index import index_from_json
from synthgen.dataset.reader import open_dataset


def read_flo(data: bytes) -> np.ndarray:
    """Middlebury: 'PIEH', width, height, then rows of (u, v) float32, little-endian."""
    assert data[:4] == b"PIEH"
    width, height = struct.unpack("<ii", data[4:12])
    values = struct.unpack(f"<{2 * width * height}f", data[12:])
    return np.array(values, np.float32).reshape(height, width, 2)


def read_png(data: bytes) -> np.ndarray:
    """A PNG whose rows all have filter 0: chunk by chunk, sample by sample, big-endian."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    position, body = 8, b""
    while position < len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        content = data[position + 8 : position + 8 + length]
        (crc,) = struct.unpack(">I", data[position + 8 + length : position + 12 + length])
        assert crc == zlib.crc32(kind + content)
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", content[:10])
        body += content if kind == b"IDAT" else b""
        position += 12 + length
    channels = {0: 1, 2: 3}[colour]
    raw = zlib.decompress(body)
    stride = 1 + width * channels * depth // 8
    rows = []
    for row in range(height):
        line = raw[row * stride : (row + 1) * stride]
        assert line[0] == 0
        rows.append(struct.unpack(f">{width * channels}{'H' if depth == 16 else 'B'}", line[1:]))
    return np.array(rows).reshape(height, width, channels)


def test_flo_by_hand() -> None:
    flow = np.array([[[1.5, -2.0], [np.nan, np.nan]]], np.float32)
    data = encode_flo(flow)
    assert data == b"PIEH" + struct.pack("<ii4f", 2, 1, 1.5, -2.0, 1e10, 1e10)


def test_kitti_flow_by_hand() -> None:
    flow = np.array([[[1.5, -2.0], [np.nan, np.nan], [600.0, 0.0], [3.0, 3.0]]], np.float32)
    pixels = read_png(encode_kitti_flow(flow, np.array([[True, True, True, False]])))
    assert pixels[0].tolist() == [[32768 + 96, 32768 - 128, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_flo_export(pairs_folder: Path, tmp_path: Path) -> None:
    dataset = open_dataset(pairs_folder)
    assert export_dataset(dataset, "flo", tmp_path / "out", [0, 39]) == 2
    for index in (0, 39):
        sample = dataset[index]
        for name in ("flow", "flow_backward"):
            found = read_flo((tmp_path / "out" / f"{index:09d}.{name}.flo").read_bytes())
            known = ~np.isnan(sample[name])
            np.testing.assert_array_equal(found[known], sample[name][known])
            assert (found[~known] > 1e9).all()
        picture = read_png((tmp_path / "out" / f"{index:09d}.target_image.png").read_bytes())
        np.testing.assert_array_equal(picture, sample["target_image"])
        codes = read_png((tmp_path / "out" / f"{index:09d}.matchability.png").read_bytes())
        np.testing.assert_array_equal(codes[..., 0], sample["matchability"])


def test_kitti_export(pairs_folder: Path, tmp_path: Path) -> None:
    dataset = open_dataset(pairs_folder)
    export_dataset(dataset, "kitti", tmp_path / "out", [5])
    sample = dataset[5]
    pixels = read_png((tmp_path / "out" / "flow_occ" / "000000005_10.png").read_bytes())
    valid = pixels[..., 2] == 1
    np.testing.assert_array_equal(valid, ~np.isnan(sample["flow"][..., 0]))
    # Both formats count in steps of 1/64 px, so nothing is lost.
    np.testing.assert_array_equal((pixels[valid, :2] - 32768.0) / 64.0, sample["flow"][valid])
    visible = read_png((tmp_path / "out" / "flow_noc" / "000000005_10.png").read_bytes())[..., 2] == 1
    np.testing.assert_array_equal(visible, sample["matchability"] == 1)
    second = read_png((tmp_path / "out" / "image_2" / "000000005_11.png").read_bytes())
    np.testing.assert_array_equal(second, sample["target_image"])


def test_plain_files(images_folder: Path, tmp_path: Path) -> None:
    dataset = open_dataset(images_folder)
    export_dataset(dataset, "files", tmp_path / "out", [12])
    sample = dataset[12]
    for name, array in sample.items():
        stem = tmp_path / "out" / f"000000012.{name}"
        if stem.with_name(stem.name + ".png").exists():
            found = read_png(stem.with_name(stem.name + ".png").read_bytes())
            expected = array.astype(int) * (255 if array.dtype == bool else 1)
            np.testing.assert_array_equal(found.squeeze(), expected)
        else:
            np.testing.assert_array_equal(np.load(io.BytesIO(stem.with_name(stem.name + ".npy").read_bytes())), array)
    assert json.loads((tmp_path / "out" / "000000012.meta.json").read_text())["index"] == 12
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


def test_exports_that_cannot_be(images_folder: Path, pairs_folder: Path, tmp_path: Path) -> None:
    images = open_dataset(images_folder)
    with pytest.raises(UsageError, match="unknown export format 'mds'"):
        export_dataset(images, "mds", tmp_path / "a")
    with pytest.raises(UsageError, match="does not hold flow"):
        export_dataset(images, "kitti", tmp_path / "b")
    assert not (tmp_path / "b").exists()
    with pytest.raises(UsageError, match="does not hold landmarks_2d"):
        export_dataset(open_dataset(pairs_folder), "coco", tmp_path / "c")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("x")
    with pytest.raises(DatasetError, match="is not empty"):
        export_dataset(images, "files", tmp_path / "full")


# Formats that a kind lacks labels for.
CANNOT = {("images", "flo"), ("images", "kitti")}


@pytest.fixture(scope="module", params=KINDS)
def kind_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("kinds") / request.param, request.param)


@pytest.mark.parametrize("to", FORMATS)
def test_equal_exports_give_equal_bytes(kind_folder: Path, to: str, tmp_path: Path) -> None:
    dataset = open_dataset(kind_folder)
    if (kind_folder.name, to) in CANNOT:
        with pytest.raises(UsageError, match="does not hold flow"):
            export_dataset(dataset, to, tmp_path / "first")
        return
    (tmp_path / "second").mkdir()
    for name in ("first", "second"):  # a new folder and an empty one
        assert export_dataset(dataset, to, tmp_path / name, [0, 3, 4]) == 3
    assert contents(tmp_path / "first") == contents(tmp_path / "second") != {}
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["first", "second"]
    assert not [name for name in contents(tmp_path / "second") if ".tmp-" in name]


@pytest.mark.parametrize("to", ["coco", "parquet", "webdataset", "files"])
@pytest.mark.parametrize("member", [0, 1])
def test_damaged_datasets_are_refused_and_nothing_is_left(to: str, member: int, tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data", "images")
    index = index_from_json((data / "shard-000000.json").read_bytes(), "i")
    damage(data, 2, member, index.entries.tolist())
    (tmp_path / "there").mkdir()
    for name in ("new/folder", "there"):
        with pytest.raises(DatasetError, match="sample 2, member 000000002.* is damaged"):
            export_dataset(open_dataset(data), to, tmp_path / name)
    assert not (tmp_path / "new" / "folder").exists()
    assert not list((tmp_path / "there").iterdir()) and not list((tmp_path / "new").iterdir())


def test_a_full_disk_is_said_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = open_dataset(write_dataset(tmp_path / "data", "images"))

    def full(path: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DatasetError, match="out cannot be written: No space left on device.*make room"):
        export_dataset(dataset, "files", tmp_path / "out")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["data"]


def test_chosen_labels_decide_what_is_exported(tmp_path: Path) -> None:
    dataset = open_dataset(write_dataset(tmp_path / "data", "images"), labels=["depth", "uv"])
    export_dataset(dataset, "files", tmp_path / "out", [1])
    endings = {name.split(".", 1)[1] for name in contents(tmp_path / "out")}
    assert endings == {"depth.npy", "uv.npy", "meta.json"}
    with pytest.raises(UsageError, match="no sample to export"):
        export_dataset(dataset, "files", tmp_path / "none", [])
