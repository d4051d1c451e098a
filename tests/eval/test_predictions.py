from pathlib import Path

import numpy as np
import pytest

from eval.predictions import read_predictions, sample_id
from synthgen.core.errors import AssetError

POINTS = np.random.default_rng(0).uniform(0, 100, (3, 4, 2)).round(3)
IDS = ["a/1", "a/2", "b"]


def save(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def test_npz(tmp_path: Path) -> None:
    file = save(tmp_path / "p.npz", ids=np.array(["a/1.jpg", "./a/2.png", "b"]), points=POINTS, boxes=np.ones((3, 4)),
                first_pixel=np.array(1))  # fmt: skip
    read = read_predictions(file)
    assert read.ids == tuple(IDS) and read.first_pixel == 1.0 and read.boxes is not None
    np.testing.assert_array_equal(read.points, POINTS)


def test_compressed_npz_and_npy_without_ids(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "p.npz", points=POINTS.astype(np.float32))
    np.save(tmp_path / "p.npy", POINTS)
    for name in ("p.npz", "p.npy"):
        read = read_predictions(tmp_path / name)
        assert read.ids is None and read.first_pixel is None
        np.testing.assert_allclose(read.points, POINTS, rtol=1e-6)


@pytest.mark.parametrize("axes", ["xy", "xyz"])
def test_csv(tmp_path: Path, axes: str) -> None:
    points = np.random.default_rng(1).uniform(0, 100, (3, 4, len(axes))).round(3)
    head = ",".join(["id", *(f"{axis}{k}" for k in range(4) for axis in axes)])
    lines = [",".join([name, *map(str, row.ravel())]) for name, row in zip(IDS, points)]
    (tmp_path / "p.csv").write_text("\n".join([head, *lines, ""]))
    read = read_predictions(tmp_path / "p.csv")
    assert read.ids == tuple(IDS)
    np.testing.assert_array_equal(read.points, points)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"points": POINTS, "ids": np.array(["a", "b", "a.jpg"])}, "1 ids occur more than once, such as a"),
        ({"points": POINTS, "ids": np.array(["a", "b"])}, "2 ids for 3 faces"),
        ({"points": POINTS.transpose(0, 2, 1)[:, :, :3], "ids": np.array(IDS)}, r"\(3, 2, 3\)|2 points"),
        ({"points": np.zeros((3, 2, 68)), "ids": np.array(IDS)}, r"\(3, 2, 68\).*transpose\(0, 2, 1\)"),
        ({"points": POINTS[0], "ids": np.array(IDS)}, r"shape \(4, 2\)"),
        ({"landmarks": POINTS}, "no array `points` among landmarks"),
        ({"points": POINTS, "ids": np.array(IDS, object)}, "pickle|type object|not a"),
        ({"points": POINTS, "ids": np.arange(3)}, "dtype=str"),
        ({"points": POINTS, "boxes": np.ones((3, 2))}, r"boxes have the shape \(3, 2\)"),
    ],
)
def test_bad_npz(tmp_path: Path, arrays: dict[str, np.ndarray], words: str) -> None:
    file = save(tmp_path / "p.npz", **arrays)
    if arrays.get("points", np.empty(0)).shape == (3, 2, 3):  # reads as 2 points in space: the protocol refuses it
        assert read_predictions(file).points.shape == (3, 2, 3)
        return
    with pytest.raises(AssetError, match=words):
        read_predictions(file)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,x0,y0\na,1,2\n", "first line is name,x0,y0"),
        ("id,x0,y0\na,1\n", "line 2 has 2 entries, the first one 3"),
        ("id,x0,y0\na,1,b\n", "line 2: an entry is not a number"),
        ("id,x0,y0\na,1,2\na,1,2\n", "occur more than once"),
        ("", "first line"),
    ],
)
def test_bad_csv(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(AssetError, match=words):
        read_predictions(tmp_path / "p.csv")


def test_an_empty_cell_is_not_a_number(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("id,x0,y0\na,1,\n")
    assert np.isnan(read_predictions(tmp_path / "p.csv").points[0, 0, 1])


@pytest.mark.parametrize("name", ["missing.npz", "folder.npz", "noise.npz", "noise.npy", "p.json"])
def test_files_that_are_none(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.npz").mkdir()
    for noise in ("noise.npz", "noise.npy", "p.json"):
        (tmp_path / noise).write_bytes(b"nothing of the kind")
    with pytest.raises(AssetError, match=name):
        read_predictions(tmp_path / name)


def test_ids() -> None:
    assert sample_id(" ./a\\b.JPG ") == "a/b"
    assert sample_id("image00002.mat") == "image00002"
    assert sample_id("1.2.3") == "1.2.3"


def test_a_csv_entry_without_end(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("id,x0,y0\n" + "a" * 200_000 + ",1,2\n")
    with pytest.raises(AssetError, match="field larger than field limit"):
        read_predictions(tmp_path / "p.csv")


@pytest.mark.parametrize("stored", [[0.0, 1.0], [float("nan")], [7.0]])
def test_first_pixels_that_nobody_counts_from(tmp_path: Path, stored: list[float]) -> None:
    file = save(tmp_path / "p.npz", ids=np.array(IDS), points=POINTS, first_pixel=np.array(stored))
    with pytest.raises(AssetError, match="first_pixel is .*expected one number of 0, 0.5, 1"):
        read_predictions(file)
