"""Datasets whose files somebody changed on purpose: JSON sealed again after the change, members with a right crc."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from dataset_fakes import fake_template, image_layout, image_sample, make_layout, pair_layout, pair_sample
from hypothesis import given

from synthgen.core.errors import DatasetError
from synthgen.dataset.codecs import SampleCodec, decode_meta
from synthgen.dataset.derived import template_from_npz, template_to_npz
from synthgen.dataset.index import index_from_json, sealed_json
from synthgen.dataset.label_planes import LabelPlanes
from synthgen.dataset.label_table import MASK, NO_MASK, PlaneRow, pack_row, pack_table
from synthgen.dataset.layout import SampleLayout
from synthgen.dataset.manifest import manifest_from_json
from synthgen.dataset.pictures import decode_jpeg, decode_png
from synthgen.dataset.reader import open_dataset
from synthgen.dataset.sample import Sample
from synthgen.dataset.shard_files import ShardFiles
from synthgen.dataset.table import read_table
from tests.fuzzing import damaged, hostile_json, in_small_memory, quick, reads_or_refuses

SIZE = (24, 32)
SEALS = {"dataset.json": "manifest_sha256", "shard-000000.json": "index_sha256"}


def sealed(content: Any, key: str) -> bytes:
    """JSON bytes with a right hash where the content allows one."""
    try:
        return sealed_json(content, key)
    except (ValueError, TypeError, RecursionError):  # NaN has no canonical form
        return json.dumps(content).encode()


@pytest.fixture(scope="module")
def folder(images_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy whose dataset.json and first index the tests write anew."""
    return Path(shutil.copytree(images_folder, tmp_path_factory.mktemp("hostile") / "images"))


def unsealed(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_bytes())
    del content[SEALS[path.name]]
    return dict(content)


def read_everything(folder: Path) -> None:
    dataset = open_dataset(folder, allow_incomplete=True)
    try:
        for position in (0, len(dataset) - 1):
            dataset[position]
            dataset.meta(position)
        repr(dataset.labels), dataset.complete, dataset.shard_sizes
    finally:
        dataset.close()


@pytest.mark.parametrize("name", SEALS)
def test_hostile_values_under_a_right_seal(name: str, images_folder: Path, folder: Path) -> None:
    whole = unsealed(images_folder / name)

    @quick(60)
    @given(hostile_json(whole))
    def check(content: Any) -> None:
        (folder / name).write_bytes(sealed(content, SEALS[name]))
        reads_or_refuses(lambda: read_everything(folder), str(folder))

    check()
    shutil.copy(images_folder / name, folder / name)


@pytest.mark.parametrize("name", [*SEALS, "template.npz", "shard-000000.tar"])
def test_damaged_files(name: str, images_folder: Path, folder: Path) -> None:
    @quick(40)
    @given(damaged((images_folder / name).read_bytes()))
    def check(data: bytes) -> None:
        (folder / name).write_bytes(data)
        reads_or_refuses(lambda: read_everything(folder), str(folder))

    check()
    shutil.copy(images_folder / name, folder / name)


def test_a_plan_of_a_quintillion_shards_is_refused_at_once(images_folder: Path, folder: Path) -> None:
    content = unsealed(images_folder / "dataset.json")
    for plan in ({"count": 10**18, "shard_size": 1}, {"count": 10**9, "shard_size": 1}, {"count": 0, "shard_size": 1}):
        content["plan"] = plan
        with pytest.raises(DatasetError, match=r"dataset\.json.*plan"):
            manifest_from_json(sealed_json(content, SEALS["dataset.json"]), "dataset.json")
    content["plan"] = {"count": 20_000_000, "shard_size": 1}  # many, and still listed by what is there
    manifest = manifest_from_json(sealed_json(content, SEALS["dataset.json"]), "dataset.json")
    assert ShardFiles(folder, manifest).present() == [0, 1, 2]


def test_a_clip_of_a_billion_frames_is_refused_at_once(images_folder: Path) -> None:
    content = unsealed(images_folder / "dataset.json")
    content["recipe"] |= {"kind": "video", "video": {"frames": 10**9, "flow": "all"}}
    with pytest.raises(DatasetError, match=r"dataset\.json.*layout"):
        manifest_from_json(sealed_json(content, SEALS["dataset.json"]), "dataset.json")


# --- members -------------------------------------------------------------------------------------------------------

ALL_PLANES = ("uv", "pncc", "parts", "albedo", "shading", "triangle_id", "barycentric", "depth", "normals")


def layouts() -> dict[str, tuple[SampleLayout, Sample]]:
    """Layouts that use every coding of a plane and both codecs of pictures."""
    rng = np.random.default_rng(3)
    every = image_sample(0, SIZE)
    face = every.arrays["triangle_id"] >= 0
    for name, channels in (("uv", 2), ("pncc", 3), ("albedo", 3), ("shading", 3), ("source_map", 2)):
        values = rng.random((*SIZE, channels)).astype(np.float32)
        every.arrays[name] = np.where(face[..., None], values, np.nan).astype(np.float32)
    every.arrays["parts"] = face.astype(np.uint8)
    extra = make_layout("images", SIZE, ("image", *ALL_PLANES), "png")
    far = image_sample(1, SIZE)  # values that need the codings of full range
    far.arrays["depth"] = (far.arrays["depth"] * np.float32(1e6)).astype(np.float32)
    far.arrays["triangle_id"] = np.where(face, far.arrays["triangle_id"] + 100_000, -1).astype(np.int32)
    return {
        "images": (image_layout(SIZE), image_sample(0, SIZE)),
        "pairs": (pair_layout(SIZE, "png"), pair_sample(0, SIZE)),
        "planes": (extra, every),
        "far": (image_layout(SIZE), far),
    }


LAYOUTS = layouts()


@pytest.mark.parametrize("kind", LAYOUTS)
def test_damaged_members(kind: str) -> None:
    """Whatever the bytes of a member: arrays as declared, or an error; never NaN under the mask of an id."""
    layout, sample = LAYOUTS[kind]
    codec = SampleCodec(layout)
    members = codec.encode(sample)
    shapes = {name: (array.shape, array.dtype) for name, array in codec.decode(members).items()}
    planes = len(members) - 2

    @quick(60)
    @given(damaged(members[planes], ends=400))
    def check_planes(data: bytes) -> None:
        def read() -> None:
            arrays = codec.decode([*members[:planes], data, members[-1]])
            assert {name: (array.shape, array.dtype) for name, array in arrays.items()} == shapes
            for name, array in arrays.items():
                assert not name.endswith("triangle_id") or array.min() >= -1

        reads_or_refuses(read, "the labels member")

    @quick(40)
    @given(damaged(members[0], ends=60))
    def check_picture(data: bytes) -> None:
        def read() -> None:
            arrays = codec.decode([data, *members[1:]])
            assert {name: (array.shape, array.dtype) for name, array in arrays.items()} == shapes

        reads_or_refuses(read, "the picture", "the PNG chunk")

    check_planes()
    check_picture()


@quick(100)
@given(hostile_json(json.loads(SampleCodec(LAYOUTS["images"][0]).encode(LAYOUTS["images"][1])[-1])))
def test_hostile_meta(content: Any) -> None:
    reads_or_refuses(lambda: decode_meta(json.dumps(content).encode()), "the meta member")


def with_metas(images_folder: Path, target: Path, *changes: dict[str, Any]) -> Path:
    """A dataset of the first shard alone whose meta members were replaced and everything sealed again."""
    from synthgen.dataset.writer import ShardWriter

    shutil.copytree(images_folder, target)
    manifest = unsealed(target / "dataset.json")
    manifest["plan"] = {"count": 20, "shard_size": 20, "shards": 1}
    (target / "dataset.json").write_bytes(sealed_json(manifest, SEALS["dataset.json"]))
    dataset, stream = open_dataset(images_folder), io.BytesIO()
    writer = ShardWriter(stream, dataset.layout, 0, 0)
    for position in range(20):
        members = dataset.members(position)
        meta = json.loads(members[-1])
        meta["parameters"] |= changes[position % len(changes)]
        writer.add([*members[:-1], json.dumps(meta).encode()], {})
    from synthgen.dataset.index import index_to_json

    index = writer.finish(dataset.fingerprint, {})
    for name in ("samples.parquet", *(f"shard-00000{n}.{end}" for n in (1, 2) for end in ("tar", "json"))):
        (target / name).unlink(missing_ok=True)
    (target / "shard-000000.tar").write_bytes(stream.getvalue())
    (target / "shard-000000.json").write_bytes(index_to_json(index))
    return target


@pytest.mark.parametrize(
    "changes",
    [
        ({"noise": {"a": 1}}, {"noise": 1.0}),
        ({"noise": "text"}, {"noise": 1.0}),
        ({"noise": [[1]]}, {"noise": [1]}),
        ({"noise": 10**30}, {"noise": 1}),
        ({"noise": "\ud800"},),
    ],
)
def test_parameters_that_are_no_table_are_refused(images_folder: Path, tmp_path: Path, changes: Any) -> None:
    folder = with_metas(images_folder, tmp_path / "hostile", *changes)
    with pytest.raises(DatasetError, match="samples of .*hostile"):
        _ = open_dataset(folder).table


def test_a_table_that_claims_more_rows_than_the_dataset_is_not_read(images_folder: Path, tmp_path: Path) -> None:
    """A column of one repeated value packs a billion rows into some kilobytes; the header says how many."""
    import pyarrow
    import pyarrow.parquet

    many = pyarrow.table({"index": pyarrow.array(np.zeros(10_000_000, np.int64))})
    pyarrow.parquet.write_table(many, tmp_path / "bomb.parquet", compression="zstd")
    assert (tmp_path / "bomb.parquet").stat().st_size < 100_000
    before = pyarrow.total_allocated_bytes()
    assert read_table(tmp_path / "bomb.parquet", 50) is None
    assert pyarrow.total_allocated_bytes() - before < 1_000_000
    for length in range(0, 2000, 100):
        (tmp_path / "cut.parquet").write_bytes((images_folder / "samples.parquet").read_bytes()[:length])
        assert read_table(tmp_path / "cut.parquet", 50) is None


# --- bombs ---------------------------------------------------------------------------------------------------------


def many_masks() -> bytes:
    """A labels member of 60,000 masks that nothing refers to, all zero: 64 bytes each before compression."""
    layout, sample = LAYOUTS["images"]
    codec = LabelPlanes(layout)
    whole = codec.encode(sample.arrays, sample.parameters)
    from synthgen.dataset.label_table import unpack_table

    table, start = unpack_table(whole, layout)
    pixels = SIZE[0] * SIZE[1]
    masks = [pack_row(PlaneRow("", MASK, NO_MASK, pixels, 0, 0.0))] * 60_000
    middle = start + table.compressed
    packed = zstandard.ZstdCompressor().compress(
        zstandard.ZstdDecompressor().decompress(whole[start:middle]) + bytes(60_000 * pixels // 8)
    )
    return pack_table([*(pack_row(row) for row in table.rows), *masks], len(packed), SIZE) + packed + whole[middle:]


def test_a_labels_member_holds_no_more_masks_than_planes() -> None:
    with pytest.raises(DatasetError, match="the labels member is damaged: .*masks"):
        LabelPlanes(LAYOUTS["images"][0]).decode(many_masks())


def test_pictures_that_synthgen_does_not_write_are_refused() -> None:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(LAYOUTS["images"][1].arrays["image"]).save(stream, "JPEG", progressive=True)
    with pytest.raises(DatasetError, match="the picture"):  # each scan of thousands costs a pass over the picture
        decode_jpeg(stream.getvalue(), SIZE)
    with pytest.raises(DatasetError, match="the picture"):
        decode_png(stream.getvalue(), SIZE)


def npz(**arrays: bytes) -> bytes:
    import zipfile

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in arrays.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


def npy(descr: str, shape: tuple[int, ...], data: bytes = b"") -> bytes:
    import struct

    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    text += b" " * (-(10 + len(text) + 1) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def template_parts() -> dict[str, bytes]:
    import zipfile

    with zipfile.ZipFile(io.BytesIO(template_to_npz(fake_template()))) as archive:
        return {name.removesuffix(".npy"): archive.read(name) for name in archive.namelist()}


TEMPLATE_BOMBS = {
    "8TB": {"uv": npy("<f4", (10**12, 2, 1))},
    "8TB_right_shape": {"triangles": npy("<i4", (10**11, 3))},
    "object": {"parts": npy("|O", (1,), b"\x80\x04cposix\nsystem\n(X\x05\0\0\0false\x85R.")},
    "shorter": {"parts": npy("|u1", (22_350,), bytes(10))},
    "negative": {"parts": npy("|u1", (-1,))},
    "other": {"extra": npy("<f4", (1,), bytes(4))},
}
READ_TEMPLATE = """
import sys
from synthgen.core.errors import DatasetError
from synthgen.dataset.derived import template_from_npz
cap()
for path in sys.argv[1:]:
    data = open(path, "rb").read()
    try:
        template_from_npz(data, path)
    except DatasetError as error:
        assert path in str(error) and "memory" not in str(error).lower(), error
    else:
        raise AssertionError(path)
"""


def test_templates_that_claim_more_than_they_hold(tmp_path: Path) -> None:
    parts = template_parts()
    files = []
    for name, changes in TEMPLATE_BOMBS.items():
        files.append(tmp_path / f"{name}.npz")
        files[-1].write_bytes(npz(**{**parts, **changes}))
        assert files[-1].stat().st_size < 2_000_000
    in_small_memory(READ_TEMPLATE, *map(str, files), megabytes=150)


@quick(100)
@given(damaged(template_to_npz(fake_template()), ends=300))
def test_damaged_templates(data: bytes) -> None:
    def read() -> None:
        template = template_from_npz(data, "template.npz")
        assert np.isfinite(template.uv).all() and template.triangles.max() < len(template.pncc)

    reads_or_refuses(read, "template.npz")


def test_an_index_that_no_shard_can_have(images_folder: Path) -> None:
    content = unsealed(images_folder / "shard-000000.json")
    for change in (
        {"bytes": 2**63 - 1, "entries": [[512, 2**63 - 1, 0] * 3] * 20},
        {"stop": 10**12},
        {"start": -20, "stop": 0},
        {"entries": [[512, -5, 0] * 3] * 20},
        {"file": "../../shard-000000.tar"},
        {"fingerprint": 7},
        {"checks": {"a": {"min": "x"}}},
        {"members": [["a", "b", "c"]] * 3},
    ):
        with pytest.raises(DatasetError, match="i.json"):
            index_from_json(sealed_json({**content, **change}, SEALS["shard-000000.json"]), "i.json")
