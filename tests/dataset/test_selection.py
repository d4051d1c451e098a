"""Reading some labels only: the same arrays as reading everything, and nothing else is decoded or looked at."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from dataset_fakes import image_layout, pair_layout

from synthgen.core.errors import DatasetError, UsageError
from synthgen.core.label_spec import PARAMETER_LABELS
from synthgen.dataset.index import index_from_json
from synthgen.dataset.reader import Dataset, open_dataset
from synthgen.dataset.selection import select_arrays
from synthgen.dataset.torch_dataset import IterableFaces, MapFaces

SIZE = (24, 32)


def assert_same(found: dict[str, np.ndarray], whole: dict[str, np.ndarray], names: list[str]) -> None:
    assert list(found) == names
    for name in names:
        assert found[name].dtype == whole[name].dtype
        np.testing.assert_array_equal(found[name], whole[name], err_msg=name)


ARRAYS = (
    *("image", "triangle_id", "barycentric", "depth", "normals", "occluder_mask", "landmarks_2d", "landmarks_3d"),
    *("landmarks_visibility", *PARAMETER_LABELS, "uv", "pncc", "parts", "face_mask", "amodal_mask", "depth_unit"),
)


@pytest.mark.parametrize("name", ARRAYS)
def test_every_array_alone_equals_its_place_in_the_whole(images_folder: Path, name: str) -> None:
    dataset = open_dataset(images_folder)
    assert set(dataset.array_names) == set(ARRAYS)
    assert_same(dataset.with_labels(name)[21], dataset[21], [name])


def test_labels_are_given_in_the_order_asked_for(images_folder: Path) -> None:
    dataset = open_dataset(images_folder, labels=["depth", "image", "parameters", "uv"])
    names = ["depth", "image", *PARAMETER_LABELS, "uv"]
    assert_same(dataset[3], open_dataset(images_folder)[3], names)
    assert dataset.array_names == tuple(names)
    assert sorted(row["array"] for row in dataset.labels) == sorted(names)
    assert_same(pickle.loads(pickle.dumps(dataset))[3], open_dataset(images_folder)[3], names)
    assert_same(dataset.with_labels("normals")[3], open_dataset(images_folder)[3], ["normals"])


def test_labels_of_every_view_or_of_one(pairs_folder: Path) -> None:
    whole = open_dataset(pairs_folder, matchability="visible")
    assert_same(whole.with_labels("image", "flow")[5], whole[5], ["source_image", "target_image", "flow"])
    masked = open_dataset(pairs_folder, labels=["target_image", "matchability"], matchability="visible")
    assert_same(masked[5], whole[5], ["target_image", "matchability", "matchability_mask"])
    layout = pair_layout(SIZE, extra=("depth", "camera_from_world"))
    chosen = select_arrays(layout, ["target_depth_unit"])
    assert chosen.stored == {"target_depth", "target_camera_from_world"} and chosen.derived == ("target_depth_unit",)


def test_members_that_are_not_needed_are_not_read(images_copy: Path) -> None:
    """Bytes of the picture are damaged: labels are read nevertheless, and what holds the picture is refused."""
    index = index_from_json((images_copy / "shard-000000.json").read_bytes(), "i")
    offset, length, _ = index.entries[4, 0].tolist()
    file = images_copy / "shard-000000.tar"
    data = bytearray(file.read_bytes())
    data[offset + length // 2] ^= 1
    file.write_bytes(data)
    dataset = open_dataset(images_copy)
    assert dataset.with_labels("depth", "uv")[4]["depth"].shape == SIZE
    for refused in (dataset, dataset.with_labels("image", "depth")):
        with pytest.raises(DatasetError, match="sample 4, member 000000004"):
            refused[4]


def test_which_members_a_selection_reads() -> None:
    images, pairs = image_layout(SIZE), pair_layout(SIZE)
    assert select_arrays(images, None).members == (0, 1, 2)
    assert select_arrays(images, ["image"]).members == (0,)
    assert select_arrays(images, ["parts"]).members == (1,)
    assert select_arrays(images, ["parts"]).stored == {"triangle_id"}
    assert select_arrays(pairs, ["target_image", "flow"]).members == (1, 2)


def test_labels_that_are_not_there(images_folder: Path) -> None:
    dataset = open_dataset(images_folder)
    with pytest.raises(UsageError, match=r"does not hold flow, colour; it holds image, .*uv"):
        dataset.with_labels("image", "flow", "colour")
    with pytest.raises(UsageError, match="no labels are chosen"):
        dataset.with_labels()
    with pytest.raises(UsageError, match="expected a list of names"):
        open_dataset(images_folder, labels="depth")


def test_statistics_do_not_need_the_label_to_be_chosen(images_folder: Path) -> None:
    with pytest.raises(UsageError, match="not finite"):  # of the fakes, not "no parameters_62"
        open_dataset(images_folder, labels=["image"]).parameter_statistics()


def test_torch_datasets_read_some_labels(images_folder: Path) -> None:
    whole = open_dataset(images_folder)
    faces = MapFaces(images_folder, labels=["depth", "landmarks_2d"])
    assert list(faces[7]) == ["depth", "landmarks_2d"]
    np.testing.assert_array_equal(faces[7]["depth"].numpy(), whole[7]["depth"])
    stream = IterableFaces(whole, labels=["euler"], rank=0, world_size=1)
    assert all(list(item) == ["euler"] for item in stream)
    assert isinstance(stream.dataset, Dataset) and stream.dataset is not whole
