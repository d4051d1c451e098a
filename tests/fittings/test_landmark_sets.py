import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from synthgen.core.errors import AssetError
from synthgen.fittings.landmark_schemes import as_ibug68, ibug68_from_wflw98
from synthgen.fittings.landmark_sets import landmark_format, read_landmarks

RANDOM = np.random.default_rng(2)


def picture(path: Path, width: int = 200, height: int = 160) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (90, 90, 90)).save(path)


def marks(count: int) -> np.ndarray:
    return RANDOM.uniform(20, 140, (count, 2)).round(3)


def write_pts(path: Path, points: np.ndarray, count: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "\n".join(f"{x} {y}" for x, y in points)
    path.write_text(f"version: 1\nn_points:  {count or len(points)}\n{{\n{lines}\n}}\n")


def test_pts_folders_count_from_one(tmp_path: Path) -> None:
    points = {"helen/trainset/100_1": marks(68), "ibug/image_003_1": marks(68)}
    for (name, values), suffix in zip(points.items(), (".jpg", ".png")):
        write_pts(tmp_path / f"{name}.pts", values)
        picture(tmp_path / f"{name}{suffix}")
    read = read_landmarks(tmp_path)
    assert [face.name for face in read.faces] == list(points) and read.skipped == ()
    assert [face.photo for face in read.faces] == ["helen/trainset/100_1.jpg", "ibug/image_003_1.png"]
    for face, values in zip(read.faces, points.values()):
        np.testing.assert_allclose(face.points, values - 0.5)
        assert face.scheme == "ibug68" and face.size == (160, 200) and face.visible.all() and face.box is None


def test_first_pixel_can_be_told(tmp_path: Path) -> None:
    write_pts(tmp_path / "a.pts", marks(68))
    picture(tmp_path / "a.jpg")
    shifts = [read_landmarks(tmp_path, first_pixel=first).faces[0].points for first in (1.0, 0.0, 0.5)]
    np.testing.assert_allclose(shifts[1] - shifts[0], 1.0)
    np.testing.assert_allclose(shifts[2] - shifts[0], 0.5)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("version: 1\nn_points: 67\n{\n}\n", "n_points is 67, expected 68"),
        ("version: 1\nn_points: 68\n{\n1 2\n}\n", "1 lines of points"),
        ("1 2\n3 4\n", "not a .pts file"),
        ("version: 1\nn_points: 68\n{\n" + "1 x\n" * 68 + "}\n", "not a number"),
        ("version: 1\nn_points: 68\n{\n" + "nan nan\n" * 68 + "}\n", "no finite point"),
        ("version: 1\nn_points: 68\n{\n" + "inf 3\n" * 68 + "}\n", "infinite"),
        (
            "version: 1\nn_points: 68\n{\n" + "30 30\n" * 67 + "300 30\n}\n",
            r"landmarks\[67\] lies at \(299\.5, 29\.5\)",
        ),
    ],
)
def test_bad_pts_files_are_named_or_skipped(tmp_path: Path, content: str, words: str) -> None:
    write_pts(tmp_path / "good.pts", marks(68))
    (tmp_path / "bad.pts").write_text(content)
    for name in ("good", "bad"):
        picture(tmp_path / f"{name}.jpg")
    with pytest.raises(AssetError, match=rf"(?s)1 of 2 items.*bad.*{words}"):
        read_landmarks(tmp_path)
    read = read_landmarks(tmp_path, skip_bad=True)
    assert [face.name for face in read.faces] == ["good"] and len(read.skipped) == 1
    assert read.skipped[0].name.startswith("bad")


def test_missing_partners_are_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_pts(tmp_path / f"{name}.pts", marks(68))
    for name in ("b", "c"):
        picture(tmp_path / f"{name}.jpg")
    with pytest.raises(
        AssetError, match=r"(?s)a\.pts: its picture .*a\.jpg.*is missing.*c\.jpg: its annotation c\.pts is"
    ):
        read_landmarks(tmp_path)
    assert [item.name for item in read_landmarks(tmp_path, skip_bad=True).skipped] == ["a", "c"]


def test_points_a_little_outside_are_annotations(tmp_path: Path) -> None:
    values = marks(68)
    values[3] = [-40.0, 190.0]  # within a quarter of 200 x 160
    write_pts(tmp_path / "a.pts", values)
    picture(tmp_path / "a.jpg")
    np.testing.assert_allclose(read_landmarks(tmp_path).faces[0].points[3], [-40.5, 189.5])


def wflw_line(points: np.ndarray, name: str) -> str:
    numbers = " ".join(f"{value:.6f}" for value in points.ravel())
    return f"{numbers} 20 30 140 150 0 1 0 0 1 0 {name}"


def test_wflw_lists_find_their_pictures(tmp_path: Path) -> None:
    points = [marks(98), marks(98)]
    path = tmp_path / "WFLW_annotations" / "list_98pt_rect_attr_train_test" / "list_98pt_rect_attr_test.txt"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(wflw_line(values, "0--Parade/p_1.jpg") for values in points) + "\n")
    picture(tmp_path / "WFLW_images" / "0--Parade" / "p_1.jpg")
    faces = read_landmarks(path).faces
    assert [face.name for face in faces] == ["0--Parade/p_1", "0--Parade/p_1-2"]
    for face, values in zip(faces, points):
        np.testing.assert_allclose(face.points, values + 0.5, atol=1e-5)
        assert face.box == (20.5, 30.5, 140.5, 150.5) and face.scheme == "wflw98"
    short = tmp_path / "list_98pt_test.txt"
    short.write_text(" ".join(str(value) for value in points[0].ravel()) + " 0--Parade/p_1.jpg\n")
    assert read_landmarks(short).faces[0].box is None
    short.write_text("1 2 3 a.jpg\n")
    with pytest.raises(AssetError, match=r"list_98pt_test\.txt:1: 4 entries, expected 207"):
        read_landmarks(short)


def test_wflw_becomes_ibug() -> None:
    points = marks(98)
    converted = ibug68_from_wflw98(points)
    # Some of every group, by hand.
    np.testing.assert_allclose(converted[[0, 8, 16, 17, 26, 27, 35]], points[[0, 16, 32, 33, 46, 51, 59]])
    np.testing.assert_allclose(converted[[36, 39, 42, 45, 48, 67]], points[[60, 64, 68, 72, 76, 95]])
    np.testing.assert_allclose(converted[21], [points[37, 0], (points[37, 1] + points[38, 1]) / 2])
    np.testing.assert_allclose(converted[22], [points[42, 0], (points[42, 1] + points[50, 1]) / 2])
    np.testing.assert_allclose(converted[38], 2 / 3 * points[63] + 1 / 3 * points[62])
    np.testing.assert_allclose(converted[46], 2 / 3 * points[73] + 1 / 3 * points[74])
    public = 0.666 * points[63] + 0.333 * points[62]
    assert np.abs(public - converted[38]).max() < 0.2


def aflw19(tmp_path: Path) -> tuple[Path, np.ndarray]:
    data = marks(2 * 19).T.reshape(2, 38)
    data[1, [4, 23]] = 0.0  # point 4 of face 1 is not there
    mask = np.ones((2, 19))
    mask[0, 7] = 0
    names = np.empty((2, 1), object)
    names[:, 0] = ["0/image1.jpg", "2/image2.jpg"]
    values = {"data": data, "bbox": np.array([[10, 110, 20, 140], [1, 2, 3, 4]]), "mask_new": mask, "nameList": names,
              "ra": np.array([[2, 1]])}  # fmt: skip
    savemat(tmp_path / "AFLWinfo_release.mat", values)
    for name in names[:, 0]:
        picture(tmp_path / "flickr" / name)
    return tmp_path / "AFLWinfo_release.mat", data


def test_aflw19_is_all_x_then_all_y(tmp_path: Path) -> None:
    path, data = aflw19(tmp_path)
    faces = read_landmarks(path).faces
    np.testing.assert_allclose(faces[0].points, np.stack([data[0, :19], data[0, 19:]], axis=1) - 0.5)
    assert faces[0].box == (9.5, 19.5, 109.5, 139.5) and faces[0].photo == "0/image1.jpg"
    assert not faces[0].visible[7] and faces[0].visible.sum() == 18
    assert np.isnan(faces[1].points[4]).all() and not faces[1].visible[4]
    placed = as_ibug68(faces[0])
    np.testing.assert_allclose(placed.points[[17, 39, 30, 54, 8]], faces[0].points[[0, 8, 13, 17, 18]])
    assert np.isfinite(placed.points).all(axis=1).sum() == 16 and placed.scheme == "ibug68"


def test_aflw19_with_other_shapes_is_refused(tmp_path: Path) -> None:
    path, data = aflw19(tmp_path)
    names = np.array([["0/image1.jpg"], ["2/image2.jpg"]], object)
    for values, words in [
        ({"data": data}, "nameList is missing"),
        ({"data": data[:, :21], "nameList": names}, r"data has shape \(2, 21\), expected \(2, 38\)"),
        ({"data": data, "nameList": names}, "bbox is missing"),
    ]:
        savemat(path, values)
        with pytest.raises(AssetError, match=words):
            read_landmarks(path)


def test_point_tables_follow_the_sorted_pictures(tmp_path: Path) -> None:
    table = RANDOM.uniform(20, 140, (3, 2, 21)).astype(np.float32)
    table[1, :, 12] = -1.0
    np.save(tmp_path / "AFLW_GT_pts21.npy", table)
    for name in ("image9.jpg", "image10.jpg", "image2.jpg"):
        picture(tmp_path / "photos" / name)
    faces = read_landmarks(tmp_path / "AFLW_GT_pts21.npy", photos=tmp_path / "photos").faces
    assert [face.photo for face in faces] == ["image10.jpg", "image2.jpg", "image9.jpg"]
    np.testing.assert_allclose(faces[2].points, table[2].T - 0.5, rtol=1e-6)
    assert np.isnan(faces[1].points[12]).all() and faces[1].scheme == "aflw21"
    np.testing.assert_allclose(as_ibug68(faces[0]).points[[30, 8]], faces[0].points[[14, 20]])
    picture(tmp_path / "photos" / "more.jpg")
    with pytest.raises(AssetError, match="3 faces, but .* holds 4 pictures"):
        read_landmarks(tmp_path / "AFLW_GT_pts21.npy", photos=tmp_path / "photos")
    header = (tmp_path / "AFLW_GT_pts21.npy").read_bytes().replace(b"'descr'", b"'descr''")
    (tmp_path / "header.npy").write_bytes(header)
    with pytest.raises(AssetError, match=r"header\.npy: not a whole \.npy file"):
        read_landmarks(tmp_path / "header.npy", photos=tmp_path / "photos")
    np.save(tmp_path / "bad.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(AssetError, match=r"bad\.npy: .*items of type object"):
        read_landmarks(tmp_path / "bad.npy", photos=tmp_path / "photos")


def coco(points: np.ndarray, visibility: list[int], **more: object) -> dict[str, object]:
    keypoints = np.column_stack([points, visibility]).ravel().tolist()
    return {"image_id": 7, "keypoints": keypoints, "bbox": [10, 20, 30, 40.5], **more}


def test_coco_points_are_pixel_indices_and_its_boxes_are_not(tmp_path: Path) -> None:
    points = marks(68).round()
    picture(tmp_path / "a.jpg")
    annotations = [coco(points, [2] * 60 + [1] * 5 + [0] * 3), coco(points * 0, [0] * 68), {"image_id": 7}]
    content = {"images": [{"id": 7, "file_name": "a.jpg"}], "annotations": annotations, "categories": []}
    (tmp_path / "coco.json").write_text(json.dumps(content))
    read = read_landmarks(tmp_path / "coco.json")
    (face,) = read.faces
    np.testing.assert_allclose(face.points[:65], points[:65] + 0.5)
    assert np.isnan(face.points[65:]).all()
    assert face.visible.tolist() == [True] * 60 + [False] * 8
    assert face.box == (10, 20, 40, 60.5)
    assert [item.reason.split("annotations")[1] for item in read.skipped] == ["[1] has no labelled keypoint",
                                                                              "[2] has no keypoints"]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image_id": 8}, "image_id: 8 is not in"),
        ({"keypoints": [1, 2]}, "2 numbers, expected x, y, v"),
        ({"keypoints": [1, 2, 2] * 5}, "5 points per face; expected 17"),
        ({"keypoints": [1, 2, "2"] * 17}, r"keypoints\[2\]: expected a number"),
        ({"keypoints": [900, 2, 2] * 17}, "outside the photo"),
    ],
)
def test_bad_coco_annotations_are_named(tmp_path: Path, change: dict[str, object], words: str) -> None:
    picture(tmp_path / "a.jpg")
    content = {"images": [{"id": 7, "file_name": "a.jpg"}], "annotations": [coco(marks(17), [2] * 17) | change]}
    (tmp_path / "coco.json").write_text(json.dumps(content))
    with pytest.raises(AssetError, match=rf"(?s)annotations\[0\].*{words}"):
        read_landmarks(tmp_path / "coco.json")


def test_plain_json(tmp_path: Path) -> None:
    points = marks(68).tolist()
    points[5] = None
    for name in ("a.jpg", "b.jpg"):
        picture(tmp_path / name)
    (tmp_path / "p.json").write_text(json.dumps({"a.jpg": points, "b.jpg": [points, marks(98).tolist()]}))
    faces = read_landmarks(tmp_path / "p.json").faces
    assert [face.name for face in faces] == ["a", "b", "b-2"]
    assert [face.scheme for face in faces] == ["ibug68", "ibug68", "wflw98"]
    assert np.isnan(faces[0].points[5]).all() and faces[0].points[6, 0] == pytest.approx(points[6][0] + 0.5)


def test_real_portraits(shared_data: Path) -> None:
    read = read_landmarks(shared_data / "photos" / "landmarks.json")
    assert len(read.faces) == 6 and [item.name for item in read.skipped] == ["astronaut.png"]
    obama = read.faces[0]
    assert obama.photo == "barak-obama.jpg" and obama.size == (1739, 1338)
    np.testing.assert_allclose(obama.points[[0, 8]], [[361.5, 578.5], [688.5, 1122.5]])
    assert obama.box == (361.5, 465.5, 1012.5, 1122.5)
    for face in read.faces:  # the subject's right eye is at image left, the nose between the eyes and the mouth
        assert face.points[36, 0] < face.points[45, 0]
        assert face.points[36:48, 1].max() < face.points[30, 1] < face.points[48:, 1].min()


def test_real_coco(shared_data: Path) -> None:
    read = read_landmarks(shared_data / "coco" / "person_keypoints.json", photos=shared_data / "coco" / "images")
    assert {face.scheme for face in read.faces} == {"coco17"} and len(read.faces) + len(read.skipped) == 10
    with pytest.raises(AssetError, match="coco17 have no counterpart"):
        as_ibug68(read.faces[0])


def test_unknown_sources(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="no such file or folder; expected a folder of .pts files"):
        read_landmarks(tmp_path / "none")
    with pytest.raises(AssetError, match="holds no landmarks"):
        read_landmarks(tmp_path)
    (tmp_path / "fit.json").write_text('{"format": "synthgen-fittings-1", "faces": []}')
    assert landmark_format(tmp_path / "fit.json") is None
    for content, words in (("[1]", "expected an object"), ("{", "not a valid JSON"), ('{"a": 1, "a": 2}', "twice")):
        (tmp_path / "x.json").write_text(content)
        with pytest.raises(AssetError, match=words):
            read_landmarks(tmp_path / "x.json")
