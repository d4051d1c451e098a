"""Where the releases keep things, and what they must have."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

import eval.readers.aflw
from eval.readers.aflw import numbered, read_aflw19_test, read_aflw21
from eval.readers.aflw2000 import read_aflw2000
from eval.readers.pts_folders import read_vw300, read_w300
from eval.readers.wflw import read_wflw
from synthgen.core.errors import AssetError
from tests.eval.benchmark_files import (
    faces,
    picture,
    wflw_points,
    write_aflw19,
    write_aflw2000,
    write_vw300,
    write_w300,
    write_wflw,
)

POINTS, ANGLES = faces(7)


def test_aflw2000_is_read_into_our_pixels(tmp_path: Path) -> None:
    write_aflw2000(tmp_path, POINTS, ANGLES, pictures=True)
    data = read_aflw2000(tmp_path)
    np.testing.assert_allclose(data.truth.points, POINTS, atol=1e-4)
    np.testing.assert_allclose(data.reannotated, POINTS[..., :2], atol=1e-4)
    np.testing.assert_allclose(data.truth.yaw_deg, np.rad2deg(ANGLES[:, 1]), rtol=1e-5)
    assert data.truth.pictures[0] == tmp_path / "image00002.jpg"
    assert data.labelled_yaw is not None and (data.labelled_yaw >= 0).all()


def test_aflw2000_needs_its_points(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="no .mat file"):
        read_aflw2000(tmp_path)
    savemat(tmp_path / "image00002.mat", {"pt2d": np.zeros((2, 21)), "Pose_Para": np.zeros((1, 7))})
    with pytest.raises(AssetError, match="image00002.mat: .*pt3d_68 is missing"):
        read_aflw2000(tmp_path)


def test_subsets_of_300w(tmp_path: Path) -> None:
    write_w300(tmp_path, POINTS, pictures=True)
    truth = read_w300(tmp_path)
    members = {name: [truth.ids[row] for row in np.flatnonzero(mask)] for name, mask in truth.subsets.items()}
    assert members == {
        "common": ["helen/testset/face_0", "lfpw/testset/face_1"],
        "challenging": ["ibug/face_2"],
        "private": ["300W/01_Indoor/face_3", "300W/02_Outdoor/face_4"],
        "full": ["helen/testset/face_0", "ibug/face_2", "lfpw/testset/face_1"],
    }
    np.testing.assert_allclose(truth.points[truth.ids.index("ibug/face_2")], POINTS[2, :, :2], atol=1e-5)
    assert all(path is not None and path.suffix == ".png" for path in truth.pictures)


def test_frames_of_300vw_are_found(tmp_path: Path) -> None:
    ids = write_vw300(tmp_path, {"114": POINTS[:2], "007": POINTS[2:4]})
    picture(tmp_path / "114" / "imgs" / "000002.png")
    truth = read_vw300(tmp_path)
    assert set(truth.ids) == set(ids) and truth.videos == ("007", "007", "114", "114")
    assert truth.pictures[3] == tmp_path / "114/imgs/000002.png" and truth.pictures[0] is None
    assert truth.subsets["category 1"].tolist() == [False, False, True, True]


def test_wflw_boxes_and_attributes(tmp_path: Path) -> None:
    attributes = np.random.default_rng(0).random((7, 6)) < 0.5
    ids = write_wflw(tmp_path, wflw_points(POINTS), attributes)
    picture(tmp_path / "WFLW_images" / "0--Parade" / "0_Parade_3.jpg")
    truth = read_wflw(tmp_path)
    assert list(truth.ids) == ids
    np.testing.assert_array_equal(np.stack(list(truth.subsets.values()), axis=1), attributes)
    np.testing.assert_allclose(truth.points, wflw_points(POINTS), atol=1e-5)
    assert truth.pictures[3] is not None and truth.pictures[0] is None
    assert (truth.boxes[:, 0] <= truth.points[..., 0].min(axis=1) + 0.5).all()


def test_the_test_faces_of_aflw19_follow_ra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eval.readers.aflw, "_TRAINING_FACES", 3)
    points = POINTS[:4, :19, :2]
    ids = write_aflw19(tmp_path, points, np.ones((4, 19), bool), training=3)
    truth = read_aflw19_test(tmp_path)
    assert list(truth.ids) == ids
    np.testing.assert_allclose(truth.points, points)
    np.testing.assert_allclose(truth.boxes[:, 0], points[..., 0].min(axis=1))
    monkeypatch.setattr(eval.readers.aflw, "_TRAINING_FACES", 7)
    with pytest.raises(AssetError, match="no order `ra` of more than 7 faces"):
        read_aflw19_test(tmp_path)
    (empty := tmp_path / "empty").mkdir()
    with pytest.raises(AssetError, match="no AFLWinfo_release.mat"):
        read_aflw19_test(empty)


def test_aflw21_needs_its_tables(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="no AFLW_GT_pts21.npy"):
        read_aflw21(tmp_path)
    np.save(tmp_path / "AFLW_GT_pts21.npy", np.zeros((2, 2, 68), np.float32))
    with pytest.raises(AssetError, match="68 points for each face, expected 21"):
        read_aflw21(tmp_path)


def test_further_faces_of_one_picture_are_numbered() -> None:
    assert numbered(["a", "b", "a", "a"]) == ["a", "b", "a#2", "a#3"]
