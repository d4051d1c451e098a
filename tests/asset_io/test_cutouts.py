import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from synthgen.asset_io.cutouts import open_cutouts, place_cutout
from synthgen.asset_io.outlines import outline_mask
from synthgen.core.errors import AssetError

PICTURE = np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)


def square_mask() -> np.ndarray:
    mask = np.zeros((60, 80), np.uint8)
    mask[10:40, 20:70] = 1
    mask[20:25, 30:40] = 0
    return mask


def dataset(tmp_path: Path, *outlines: Any, size: tuple[int, int] = (60, 80), **extra: Any) -> tuple[str, str]:
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    things = [
        {"id": i, "image_id": 1, "category_id": 1, "area": 1400, "segmentation": outline, **extra}
        for i, outline in enumerate(outlines)
    ]
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": size[0], "width": size[1]}],
        "annotations": things,
        "categories": [{"id": 1, "name": "person"}],
    }
    (tmp_path / "instances.json").write_text(json.dumps(content))
    return str(tmp_path), str(tmp_path / "instances.json")


def compressed() -> dict[str, Any]:
    runs = coco_mask.frPyObjects(uncompressed(), 60, 80)
    return {"size": runs["size"], "counts": runs["counts"].decode()}


def uncompressed() -> dict[str, Any]:
    flat = square_mask().flatten(order="F")
    borders = np.flatnonzero(np.diff(flat)) + 1
    return {"size": [60, 80], "counts": np.diff([0, *borders, len(flat)]).tolist()}


@pytest.mark.parametrize("outline", [compressed(), uncompressed()], ids=["compressed", "uncompressed"])
def test_run_lengths_give_the_masked_pixels(tmp_path: Path, outline: Any) -> None:
    cutouts = open_cutouts(*dataset(tmp_path, outline), min_area=100)
    pixels = cutouts.load(0.0)
    assert pixels.shape == (30, 50, 4)
    np.testing.assert_array_equal(pixels[..., 3], square_mask()[10:40, 20:70] * 255)
    np.testing.assert_array_equal(pixels[..., :3], PICTURE[10:40, 20:70])


def test_polygons_are_joined(tmp_path: Path) -> None:
    polygons = [[10, 10, 30, 10, 30, 20, 10, 20], [40, 30, 60, 30, 60, 50, 40, 50]]
    pixels = open_cutouts(*dataset(tmp_path, polygons), min_area=100).load(0.0)
    assert pixels.shape == (40, 50, 4)
    assert (pixels[:10, :20, 3] == 255).all() and (pixels[20:, 30:, 3] == 255).all()
    assert np.count_nonzero(pixels[..., 3]) == 20 * 10 + 20 * 20


def test_large_things_are_reduced(tmp_path: Path, shared_data: Path) -> None:
    coco = shared_data / "coco"
    cutouts = open_cutouts(str(coco / "images"), str(coco / "instances.json"))
    assert cutouts.count == 5
    shapes = [cutouts.load((i + 0.5) / 5).shape for i in range(5)]
    assert max(max(shape) for shape in shapes) == 256 and all(shape[2] == 4 for shape in shapes)
    nobody = open_cutouts(str(coco / "images"), str(coco / "instances.json"), skip_people=True)
    assert nobody.count == 2
    assert [record.id for record in cutouts.assets()] == ["occluders:images", "occluders:annotations"]


def test_crowds_and_small_things_are_left_out(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="no outline of at least 100 square pixels"):
        open_cutouts(*dataset(tmp_path, compressed(), iscrowd=1), min_area=100)
    with pytest.raises(AssetError, match="no outline of at least 2500 square pixels"):
        open_cutouts(*dataset(tmp_path, compressed()))


@pytest.mark.parametrize(
    ("outline", "words"),
    [
        ([[1.0, 2.0, 3.0]], "malformed"),
        ([[0, 0, float("nan"), 30, 30, 30, 30, 0]], "holds nan, far outside 60 x 80"),
        ([[0, 0, 1e9, 30, 30, 30, 30, 0]], "far outside 60 x 80"),
        ({"size": [60, 80]}, "malformed"),
        ({"size": [30, 30], "counts": [100, 300, 500]}, "another release"),
        ([[100, 100, 120, 100, 120, 120]], "covers no pixel"),
    ],
)
def test_wrong_outlines_name_the_files(tmp_path: Path, outline: Any, words: str) -> None:
    cutouts = open_cutouts(*dataset(tmp_path, outline), min_area=100)
    with pytest.raises(AssetError, match=words) as caught:
        cutouts.load(0.0)
    assert "instances.json" in str(caught.value) and "a.png" in str(caught.value)


def test_missing_pictures_are_listed(tmp_path: Path) -> None:
    images, annotations = dataset(tmp_path, compressed())
    (tmp_path / "a.png").unlink()
    with pytest.raises(AssetError, match=r"1 of the 1 pictures(.|\n)*a\.png"):
        open_cutouts(images, annotations, min_area=100)


def test_placing_scales_by_area_and_turns_counter_clockwise() -> None:
    thing = np.zeros((20, 40, 4), np.uint8)
    thing[..., 3] = 255
    thing[:, 20:, 0] = 200  # red on the right half
    scaled = place_cutout(thing, 20 * 40 * 4.0, 0.0)
    assert scaled.shape == (40, 80, 4)
    turned = place_cutout(thing, 800.0, np.pi / 2)
    assert turned.shape[0] == 40 and turned.shape[1] == 20
    assert turned[5, 10, 0] == 200 and turned[35, 10, 0] == 0  # right has become up


def test_surroundings_do_not_bleed_into_the_edge() -> None:
    thing = np.zeros((40, 40, 4), np.uint8)
    thing[..., 1] = 255  # green around
    thing[10:30, 10:30] = (200, 0, 0, 255)
    placed = place_cutout(thing, 17.0**2, 0.3)
    assert placed[placed[..., 3] > 10][:, 1].max() < 12


def test_packed_run_lengths_are_read_as_pycocotools_reads_them() -> None:
    random = np.random.default_rng(0)
    for number in range(60):
        height, width = random.integers(1, 40, 2).tolist()
        mask = (random.random((height, width)) < random.random()).astype(np.uint8)
        if number % 3 == 0:  # long runs, whose differences are negative
            mask = np.repeat(np.repeat(mask, 5, 0), 7, 1)
        packed = coco_mask.encode(np.asfortranarray(mask))
        found = outline_mask({"size": list(mask.shape), "counts": packed["counts"].decode()}, *mask.shape)
        np.testing.assert_array_equal(found, mask)
