"""WebDataset exports, read by the webdataset library with its default decoder."""

import gc
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_fakes import KINDS, write_dataset

from synthgen.dataset import export_webdataset
from synthgen.dataset.export import export_dataset
from synthgen.dataset.reader import Dataset, open_dataset

webdataset = pytest.importorskip("webdataset")
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # the library leaves closing to Python


@pytest.fixture(params=KINDS)
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> Dataset:
    return open_dataset(write_dataset(tmp_path / "data", request.param))


def read(folder: Path, *handlers: str) -> list[dict[str, Any]]:
    urls = [str(file) for file in sorted(folder.glob("shard-*.tar"))]
    samples = list(webdataset.WebDataset(urls, shardshuffle=False, empty_check=False).decode(*handlers))
    gc.collect()  # of its open files, while the filter above holds
    return samples


def test_every_array_as_the_library_decodes_it(dataset: Dataset, tmp_path: Path) -> None:
    assert export_dataset(dataset, "webdataset", tmp_path / "out") == 7
    samples = read(tmp_path / "out", "rgb8")
    assert [sample["__key__"] for sample in samples] == [f"{index:09d}" for index in range(7)]
    suffix = {"images": "jpg", "fittings": "jpg"}.get(dataset.layout.kind, "png")
    for position, sample in enumerate(samples):
        whole = dataset[position]
        keys = {f"{name}.{suffix if name.endswith('image') else 'npy'}" for name in whole} | {"json"}
        assert {key for key in sample if not key.startswith("__")} == keys
        assert sample["json"] == dataset.meta(position)
        for name, array in whole.items():
            found = sample[f"{name}.{suffix if name.endswith('image') else 'npy'}"]
            assert isinstance(found, np.ndarray) and found.dtype == array.dtype
            np.testing.assert_array_equal(found, array, err_msg=name)


def test_labels_decode_without_naming_any_handler(tmp_path: Path) -> None:
    """The bare `.decode()` leaves pictures as their bytes and turns every other member into an array."""
    dataset = open_dataset(write_dataset(tmp_path / "data", "pairs"))
    export_dataset(dataset, "webdataset", tmp_path / "out", [6])
    (sample,) = read(tmp_path / "out")
    np.testing.assert_array_equal(sample["flow.npy"], dataset[6]["flow"])
    assert sample["source_image.png"] == dataset.picture_files(6)["source_image"]


def test_shards_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = open_dataset(write_dataset(tmp_path / "data", "images"))
    for name, limits, counts in (("count", (3, 1 << 28), [3, 3, 1]), ("bytes", (1000, 1), [1] * 7)):
        monkeypatch.setattr(export_webdataset, "SHARD_SAMPLES", limits[0])
        monkeypatch.setattr(export_webdataset, "SHARD_BYTES", limits[1])
        export_dataset(dataset, "webdataset", tmp_path / name)
        files = sorted((tmp_path / name).glob("*.tar"))
        assert [file.name for file in files] == [f"shard-{number:06d}.tar" for number in range(len(counts))]
        for file, count in zip(files, counts, strict=True):
            with tarfile.open(file) as tar:
                assert len({member.name.split(".")[0] for member in tar.getmembers()}) == count
        assert len(read(tmp_path / name)) == 7
        assert f"shard-{{000000..{len(counts) - 1:06d}}}.tar" in (tmp_path / name / "README.md").read_text()


def test_the_mean_face_goes_with_the_flow_of_photos(tmp_path: Path) -> None:
    dataset = open_dataset(write_dataset(tmp_path / "data", "fittings"))
    export_dataset(dataset, "webdataset", tmp_path / "out", [0])
    assert (tmp_path / "out" / "mean_face.png").exists()
