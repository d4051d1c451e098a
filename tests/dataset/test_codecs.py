"""A sample as bytes and back: every label within its declared worst error, and members that must be refused."""

import hashlib
import io
import json
import struct
from dataclasses import replace

import numpy as np
import pytest
import zstandard
from dataset_fakes import image_layout, image_sample, make_layout, pair_layout, pair_sample
from PIL import Image

from synthgen.core.errors import DatasetError, LabelError
from synthgen.core.label_spec import LABELS, labels_of_kind
from synthgen.dataset.codecs import SampleCodec, decode_meta, decode_sample, encode_meta, encode_sample
from synthgen.dataset.label_planes import LabelPlanes
from synthgen.dataset.layout import LABEL_SCHEMA_VERSION, SampleLayout, label_of
from synthgen.dataset.pictures import decode_jpeg, decode_png, encode_jpeg, encode_png, plain_png
from synthgen.dataset.sample import Sample

SIZE = (40, 56)


def all_labels_sample(kind: str) -> tuple[Sample, SampleLayout]:
    """A sample with every label of the table for its kind."""
    sample = pair_sample(5, SIZE) if kind == "pairs" else image_sample(5, SIZE)
    arrays, rng = dict(sample.arrays), np.random.default_rng(9)
    if kind == "fittings":
        pair = pair_sample(5, SIZE).arrays
        arrays |= {name: pair[name] for name, spec in LABELS.items() if spec.view == "pair"}
        arrays["invented_mask"] = rng.random(SIZE) < 0.1
        arrays["source_map"] = rng.uniform(-20, 700, (*SIZE, 2)).astype(np.float32)
    for prefix in ("source_", "target_") if kind == "pairs" else ("",):
        face = arrays[prefix + "triangle_id"] >= 0
        arrays[prefix + "face_mask"] = face & ~arrays[prefix + "occluder_mask"]
        arrays[prefix + "amodal_mask"] = face
        arrays[prefix + "ignore_mask"] = rng.random(SIZE) < 0.1
        arrays[prefix + "parts"] = np.where(face, 3, 0).astype(np.uint8)
        arrays[prefix + "face_index"] = face.astype(np.uint8)
        arrays[prefix + "other_landmarks_2d"] = np.full((2, 68, 2), np.nan, np.float32)
        arrays[prefix + "other_landmarks_visibility"] = rng.integers(0, 4, (2, 68), np.uint8)
        arrays[prefix + "landmarks_2d_contour"] = arrays[prefix + "landmarks_2d"] + np.float32(1)
        depth_unit = rng.uniform(0, 1, SIZE).astype(np.float32)
        arrays[prefix + "depth_unit"] = np.where(face, depth_unit, np.float32(np.nan))
        for name, channels, top in (("uv", 2, 1), ("pncc", 3, 1), ("albedo", 3, 1), ("shading", 3, 4)):
            plane = rng.uniform(0, top, (*SIZE, channels)).astype(np.float32)
            arrays[prefix + name] = np.where(face[..., None], plane, np.float32(np.nan))
    return replace(sample, arrays=arrays), make_layout(kind, SIZE, labels_of_kind(kind), "png")


def assert_within_table(expected: np.ndarray, found: np.ndarray, name: str) -> None:
    spec = label_of(name)
    assert found.dtype == spec.dtype, name
    assert found.shape == expected.shape, name
    if spec.worst_error == 0.0:
        np.testing.assert_array_equal(found, expected, err_msg=name)
        return
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected), err_msg=name)
    error = np.abs(found.astype(np.float64) - expected)[~np.isnan(expected)].max(initial=0.0)
    assert error <= spec.worst_error, name


@pytest.mark.parametrize("kind", ["images", "pairs", "fittings"])
def test_every_label_of_the_table_within_its_worst_error(kind: str) -> None:
    sample, layout = all_labels_sample(kind)
    decoded = decode_sample(encode_sample(sample, layout), layout)
    assert list(decoded) == list(layout.array_names)
    covered = {label_of(name).name for name in decoded}
    assert covered == set(labels_of_kind(kind))
    for name, found in decoded.items():
        assert_within_table(sample.arrays[name], found, name)


def test_arrays_can_be_written_to_and_are_independent() -> None:
    sample, layout = all_labels_sample("images")
    members = encode_sample(sample, layout)
    codec = SampleCodec(layout)
    first, second = codec.decode(members), codec.decode(members)
    for name, array in first.items():
        assert array.flags.writeable and array.flags.c_contiguous, name
        array[...] = 1
        np.testing.assert_array_equal(codec.decode(members)[name], second[name], err_msg=name)


def test_encoding_twice_gives_equal_bytes() -> None:
    sample, layout = all_labels_sample("pairs")
    assert encode_sample(sample, layout) == SampleCodec(layout).encode(sample)


def test_depth_is_stored_about_the_origin_of_its_own_view() -> None:
    """A head four metres away keeps the fine steps, because the sample says where its origin is."""
    sample, layout = all_labels_sample("pairs")
    arrays = dict(sample.arrays)
    arrays["target_depth"] = arrays["target_depth"] + np.float32(2500)
    far = replace(sample, arrays=arrays, parameters=sample.parameters | {"target_origin_depth": 3980.0})
    decoded = decode_sample(encode_sample(far, layout), layout)
    assert_within_table(arrays["target_depth"], decoded["target_depth"], "target_depth")
    planes = LabelPlanes(layout)
    size_near = len(planes.encode(sample.arrays, sample.parameters))
    assert len(planes.encode(far.arrays, far.parameters)) < 1.02 * size_near  # not the exact fallback


@pytest.mark.parametrize("coverage", [0, 1])
def test_empty_and_full_masks(coverage: int) -> None:
    sample, layout = all_labels_sample("images")
    rng, arrays = np.random.default_rng(0), dict(sample.arrays)
    full = bool(coverage)
    arrays["triangle_id"] = np.where(full, rng.integers(0, 99, SIZE), -1).astype(np.int32)
    for name in ("barycentric", "depth", "normals", "uv", "pncc", "albedo", "shading"):
        fill = np.float32(0.5773503 if name == "normals" else 1 / 3) if full else np.float32(np.nan)
        arrays[name] = np.full_like(arrays[name], fill)
    arrays["depth"] = arrays["depth"] + np.float32(1500)
    decoded = decode_sample(encode_sample(replace(sample, arrays=arrays), layout), layout)
    for name, found in decoded.items():
        assert_within_table(arrays[name], found, name)


def test_labels_member_opens_with_any_zstd_tool() -> None:
    sample, layout = image_sample(1, SIZE), image_layout(SIZE)
    member = encode_sample(sample, layout)[1]
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(member), read_across_frames=True) as stream:
        content = stream.read()
    assert sample.arrays["landmarks_2d"].tobytes() in content
    assert np.packbits(sample.arrays["occluder_mask"]).tobytes() in content


@pytest.mark.parametrize("size", [(16, 16), (17, 23), (40, 56)])
def test_png_is_lossless_and_read_by_pillow(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    data = encode_png(picture)
    np.testing.assert_array_equal(decode_png(data, size), picture)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), picture)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(plain_png(picture)))), picture)


def test_jpeg_keeps_colour_edges() -> None:
    """Full chroma resolution: a red and blue checkerboard would turn purple with 4:2:0."""
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[::2, ::2, 0] = picture[1::2, 1::2, 0] = 220
    picture[::2, 1::2, 2] = picture[1::2, ::2, 2] = 220
    decoded = decode_jpeg(encode_jpeg(picture), (32, 32)).astype(int)
    assert np.abs(decoded - picture).max() <= 40
    image = Image.open(io.BytesIO(encode_jpeg(picture)))
    assert image.layer == [("R", 1, 1, 0), ("G", 1, 1, 0), ("B", 1, 1, 0)] or {part[1:3] for part in image.layer} == {
        (1, 1)
    }


@pytest.mark.parametrize("encode", [encode_jpeg, encode_png])
def test_pictures_of_another_size_are_refused_before_decoding(encode: object) -> None:
    data = encode(np.zeros((64, 48, 3), np.uint8))  # type: ignore[operator]
    decode = decode_jpeg if encode is encode_jpeg else decode_png
    with pytest.raises(DatasetError, match="64 x 48 pixels, expected 32 x 48"):
        decode(data, (32, 48))


def test_png_bomb_is_bounded() -> None:
    """A body that inflates to far more than the header's size stops at the expected size."""
    import zlib

    good = encode_png(np.zeros((16, 16, 3), np.uint8))
    body = zlib.compress(bytes(50_000_000), 9)
    start = good.index(b"IDAT") - 4
    bomb = good[:start] + struct.pack(">I", len(body)) + b"IDAT" + body
    bomb += struct.pack(">I", zlib.crc32(b"IDAT" + body)) + good[good.index(b"IEND") - 4 :]
    with pytest.raises(DatasetError, match="769 bytes|785 bytes|expected 784"):
        decode_png(bomb, (16, 16))


def broken(name: str, value: np.ndarray | None) -> Sample:
    sample = image_sample(7, SIZE)
    arrays = {key: array.copy() for key, array in sample.arrays.items()}
    if value is None:
        del arrays[name]
    else:
        arrays[name] = value
    return replace(sample, arrays=arrays)


def test_labels_that_cannot_be_stored_name_sample_and_label() -> None:
    layout, good = image_layout(SIZE), image_sample(7, SIZE).arrays
    partly = good["normals"].copy()
    partly[np.argwhere(good["triangle_id"] >= 0)[3][0], np.argwhere(good["triangle_id"] >= 0)[3][1], 1] = np.nan
    stray = good["normals"].copy()
    stray[0, 0, 2] = 1.0
    infinite = good["depth"].copy()
    infinite[np.isfinite(infinite)] = np.inf
    low = good["triangle_id"].copy()
    low[0, 0] = -2
    cases = [
        ("depth", None, "was not rendered"),
        ("depth", good["depth"].astype(np.float64), "float64, expected"),
        ("normals", good["normals"][:, :-1], "expected"),
        ("normals", partly, "NaN in some channels"),
        ("normals", stray, "NaN in some channels"),
        ("depth", infinite, "infinite"),
        ("triangle_id", low, "below -1"),
        ("identity_coeffs", np.zeros((5, 5), np.float32), "expected"),
        ("identity_coeffs", np.zeros(5000, np.float32), "expected"),
        ("image", good["image"][..., :2], "expected"),
    ]
    for name, value, reason in cases:
        with pytest.raises(LabelError, match=f"sample 7: label '{name}'.*{reason}"):
            encode_sample(broken(name, value), layout)


def test_meta_keeps_types_and_turns_nan_into_null() -> None:
    parameters = {
        "a": np.float32(1.5),
        "b": float("nan"),
        "c": [1.0, float("inf")],
        "d": np.arange(3),
        "e": "x",
        "f": True,
    }
    data = encode_meta(Sample(4, {}, parameters, {"check": 0.25}))
    assert json.loads(data) == {
        "index": 4,
        "parameters": {"a": 1.5, "b": None, "c": [1.0, None], "d": [0, 1, 2], "e": "x", "f": True},
        "checks": {"check": 0.25},
    }
    assert decode_meta(data)["index"] == 4
    for damaged in (b"", b"[]", b"{}", b'{"index": "1", "parameters": {}, "checks": {}}', b"[" * 100000):
        with pytest.raises(DatasetError, match="meta member is damaged"):
            decode_meta(damaged)


def exact_sample() -> tuple[Sample, SampleLayout]:
    """A sample of whole numbers and powers of two, equal on every computer."""
    row, column = np.mgrid[0:16, 0:24]
    face = (row - 8) ** 2 + (column - 12) ** 2 < 40
    nan = np.float32(np.nan)
    weights = np.stack([(row % 8) / 16, (column % 8) / 16, 1 - (row % 8 + column % 8) / 16], -1)
    flow = np.stack([(row * column) / 64, (row - column) / 4], -1)
    arrays = {
        "source_triangle_id": np.where(face, 7 * row + 3 * column, -1).astype(np.int32),
        "target_triangle_id": np.full((16, 24), -1, np.int32),
        "source_barycentric": np.where(face[..., None], weights, nan).astype(np.float32),
        "target_barycentric": np.full((16, 24, 3), nan, np.float32),
        "source_occluder_mask": (row + column) % 5 == 0,
        "target_occluder_mask": row > 9,
        "source_euler": np.array([0.5, -0.25, 0], np.float32),
        "target_euler": np.zeros(3, np.float32),
        "flow": np.where(face[..., None], flow, nan).astype(np.float32),
        "matchability": np.where(face, 1 + row % 3, 0).astype(np.uint8),
    }
    labels = ("triangle_id", "barycentric", "occluder_mask", "euler", "flow", "matchability")
    return Sample(11, arrays, {"source_a": 1, "target_b": [0.5]}, {}), make_layout("pairs", (16, 24), labels, "jpeg")


def test_stored_bytes_are_pinned() -> None:
    """When this fails the meaning of stored bytes has changed: raise LABEL_SCHEMA_VERSION, then pin again."""
    sample, layout = exact_sample()
    labels, meta = encode_sample(sample, layout)
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(labels), read_across_frames=True) as stream:
        content = stream.read()
    table = labels[: 8 + struct.unpack("<I", labels[4:8])[0]]
    assert LABEL_SCHEMA_VERSION == 3
    assert hashlib.sha256(content).hexdigest() == "1b7b25f601299e771010076b1e4c06adb6cf2db9ca40171d2277f57f1270a8b3"
    assert len(table) == 414
    assert meta == b'{"checks":{},"index":11,"parameters":{"source_a":1,"target_b":[0.5]}}'


def test_layouts_that_no_dataset_has_are_refused() -> None:
    for arguments in (
        ("video", (32, 32), ["image"], "jpeg"),  # without the number of frames
        ("clips", (32, 32), ["image"], "jpeg"),
        ("images", (32, 32), ["image", "source_map"], "jpeg"),
        ("images", (32, 32), ["image", "depht"], "jpeg"),
        ("images", (32, 32), ["image", "flow"], "jpeg"),
        ("images", (32, 32), ["image"], "webp"),
        ("images", (32,), ["image"], "jpeg"),
    ):
        with pytest.raises(DatasetError):
            make_layout(*arguments)


def test_members_of_pairs_and_pictureless_datasets() -> None:
    assert [name for name, _ in pair_layout(SIZE).members] == ["source.jpg", "target.jpg", "labels.zst", "meta.json"]
    bare = make_layout("images", SIZE, ["depth"], "jpeg")
    assert [name for name, _ in bare.members] == ["labels.zst", "meta.json"]
    sample = image_sample(0, SIZE)
    assert list(decode_sample(encode_sample(sample, bare), bare)) == ["depth"]
