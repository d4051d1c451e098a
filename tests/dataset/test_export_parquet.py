"""Parquet exports, read by Hugging Face's library without its network and with its own features."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from export_fakes import KINDS, write_dataset
from PIL import Image

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when the library is imported
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

from synthgen.dataset import export_parquet
from synthgen.dataset.export import export_dataset
from synthgen.dataset.reader import Dataset, open_dataset

datasets = pytest.importorskip("datasets")
datasets.disable_progress_bars()


@pytest.fixture(params=KINDS)
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> Dataset:
    return open_dataset(write_dataset(tmp_path / "data", request.param))


def load(folder: Path) -> Any:
    files = str(folder / "data" / "train-*.parquet")
    return datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(folder.parent / "cache"))


def test_every_array_with_its_shape_and_type(dataset: Dataset, tmp_path: Path) -> None:
    assert export_dataset(dataset, "parquet", tmp_path / "out") == 7
    rows = load(tmp_path / "out").with_format("numpy", dtype=None)
    assert rows["index"][:].tolist() == list(range(7))
    for position, row in enumerate(rows):
        whole = dataset[position]
        assert set(whole) <= set(row)
        for name, array in whole.items():
            assert isinstance(row[name], np.ndarray)
            assert (row[name].dtype, row[name].shape) == (array.dtype, array.shape), name
            np.testing.assert_array_equal(row[name], array, err_msg=name)


def test_features_and_pictures(dataset: Dataset, tmp_path: Path) -> None:
    """Pictures decode by themselves, planes are Array2D and Array3D, vectors have their length."""
    export_dataset(dataset, "parquet", tmp_path / "out", [2])
    rows = load(tmp_path / "out")
    for name, array in dataset[2].items():
        feature = rows.features[name]
        if name in dataset.layout.picture_names:
            assert feature == datasets.Image()
            assert isinstance(rows[0][name], Image.Image)
        elif array.ndim == 1:
            assert (feature.length, feature.feature.dtype) == (len(array), str(array.dtype))
        else:
            kind = {2: datasets.Array2D, 3: datasets.Array3D}[array.ndim]
            assert feature == kind(array.shape, str(array.dtype))


def test_parameters_are_columns(tmp_path: Path) -> None:
    dataset = open_dataset(write_dataset(tmp_path / "data", "images"))
    export_dataset(dataset, "parquet", tmp_path / "out")
    rows = load(tmp_path / "out")
    for position in range(7):
        meta = dataset.meta(position)
        for name, value in meta["parameters"].items():
            assert rows[position][name] == value, name
        assert rows[position]["check_coverage"] == meta["checks"]["coverage"]
    assert rows[1]["light"] is None
    assert rows.features["steps"].dtype == "float64"  # whole in one sample only


def test_files_and_row_groups_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = open_dataset(write_dataset(tmp_path / "data", "images"))
    size = sum(array.nbytes for array in dataset[0].values())
    monkeypatch.setattr(export_parquet, "GROUP_BYTES", 2 * size)
    monkeypatch.setattr(export_parquet, "FILE_BYTES", 4 * size)
    export_dataset(dataset, "parquet", tmp_path / "out")
    files = sorted((tmp_path / "out" / "data").iterdir())
    assert [file.name for file in files] == [f"train-0000{number}-of-00002.parquet" for number in range(2)]
    groups = [pyarrow.parquet.ParquetFile(file).metadata for file in files]
    sizes = [[meta.row_group(number).num_rows for number in range(meta.num_row_groups)] for meta in groups]
    assert sizes == [[2, 2], [2, 1]]
    assert load(tmp_path / "out")["index"][:] == list(range(7))
    assert datasets.Dataset.from_parquet([str(file) for file in files], cache_dir=str(tmp_path / "c")).num_rows == 7


def test_the_card_is_found_by_the_library(tmp_path: Path) -> None:
    """`load_dataset(folder)` reads the split that the card names, beside the mean face, which is no row."""
    dataset = open_dataset(write_dataset(tmp_path / "data", "fittings"))
    export_dataset(dataset, "parquet", tmp_path / "out")
    rows = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert list(rows) == ["train"] and rows["train"].num_rows == 7
    assert (tmp_path / "out" / "mean_face.png").exists()
    card = (tmp_path / "out" / "README.md").read_text()
    assert "| CC0 | background:a |" in card and "| with a \\| bar | skin:b |" in card
    assert all(f"| `{name}` |" in card for name in dataset.array_names)
