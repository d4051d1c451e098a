"""Boxes and landmarks of pictures, and what is wrong with them."""

import json
from pathlib import Path

import numpy as np
import pytest

from synthgen.core.errors import AssetError, UsageError
from synthgen.predict.box_files import read_boxes
from synthgen.predict.faces import FaceSource, face_crop, read_faces
from synthgen.report.tiles import save_picture


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name in ("a.png", "b.png", "sheet.png"):
        save_picture(np.zeros((40, 60, 3), np.uint8), folder / name)
    return folder


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_three_ways_to_write_boxes(tmp_path: Path) -> None:
    expected = {"a.png": [(1.0, 2.0, 3.0, 4.5), (5.0, 6.0, 7.0, 8.0)], "b.png": [(0.0, 0.0, 9.0, 9.0)]}
    table = "picture,left,top,right,bottom,score\na.png,1,2,3,4.5,0.9\na.png,5,6,7,8,1\nb.png,0,0,9,9,\n"
    by_picture = {"a.png": [[1, 2, 3, 4.5], [5, 6, 7, 8]], "b.png": [0, 0, 9, 9]}
    names = ("left", "top", "right", "bottom")
    listed = [
        {"picture": picture, **dict(zip(names, box, strict=True))} for picture in expected for box in expected[picture]
    ]
    assert read_boxes(write(tmp_path / "1.csv", table)) == expected
    assert read_boxes(write(tmp_path / "2.json", by_picture)) == expected
    assert read_boxes(write(tmp_path / "3.json", listed)) == expected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", "photo,left,top,right,bottom\n", "no column picture; the first line must name picture, left"),
        ("x.csv", "picture,left,top,right,bottom\na.png,1,2,three,4\n", "x.csv:2: .* must be numbers"),
        ("x.csv", "picture,left,top,right,bottom\na.png,1,2\n", "x.csv:2: .* must be numbers"),
        ("x.csv", "picture,left,top,right,bottom\na.png,10,10,5,20\n", "no area; .*not width and height"),
        ("x.csv", "picture,left,top,right,bottom\na.png,nan,10,15,20\n", "not finite"),
        ("x.csv", "picture,left,top,right,bottom\n", "holds no box"),
        ("x.json", '{"a.png": [[1, 2, 3]]}', r"'a.png'\[0\]: expected left, top, right, bottom"),
        ("x.json", "{", "not a valid JSON file"),
        ("x.json", "[3]", r"\[0\]: expected an object with picture, left"),
        ("x.txt", "", "boxes are read from .csv"),
    ],
)
def test_boxes_that_are_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(AssetError, match=message):
        read_boxes(write(tmp_path / name, content))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="does not exist"):
        read_boxes(tmp_path / "none.csv")


def test_several_faces_of_several_pictures(photos: Path) -> None:
    boxes = write(photos / "boxes.json", {"b.png": [[1, 1, 9, 9], [20, 1, 29, 9]], "sheet.png": [0, 0, 9, 9]})
    faces, without = read_faces(FaceSource(photos, boxes))
    # The name "sheet" belongs to the sheet of all faces.
    assert [face.name for face in faces] == ["b", "b-2", "sheet-2"]
    assert faces[1].box == (20.0, 1.0, 29.0, 9.0) and without == ["a.png"]
    alone, _ = read_faces(FaceSource(photos / "b.png", boxes))
    assert [face.name for face in alone] == ["b", "b-2"]


def test_whole_pictures(photos: Path) -> None:
    faces, without = read_faces(FaceSource(photos))
    assert [face.name for face in faces] == ["a", "b", "sheet-2"] and not without
    assert face_crop(faces[0], (40, 60), 0.5, (64, 64), False).side == 60.0


def test_landmarks_count_from_the_centre_of_the_first_pixel(photos: Path) -> None:
    points = np.random.default_rng(0).uniform(5, 35, (68, 2))
    file = write(photos / "points.json", {"a.png": points.tolist()})
    faces, without = read_faces(FaceSource(photos, landmarks=file))
    np.testing.assert_allclose(faces[0].landmarks, points + 0.5)
    assert len(faces) == 1 and without == ["b.png", "sheet.png"]


def test_what_is_wrong_with_another_photo_is_nothing_to_this_one(photos: Path) -> None:
    points = np.random.default_rng(0).uniform(5, 35, (68, 2)).tolist()
    file = write(photos / "points.json", {"a.png": points, "gone.png": points})
    assert len(read_faces(FaceSource(photos / "a.png", landmarks=file))[0]) == 1
    with pytest.raises(AssetError, match=r"gone\.png"):
        read_faces(FaceSource(photos, landmarks=file))


def test_sources_that_are_refused(photos: Path, tmp_path: Path) -> None:
    boxes = write(tmp_path / "boxes.json", {"c.png": [1, 1, 9, 9]})
    with pytest.raises(AssetError, match=r"no picture c\.png in "):
        read_faces(FaceSource(photos, boxes))
    with pytest.raises(AssetError, match=r"no face in a\.png"):
        read_faces(FaceSource(photos / "a.png", boxes))
    with pytest.raises(UsageError, match="exclude each other"):
        read_faces(FaceSource(photos, boxes, boxes))
    with pytest.raises(AssetError, match="no such photo or folder"):
        read_faces(FaceSource(photos / "z.png"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(AssetError, match="holds no picture"):
        read_faces(FaceSource(tmp_path / "empty"))


def test_a_box_beside_the_picture(photos: Path) -> None:
    boxes = write(photos / "boxes.json", {"a.png": [60, 1, 80, 20]})
    (face,), _ = read_faces(FaceSource(photos / "a.png", boxes))
    with pytest.raises(AssetError, match="lies outside the picture of 60 x 40 px"):
        face_crop(face, (40, 60), 0.5, (64, 64), False)
