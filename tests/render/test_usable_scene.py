"""Samples whose background, texture or cut-out cannot be used: replaced alike by every worker, and counted."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synthgen.core.errors import AssetError
from synthgen.dataset.codecs import encode_sample
from synthgen.dataset.layout import layout_of_recipe
from synthgen.dataset.sample import Sample
from synthgen.recipe.load import parse_recipe
from synthgen.recipe.schema import Recipe
from synthgen.render.frame import Renderer, open_renderer
from tests.asset_io.conftest import BAD

RECIPE = """
kind: images
seed: 4
count: 64
size: [32, 32]
labels: [image, triangle_id]
"""
GOOD = 4


def recipe(*overrides: str) -> Recipe:
    return parse_recipe(RECIPE, "r.yaml", overrides)


def pictures(folder: Path, bad: tuple[str, ...] = ()) -> Path:
    """Flat pictures of four colours, and files that cannot be used."""
    folder.mkdir()
    for number in range(GOOD):
        Image.fromarray(np.full((40, 40, 3), 50 * number + 20, np.uint8)).save(folder / f"good{number}.png")
    for problem in bad:
        name, content = BAD[problem]
        (folder / f"{problem}{Path(name).suffix}").write_bytes(content())
    return folder


@pytest.fixture(scope="module")
def whole() -> Renderer:
    return open_renderer(recipe())


def members(samples: list[Sample], of: Recipe) -> list[list[bytes]]:
    layout = layout_of_recipe(of.model_dump(mode="json"))
    return [encode_sample(sample, layout) for sample in samples]


PROBLEMS = ("cmyk", "sixteen_bit_rgb", "rgba", "animated_webp", "empty", "truncated_jpeg", "huge", "bomb", "text")


def test_bad_backgrounds_give_way_to_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = pictures(tmp_path / "pictures", PROBLEMS)
    of = recipe(f"background={{kind: folder, images: {folder}}}")
    first = open_renderer(of)
    assert caplog.text.count(f"{len(PROBLEMS)} of {len(PROBLEMS) + GOOD} background pictures cannot be used") == 1
    caplog.clear()
    samples = first(0)
    rejected = [sample.parameters.get("background_rejected", 0) for sample in samples]
    assert 0 < sum(count > 0 for count in rejected) < len(samples)
    for sample, count in zip(samples, rejected, strict=True):
        assert sample.parameters["background_file"].startswith("good")
        level = 50 * int(sample.parameters["background_file"][4]) + 20
        shown = sample.arrays["image"][sample.arrays["triangle_id"] < 0].astype(int)
        assert np.median(np.abs(shown - level)) <= 1  # the picture that the parameters name
        assert ("background_rejected" in sample.parameters) == (count > 0)

    # Another process, which does not look at the headers first, works in another order and keeps nothing.
    second = open_renderer(of, check_assets=False)
    assert not caplog.text
    second(1)
    assert members(second(0), of) == members(samples, of)
    # The hash covers every file, the unusable ones too: equal on every worker.
    assert first.records() == second.records()


def test_nothing_changes_where_all_is_well(tmp_path: Path) -> None:
    of = recipe(f"background={{kind: folder, images: {pictures(tmp_path / 'pictures')}}}")
    samples = open_renderer(of)(0)
    assert not any(name.endswith("_rejected") for sample in samples for name in sample.parameters)
    # A picture that goes bad changes the samples that showed it, and no others.
    before = {sample.index: sample for sample in samples}
    (tmp_path / "pictures" / "good1.png").write_bytes(b"")
    changed = 0
    for sample in open_renderer(of)(0):
        old = before[sample.index]
        if old.parameters["background_file"] == "good1.png":
            assert sample.parameters["background_rejected"] == 1
            changed += 1
        else:
            assert sample.parameters == old.parameters
            np.testing.assert_array_equal(sample.arrays["image"], old.arrays["image"])
    assert 0 < changed < len(samples)


def test_damage_that_shows_only_when_decoded_is_replaced_too(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "pictures")
    noise = np.random.default_rng(0).integers(0, 256, (80, 120, 3), np.uint8)
    Image.fromarray(noise).save(folder / "cut.jpg")
    data = (folder / "cut.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(data[: len(data) // 2] + b"\xff\xd9")
    samples = open_renderer(recipe(f"background={{kind: folder, images: {folder}}}"))(0)
    assert any("background_rejected" in sample.parameters for sample in samples)
    assert all(sample.parameters["background_file"] != "cut.jpg" for sample in samples)


def test_a_folder_of_nothing_usable_is_an_error_that_names_the_sample(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (80, 120, 3), np.uint8)
    for number in range(3):
        Image.fromarray(noise).save(folder / f"{number}.jpg")
        data = (folder / f"{number}.jpg").read_bytes()
        (folder / f"{number}.jpg").write_bytes(data[: len(data) // 2] + b"\xff\xd9")
    renderer = open_renderer(recipe(f"background={{kind: folder, images: {folder}}}"))
    with pytest.raises(AssetError, match=r"sample 0: none of 3 candidates can be used(.|\n)*\.jpg: the image data"):
        renderer(0)


def test_bad_textures_and_cutouts_give_way_to_others(tmp_path: Path) -> None:
    textures = pictures(tmp_path / "textures", ("rgba", "truncated_png"))
    things: dict[str, Any] = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "thing"}]}
    images = pictures(tmp_path / "things", ("cmyk",))
    names = ["good0.png", "good1.png", "cmyk.jpg", "good2.png"]
    outline = [[0, 0, 39, 0, 39, 39, 0, 39]]
    for number, name in enumerate(names):
        things["images"].append({"id": number, "file_name": name})
        # The outline of good2 belongs to another picture.
        own: Any = {"size": [7, 7], "counts": [0, 49]} if name == "good2.png" else outline
        things["annotations"].append(
            {"id": number, "image_id": number, "category_id": 1, "area": 9000, "segmentation": own}
        )
    (tmp_path / "things.json").write_text(json.dumps(things))
    cutouts = f"{{count: 2, kinds: [cutout], images: {images}, annotations: {tmp_path / 'things.json'}}}"
    of = recipe(f"albedo={{textures: {textures}}}", f"occluders={cutouts}")
    samples = open_renderer(of)(0)
    assert all(sample.parameters["texture_file"].startswith("good") for sample in samples)
    for what in ("texture_rejected", "cutout_rejected"):
        counts = [sample.parameters.get(what, 0) for sample in samples]
        assert 0 < sum(count > 0 for count in counts) < len(samples), what
    assert members(open_renderer(of, check_assets=False)(0), of) == members(samples, of)
