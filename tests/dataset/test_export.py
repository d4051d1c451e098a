"""Exports, each read back by a parser written here from the format's definition."""

import io
import json
import struct
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from synthgen.core.errors import DatasetError, UsageError
from synthgen.dataset.export import encode_flo, encode_kitti_flow, encode_rle, export_dataset
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


def decode_runs(counts: list[int], size: list[int]) -> np.ndarray:
    flat = [value for number, run in enumerate(counts) for value in [number % 2] * run]
    return np.array(flat, bool).reshape(size[1], size[0]).T


def test_rle_by_hand() -> None:
    mask = np.array([[0, 1, 1], [0, 1, 0]], bool)
    assert encode_rle(mask) == {"counts": [2, 3, 1], "size": [2, 3]}
    assert encode_rle(~mask) == {"counts": [0, 2, 3, 1], "size": [2, 3]}
    assert encode_rle(np.zeros((2, 2), bool)) == {"counts": [4], "size": [2, 2]}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_rle_agrees_with_pycocotools(share: float) -> None:
    mask = np.random.default_rng(0).random((13, 9)) < share
    runs = encode_rle(mask)
    np.testing.assert_array_equal(decode_runs(**runs), mask)
    packed = coco_mask.frPyObjects(runs, 13, 9)
    np.testing.assert_array_equal(coco_mask.decode(packed).astype(bool), mask)


def test_coco_export(images_folder: Path, tmp_path: Path) -> None:
    dataset = open_dataset(images_folder)
    export_dataset(dataset, "coco", tmp_path / "out", range(4))
    content = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert len(content["categories"][0]["keypoints"]) == 68
    for index, (image, note) in enumerate(zip(content["images"], content["annotations"], strict=True)):
        sample = dataset[index]
        picture = np.asarray(Image.open(tmp_path / "out" / "images" / image["file_name"]))
        np.testing.assert_array_equal(picture, sample["image"])
        assert (image["height"], image["width"]) == picture.shape[:2]
        assert note["image_id"] == image["id"]
        np.testing.assert_array_equal(decode_runs(**note["segmentation"]), sample["face_mask"])
        x, y, width, height = note["bbox"]
        inside = np.zeros_like(sample["face_mask"])
        inside[y : y + height, x : x + width] = True
        assert not (sample["face_mask"] & ~inside).any()
        assert sample["face_mask"][y].any() and sample["face_mask"][:, x + width - 1].any()
        assert note["area"] == sample["face_mask"].sum()
        points = np.array(note["keypoints"]).reshape(68, 3)
        visibility = sample["landmarks_visibility"]
        flags = {1: 2, 2: 1, 3: 0, 5: 1}
        assert points[:, 2].tolist() == [flags[code] for code in visibility.tolist()]
        shown = visibility != 3
        np.testing.assert_allclose(points[shown, :2], sample["landmarks_2d"][shown] - 0.5, atol=1e-3)
        assert (points[~shown] == 0).all()
        assert note["num_keypoints"] == shown.sum()


class TwoFaces:
    """A dataset of one picture with two labelled faces, the second a square of 3 x 3 pixels."""

    path, fingerprint, recipe = "two", "f" * 64, {"other_faces": "label"}
    labels = ("image", "face_mask", "landmarks_2d", "landmarks_visibility", "face_index", "other_landmarks_2d",
              "other_landmarks_visibility")  # fmt: skip

    def __init__(self, labels: tuple[str, ...] = labels) -> None:
        self.layout = SimpleNamespace(size=(8, 12), prefixes=("",), labels=labels)

    def __len__(self) -> int:
        return 1

    def sample_index(self, position: int) -> int:
        return position

    def __getitem__(self, position: int) -> dict[str, np.ndarray]:
        faces = np.zeros((8, 12), np.uint8)
        faces[2:7, 1:6], faces[4:7, 8:11] = 1, 2
        return {
            "image": np.zeros((8, 12, 3), np.uint8),
            "face_mask": faces > 0,
            "face_index": faces,
            "landmarks_2d": np.full((68, 2), 3.5, np.float32),
            "landmarks_visibility": np.ones(68, np.uint8),
            "other_landmarks_2d": np.stack([np.full((68, 2), 9.5), np.full((68, 2), np.nan)]).astype(np.float32),
            "other_landmarks_visibility": np.stack([np.full(68, 2), np.zeros(68)]).astype(np.uint8),
        }


def test_coco_has_an_annotation_for_each_labelled_face(tmp_path: Path) -> None:
    export_dataset(TwoFaces(), "coco", tmp_path / "out")  # type: ignore[arg-type]
    notes = json.loads((tmp_path / "out" / "annotations.json").read_text())["annotations"]
    assert [(note["id"], note["image_id"], note["bbox"], note["area"]) for note in notes] == [
        (1, 1, [1, 2, 5, 5], 25),
        (2, 1, [8, 4, 3, 3], 9),
    ]
    assert [note["keypoints"][:3] for note in notes] == [[3.0, 3.0, 2], [9.0, 9.0, 1]]
    with pytest.raises(UsageError, match="does not hold face_index"):  # one mask of two faces is nobody's mask
        export_dataset(TwoFaces(TwoFaces.labels[:4]), "coco", tmp_path / "again")  # type: ignore[arg-type]
    assert not (tmp_path / "again").exists()


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
