import json
from pathlib import Path
from typing import Any

import pytest

from synthgen.asset_io import coco
from synthgen.asset_io.coco import read_coco
from synthgen.core.errors import AssetError


def write(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "instances.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not a valid JSON file"),
        ("[" * 100_000, "not a valid JSON file"),
        ([], "`images` is missing"),
        ({"images": [], "annotations": {}, "categories": []}, "`annotations` is missing"),
        ({"images": [{"id": 1}], "annotations": [], "categories": []}, r"images\[0\]: .*`file_name`"),
        ({"images": [{"id": 1, "file_name": "a"}] * 2, "annotations": [], "categories": []}, "listed twice"),
        ({"images": [], "annotations": [{"id": 3}], "categories": []}, r"annotations\[0\]: `image_id`"),
        (
            {"images": [], "annotations": [{"image_id": 3, "category_id": 1}], "categories": []},
            r"image_id 3 is not in `images`",
        ),
    ],
)
def test_wrong_files_are_refused_by_name(tmp_path: Path, content: Any, words: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(AssetError, match=words) as caught:
        read_coco(path)
    assert "instances.json" in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"none\.json.*cannot be read"):
        read_coco(tmp_path / "none.json")


def test_outlines_are_kept_on_request_and_by_area(tmp_path: Path) -> None:
    outline = [[0, 0, 9, 0, 9, 9]]
    things = [
        {"id": i, "image_id": 1, "category_id": 2, "area": area, "iscrowd": crowd, "segmentation": outline}
        for i, (area, crowd) in enumerate([(10, 0), (99, 0), (500, 1)])
    ]
    content = {"images": [{"id": 1, "file_name": "a"}], "annotations": things, "categories": []}
    path = write(tmp_path, content)
    assert [a.outline for a in read_coco(path).annotations] == [None, None, None]
    assert [a.outline for a in read_coco(path, min_area=50).annotations] == [None, outline, None]


def test_large_files_keep_a_share_of_the_outlines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    things = [
        {"id": i, "image_id": 1, "category_id": 2, "area": 99, "segmentation": [[0, 0, 9, 0, 9, 9]]} for i in range(900)
    ]
    path = write(tmp_path, {"images": [{"id": 1, "file_name": "a"}], "annotations": things, "categories": []})
    monkeypatch.setattr(coco, "COCO_OUTLINE_BYTES", path.stat().st_size // 2 - 10)
    kept = [a for a in read_coco(path, 50).annotations if a.outline]
    assert 240 < len(kept) < 360
    assert kept == [a for a in read_coco(path, 50).annotations if a.outline]


def test_real_file_agrees_with_pycocotools(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pycocotools.coco import COCO

    path = shared_data / "coco" / "instances.json"
    reference = COCO(str(path))
    capsys.readouterr()
    index = read_coco(path)
    assert set(index.files) == set(reference.getImgIds())
    assert index.people == set(reference.getCatIds(catNms=["person"]))
    with_people = {a["image_id"] for a in reference.loadAnns(reference.getAnnIds(catIds=sorted(index.people)))}
    assert index.images_with_people() == with_people
    assert index.licence == "per picture: Attribution License, Attribution-ShareAlike License"
