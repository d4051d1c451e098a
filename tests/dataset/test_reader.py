"""Reading: arrays as declared, random access, policies, tables, and damage that must never pass silently."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from dataset_fakes import fake_template, image_layout, image_sample, pair_sample

from synthgen.core.errors import DatasetError, UsageError
from synthgen.dataset.codecs import decode_sample, encode_sample
from synthgen.dataset.derived import derive_uv
from synthgen.dataset.index import index_from_json
from synthgen.dataset.reader import open_dataset

SIZE = (24, 32)


def test_samples_equal_their_own_encoding(images_folder: Path) -> None:
    """`open_dataset(d)[i]` is decode(encode(sample i)) bit for bit, plus the derived labels."""
    dataset = open_dataset(images_folder)
    assert len(dataset) == 50
    layout = image_layout(SIZE)
    for index in (0, 19, 20, 37, 49):
        expected = decode_sample(encode_sample(image_sample(index, SIZE, seed=3), layout), layout)
        found = dataset[index]
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name], array, err_msg=name)
        assert set(found) - set(expected) == {"uv", "pncc", "parts", "face_mask", "amodal_mask", "depth_unit"}
        uv = derive_uv(expected["triangle_id"], expected["barycentric"], fake_template())
        np.testing.assert_array_equal(found["uv"], uv)


def test_positions(images_folder: Path) -> None:
    dataset = open_dataset(images_folder)
    assert dataset.meta(-1)["index"] == 49
    assert dataset.meta(-50)["index"] == 0
    for position in (50, -51):
        with pytest.raises(IndexError, match="of 50"):
            dataset[position]
    assert [dataset.shard_of(position) for position in (0, 19, 20, 49)] == [0, 0, 1, 2]
    assert len(list(iter(dataset))) == 50


def test_pairs_and_matchability_policies(pairs_folder: Path) -> None:
    dataset = open_dataset(pairs_folder, matchability="dfc")
    sample = dataset[7]
    codes = pair_sample(7, SIZE, seed=3).arrays["matchability"]
    np.testing.assert_array_equal(sample["matchability"], codes)
    np.testing.assert_array_equal(sample["matchability_mask"], (codes == 1) | (codes == 4) | (codes == 5))
    backward = pair_sample(7, SIZE, seed=3).arrays["matchability_backward"]
    np.testing.assert_array_equal(sample["matchability_mask_backward"], np.isin(backward, (1, 4, 5)))
    assert "matchability_mask" not in open_dataset(pairs_folder)[7]
    visible = open_dataset(pairs_folder, matchability="visible")[7]["matchability_mask"]
    np.testing.assert_array_equal(visible, codes == 1)
    own = open_dataset(pairs_folder, matchability={1, 2})[7]["matchability_mask"]
    np.testing.assert_array_equal(own, (codes == 1) | (codes == 2))
    assert {"source_image", "target_image", "flow", "flow_backward"} <= set(sample)


def test_policies_that_make_no_sense(pairs_folder: Path, images_folder: Path) -> None:
    for policy in ("strict", {9}, set(), 1):
        with pytest.raises(UsageError, match="policy"):
            open_dataset(pairs_folder, matchability=policy)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="holds no matchability"):
        open_dataset(images_folder, matchability="dfc")


def test_recipe_table_and_labels(images_folder: Path) -> None:
    dataset = open_dataset(images_folder)
    assert dataset.recipe["seed"] == 3
    assert dataset.complete
    rows = {row["array"]: row for row in dataset.labels}
    assert rows["depth"]["stored"] and not rows["uv"]["stored"]
    assert set(rows) == set(dataset[0])
    table = dataset.table
    assert table.num_rows == 50
    assert table["index"].to_pylist() == list(range(50))
    expected = [image_sample(index, SIZE, seed=3).parameters["yaw_deg"] for index in range(50)]
    assert table["yaw_deg"].to_pylist() == expected
    assert table["identity"][4].as_py() == image_sample(4, SIZE, seed=3).parameters["identity"]
    assert table["check_coverage"].to_pylist() == [0.4] * 50


def test_table_is_rebuilt_when_missing_or_damaged(images_copy: Path) -> None:
    expected = open_dataset(images_copy).table
    (images_copy / "samples.parquet").write_bytes(b"PAR1 nonsense")
    assert open_dataset(images_copy).table.equals(expected)
    (images_copy / "samples.parquet").unlink()
    assert open_dataset(images_copy).table.equals(expected)


def test_datasets_travel_to_other_processes(images_folder: Path) -> None:
    dataset = open_dataset(images_folder)
    dataset[3]
    again = pickle.loads(pickle.dumps(dataset))
    np.testing.assert_array_equal(again[3]["image"], dataset[3]["image"])


def test_folders_that_are_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is not a synthgen dataset"):
        open_dataset(tmp_path)
    with pytest.raises(DatasetError, match="is not a synthgen dataset"):
        open_dataset(tmp_path / "missing")
    (tmp_path / "dataset.json").write_text('{"format": "x"}')
    with pytest.raises(DatasetError, match=r"dataset\.json is damaged"):
        open_dataset(tmp_path)


def test_incomplete_datasets(images_copy: Path) -> None:
    (images_copy / "shard-000001.json").unlink()
    with pytest.raises(DatasetError, match=r"2 of 3 shards.*--resume"):
        open_dataset(images_copy)
    dataset = open_dataset(images_copy, allow_incomplete=True)
    assert not dataset.complete
    assert len(dataset) == 30
    assert [dataset.meta(position)["index"] for position in (19, 20, -1)] == [19, 40, 49]
    assert dataset.position_of(40) == 20
    with pytest.raises(IndexError):
        dataset.position_of(25)
    assert dataset.table["index"].to_pylist() == [*range(20), *range(40, 50)]


def test_damaged_template_and_manifest(images_copy: Path) -> None:
    data = (images_copy / "template.npz").read_bytes()
    (images_copy / "template.npz").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(DatasetError, match=r"template\.npz is damaged"):
        open_dataset(images_copy)
    (images_copy / "template.npz").write_bytes(data)
    manifest = (images_copy / "dataset.json").read_bytes()
    (images_copy / "dataset.json").write_bytes(manifest.replace(b'"count":50', b'"count":51', 1))
    with pytest.raises(DatasetError, match="does not match its own hash"):
        open_dataset(images_copy)


def test_index_of_another_dataset_is_refused(images_copy: Path, pairs_folder: Path) -> None:
    for name in ("shard-000001.tar", "shard-000001.json"):
        (images_copy / name).write_bytes((pairs_folder / name).read_bytes())
    with pytest.raises(DatasetError, match="belongs to the dataset"):
        open_dataset(images_copy)[25]


def test_swapped_shards_are_refused(images_copy: Path) -> None:
    for ending in ("tar", "json"):
        first, second = (images_copy / f"shard-00000{n}.{ending}" for n in (0, 1))
        first.rename(images_copy / "x")
        second.rename(first)
        (images_copy / "x").rename(second)
    with pytest.raises(DatasetError):
        open_dataset(images_copy)[0]


def test_truncation_at_every_boundary_is_refused(images_copy: Path) -> None:
    """Cut at each header, at each content, inside each, and before the end: no sample of the shard is read."""
    file = images_copy / "shard-000002.tar"
    data = file.read_bytes()
    index = index_from_json((images_copy / "shard-000002.json").read_bytes(), "i")
    cuts = {0, len(data) - 512, len(data) - 1}
    for offset, length, _ in index.entries.reshape(-1, 3).tolist():
        cuts |= {offset - 512, offset - 256, offset, offset + length // 2, offset + length}
    for cut in sorted(cuts):
        file.write_bytes(data[:cut])
        dataset = open_dataset(images_copy)
        with pytest.raises(DatasetError, match=f"has {cut} bytes, its index says {len(data)}"):
            dataset[40]
        dataset[0]


def test_three_thousand_bit_flips_never_give_wrong_data(images_copy: Path) -> None:
    """A flip in a member raises an error naming the sample; a flip in the framing changes nothing that is read."""
    file = images_copy / "shard-000002.tar"
    good = file.read_bytes()
    dataset = open_dataset(images_copy)
    index = index_from_json((images_copy / "shard-000002.json").read_bytes(), "i")
    owner = np.full(len(good), -1)
    for sample, members in enumerate(index.entries.tolist()):
        for offset, length, _ in members:
            owner[offset : offset + length] = sample
    expected = [dataset.members(40 + sample) for sample in range(10)]
    dataset.close()
    refused = 0
    with open(file, "r+b", buffering=0) as stream:
        for position in np.random.default_rng(11).integers(0, 8 * len(good), 3000).tolist():
            byte = position // 8
            stream.seek(byte)
            stream.write(bytes([good[byte] ^ (1 << position % 8)]))
            sample = int(owner[byte])
            if sample >= 0:
                with pytest.raises(DatasetError, match=f"sample {40 + sample}, member 0000000{40 + sample}"):
                    dataset[40 + sample]
                refused += 1
            else:
                nearest = int(owner[max(0, byte - 1024) : byte + 1025].max())
                assert dataset.members(40 + max(nearest, 0)) == expected[max(nearest, 0)]
            stream.seek(byte)
            stream.write(good[byte : byte + 1])
    assert refused > 2000


def test_flips_in_any_sidecar_are_refused(images_copy: Path) -> None:
    rng = np.random.default_rng(5)
    for name in ("dataset.json", "template.npz", "shard-000001.json"):
        good = (images_copy / name).read_bytes()
        for position in rng.integers(0, 8 * (len(good) - 1), 60).tolist():
            flipped = bytearray(good)
            flipped[position // 8] ^= 1 << position % 8
            (images_copy / name).write_bytes(flipped)
            with pytest.raises(DatasetError):
                open_dataset(images_copy)[25]
        (images_copy / name).write_bytes(good)
    open_dataset(images_copy)[25]


def test_published_manifest_names_no_machine_path(images_folder: Path) -> None:
    assets = json.loads((images_folder / "dataset.json").read_text())["assets"]
    assert assets == [{"id": "background:fake", "file": "fake.png", "licence": "CC0", "sha256": "ab" * 32}]
