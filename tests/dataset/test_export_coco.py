"""COCO exports, read by pycocotools and, for the run lengths, by hand."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_fakes import write_dataset
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from synthgen.core.errors import UsageError
from synthgen.dataset.export import export_dataset
from synthgen.dataset.export_coco import encode_rle
from synthgen.dataset.reader import Dataset, open_dataset

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own


def read_counts(text: str) -> list[int]:
    """maskApi.c: five bits a character above "0", 32 says that more follow, the sixth bit of the last is the sign; from
    the fourth number on, the difference to the one two places before."""
    counts: list[int] = []
    position = 0
    while position < len(text):
        value, shift, more = 0, 0, True
        while more:
            character = ord(text[position]) - 48
            value |= (character & 31) << shift
            more, shift, position = bool(character & 32), shift + 5, position + 1
        if character & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
    return counts


def test_run_lengths_by_hand() -> None:
    mask = np.array([[0, 1, 1], [0, 1, 0]], bool)  # down the columns: 0 0 1 1 1 0
    assert encode_rle(mask) == {"size": [2, 3], "counts": "231"}
    assert encode_rle(~mask)["counts"] == "023O"  # 0 2 3, then 1 - 2 = -1 in five bits
    assert read_counts("023O") == [0, 2, 3, 1]
    assert encode_rle(np.zeros((2, 2), bool)) == {"size": [2, 2], "counts": "4"}


@pytest.mark.parametrize("share", [0.02, 0.3, 1.0])
def test_run_lengths_of_random_masks(share: float) -> None:
    mask = np.random.default_rng(0).random((70, 90)) < share
    packed = encode_rle(mask)
    flat = [value for number, run in enumerate(read_counts(packed["counts"])) for value in [number % 2] * run]
    np.testing.assert_array_equal(np.array(flat, bool).reshape(90, 70).T, mask)
    np.testing.assert_array_equal(coco_mask.decode(packed).astype(bool), mask)


def exported(tmp_path: Path, kind: str) -> tuple[Dataset, COCO, Path]:
    dataset = open_dataset(write_dataset(tmp_path / "data", kind))
    assert export_dataset(dataset, "coco", tmp_path / "out") == 7
    with contextlib.redirect_stdout(io.StringIO()):
        return dataset, COCO(tmp_path / "out" / "annotations.json"), tmp_path / "out" / "images"


@pytest.mark.parametrize(("kind", "views"), [("images", [""]), ("pairs", ["source_", "target_"]),
                                             ("fittings", [""]), ("video", ["frame0_", "frame1_"])])  # fmt: skip
def test_every_picture_has_its_faces(tmp_path: Path, kind: str, views: list[str]) -> None:
    dataset, coco, pictures = exported(tmp_path, kind)
    assert sorted(coco.imgs) == list(range(1, 7 * len(views) + 1))
    assert len(coco.loadCats([1])[0]["keypoints"]) == 68
    for number, image in coco.imgs.items():
        arrays, prefix = dataset[(number - 1) // len(views)], views[(number - 1) % len(views)]
        picture = np.asarray(Image.open(pictures / image["file_name"]))
        np.testing.assert_array_equal(picture, arrays[prefix + "image"])
        assert (image["height"], image["width"]) == picture.shape[:2]
        notes = coco.loadAnns(coco.getAnnIds([number], iscrowd=False))
        faces = arrays.get(prefix + "face_index", np.ones(picture.shape[:2]))
        expected = [arrays[prefix + "face_mask"] & (faces == face) for face in (1, 2, 3)]
        expected = [mask for mask in expected if mask.any()]
        assert len(notes) == len(expected)
        for note, mask in zip(notes, expected, strict=True):
            np.testing.assert_array_equal(coco.annToMask(note).astype(bool), mask)
            assert note["area"] == mask.sum() == coco_mask.area(note["segmentation"])
            assert note["bbox"] == coco_mask.toBbox(note["segmentation"]).tolist()
        check_points(notes[0], arrays[prefix + "landmarks_2d"], arrays[prefix + "landmarks_visibility"])
        if len(notes) > 1:
            others = arrays[prefix + "other_landmarks_2d"], arrays[prefix + "other_landmarks_visibility"]
            check_points(notes[1], others[0][0], others[1][0])


def check_points(note: dict[str, Any], landmarks: np.ndarray, visibility: np.ndarray) -> None:
    points = np.array(note["keypoints"]).reshape(68, 3)
    assert points[:, 2].tolist() == [{1: 2, 2: 1, 3: 0, 5: 1}[code] for code in visibility.tolist()]
    shown = visibility != 3
    np.testing.assert_allclose(points[shown, :2], landmarks[shown] - 0.5, atol=1e-3)
    assert (points[~shown] == 0).all()
    assert note["num_keypoints"] == shown.sum()


def test_ignored_pixels_are_a_crowd_and_other_faces_have_their_own_annotation(tmp_path: Path) -> None:
    dataset, coco, _ = exported(tmp_path, "images")
    for number in coco.imgs:
        crowds = coco.loadAnns(coco.getAnnIds([number], iscrowd=True))
        faces = coco.loadAnns(coco.getAnnIds([number], iscrowd=False))
        if number % 2 == 1:  # samples 0, 2, ...
            np.testing.assert_array_equal(coco.annToMask(crowds[0]), dataset[number - 1]["ignore_mask"])
            assert crowds[0]["num_keypoints"] == 0
        assert (len(crowds), len(faces)) == ((1, 1) if number % 2 == 1 else (0, 2))


@pytest.mark.parametrize("task", ["keypoints", "segm", "bbox"])
def test_the_truth_against_itself_is_perfect(tmp_path: Path, task: str) -> None:
    """COCOeval with 68 sigmas: average precision and recall of 1; one pixel of error costs key points some of it."""
    _, coco, _ = exported(tmp_path, "images")

    def precision(shift: float) -> tuple[float, float]:
        found = []
        for note in coco.loadAnns(coco.getAnnIds(iscrowd=False)):
            keypoints = (np.array(note["keypoints"]).reshape(68, 3) + [shift, 0, 0]).ravel().tolist()
            found.append(note | {"keypoints": keypoints, "score": 1.0})
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation = COCOeval(coco, coco.loadRes(found), task)
            evaluation.params.kpt_oks_sigmas = np.full(68, 0.05)
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        return float(evaluation.stats[0]), float(evaluation.stats[5])

    assert precision(0.0) == (pytest.approx(1.0), pytest.approx(1.0 if task == "keypoints" else -1.0))
    if task == "keypoints":
        assert precision(3.0)[0] < 0.9


def test_head_of_the_file(tmp_path: Path) -> None:
    dataset, _, _ = exported(tmp_path, "images")
    content = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert [licence["name"] for licence in content["licenses"]] == ["CC0", "with a | bar"]
    assert dataset.fingerprint in content["info"]["description"]
    assert [note["id"] for note in content["annotations"]] == list(range(1, len(content["annotations"]) + 1))


def test_one_mask_of_two_faces_is_refused(tmp_path: Path) -> None:
    dataset = open_dataset(write_dataset(tmp_path / "data", "images"))
    some = dataset.with_labels("image", "landmarks_2d", "landmarks_visibility", "face_mask")
    with pytest.raises(UsageError, match="does not hold face_index"):
        export_dataset(some, "coco", tmp_path / "again")
    assert not (tmp_path / "again").exists()
