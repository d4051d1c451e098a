from pathlib import Path

import numpy as np
import pytest

from eval.readers.truth_npz import read_truth_npz
from synthgen.core.errors import AssetError
from tests.eval.benchmark_files import picture

POINTS = np.random.default_rng(0).uniform(5, 50, (3, 4, 2))
IDS = np.array(["a.jpg", "b", "c"])


def save(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


def test_everything_that_it_may_hold(tmp_path: Path) -> None:
    points = POINTS.copy()
    points[1, 2] = np.nan
    picture(tmp_path / "a.jpg")
    visible, videos = np.array([[1, 1, 0, 1]] * 3), np.array(["v", "v", "w"])
    yaw, first = np.array([1.0, 2.0, 3.0]), np.array(1.0)
    file = save(
        tmp_path / "t.npz", points=points, ids=IDS, visible=visible, boxes=np.ones((3, 4)), yaw_deg=yaw, videos=videos,
        first_pixel=first,
    )  # fmt: skip
    truth = read_truth_npz(file, "any", 4)
    assert truth.ids == ("a", "b", "c") and truth.videos == ("v", "v", "w")
    np.testing.assert_array_equal(truth.points, points - 0.5)
    np.testing.assert_array_equal(truth.boxes, 0.5)
    assert truth.visible.tolist() == [[True, True, False, True]] * 3  # point 2 of b is hidden and not annotated
    assert truth.yaw_deg.tolist() == [1.0, 2.0, 3.0]
    assert truth.pictures == (tmp_path / "a.jpg", None, None)


def test_the_first_pixel_is_0_when_nobody_says(tmp_path: Path) -> None:
    truth = read_truth_npz(save(tmp_path / "t.npz", points=POINTS, ids=IDS), "any")
    np.testing.assert_array_equal(truth.points, POINTS + 0.5)
    assert truth.visible.all() and np.isnan(truth.boxes).all()


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"ids": IDS}, "no array 'points'"),
        ({"points": POINTS}, "no array 'ids'"),
        ({"points": POINTS, "ids": IDS[:2]}, r"ids has the shape \(2,\)"),
        ({"points": POINTS, "ids": np.arange(3)}, "type int64, expected"),
        ({"points": POINTS[:, :3], "ids": IDS}, r"shape \(3, 3, 2\), expected \(N, 4, 2 or 3\)"),
        ({"points": POINTS, "ids": IDS, "boxes": np.ones((3, 3))}, r"boxes has the shape \(3, 3\)"),
        ({"points": POINTS, "ids": np.array(["a", "b", "b"])}, "occur more than once: b"),
        ({"points": POINTS.astype("U8"), "ids": IDS}, "points has the type <U8"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, arrays: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(AssetError, match=words):
        read_truth_npz(save(tmp_path / "t.npz", **arrays), "any", 4)


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "t.npz").write_bytes(b"PK nothing")
    for name in ("t.npz", "none.npz"):
        with pytest.raises(AssetError, match=name):
            read_truth_npz(tmp_path / name, "any")
