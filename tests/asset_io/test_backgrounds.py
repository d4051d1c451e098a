import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synthgen.asset_io.backgrounds import Backgrounds, BackgroundSpec, open_backgrounds
from synthgen.core.errors import AssetError

SIZE = (32, 48)


def choice(**changes: Any) -> Any:
    values = {"pick": 0.0, "zoom": 1.0, "x": 0.5, "y": 0.5, "colour": np.full(3, 0.5), "seed": 3, **changes}
    return SimpleNamespace(**values)


def ramp(height: int, width: int) -> np.ndarray:
    """Red counts columns, green counts rows."""
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([columns, rows, np.zeros_like(rows)], -1).astype(np.uint8)


def folder(tmp_path: Path, **pictures: np.ndarray) -> str:
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    return str(tmp_path)


def coco_file(tmp_path: Path, names: list[str], people: list[int], category: str = "person") -> str:
    content = {
        "images": [{"id": i, "file_name": name, "height": 40, "width": 60} for i, name in enumerate(names)],
        "annotations": [{"id": i, "image_id": i, "category_id": 1, "iscrowd": 1} for i in people],
        "categories": [{"id": 1, "name": category}],
    }
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(content))
    return str(path)


def test_flat_kinds_round_to_the_nearest_level() -> None:
    gray = open_backgrounds(BackgroundSpec("gray"), SIZE).render(choice(), SIZE)
    assert gray.shape == (32, 48, 3) and gray.dtype == np.uint8 and (gray == 128).all()
    colour = open_backgrounds(BackgroundSpec("colour"), SIZE).render(choice(colour=np.array([0.0, 0.2, 1.0])), SIZE)
    assert (colour == (0, 51, 255)).all()


def test_crop_has_the_right_aspect_and_place(tmp_path: Path) -> None:
    # 64 x 48 pixels for crops of 32 x 48: the width fits exactly, rows have 32 pixels of free play.
    backgrounds = open_backgrounds(BackgroundSpec("folder", folder(tmp_path, a=ramp(64, 48))), SIZE)
    for y, first_row in ((0.0, 0), (0.5, 16), (1.0, 32)):
        pixels = backgrounds.render(choice(y=y), SIZE)
        np.testing.assert_array_equal(pixels, ramp(64, 48)[first_row : first_row + 32])


def test_zoom_takes_a_smaller_part(tmp_path: Path) -> None:
    spec = BackgroundSpec("folder", folder(tmp_path, a=ramp(128, 192)), largest_zoom=2.0)
    # Kept at 64 x 96, where one pixel is two of the file; zoom 2 about the lower right corner.
    pixels = open_backgrounds(spec, SIZE).render(choice(zoom=2.0, x=1.0, y=1.0), SIZE).astype(float)
    expected_red = 96 + 2 * np.arange(48) + 0.5
    assert np.abs(pixels[..., 0] - expected_red).max() < 1.5
    assert np.abs(pixels[..., 1] - (64 + 2 * np.arange(32) + 0.5)[:, None]).max() < 1.5


def test_reduction_averages_instead_of_aliasing(tmp_path: Path) -> None:
    checker = ((np.indices((320, 480)).sum(axis=0) % 2) * 255).astype(np.uint8)
    backgrounds = open_backgrounds(BackgroundSpec("folder", folder(tmp_path, a=checker)), SIZE)
    pixels = backgrounds.render(choice(), SIZE).astype(float)
    assert np.abs(pixels[2:-2, 2:-2] - 127.5).max() < 6


def test_small_pictures_are_enlarged(tmp_path: Path) -> None:
    backgrounds = open_backgrounds(BackgroundSpec("folder", folder(tmp_path, a=ramp(8, 12))), SIZE)
    pixels = backgrounds.render(choice(zoom=1.3, x=1.0, y=0.0), SIZE)
    assert pixels.shape == (32, 48, 3)
    assert pixels[0, 0, 0] < pixels[0, -1, 0] <= 11


def test_render_is_a_function_of_its_arguments_whatever_the_cache(shared_data: Path) -> None:
    spec = BackgroundSpec("folder", str(shared_data / "backgrounds"), largest_zoom=1.5)
    random = np.random.default_rng(0)
    choices = [choice(pick=random.random(), zoom=random.uniform(1, 1.5), x=random.random()) for _ in range(12)]

    def render(backgrounds: Backgrounds, numbers: range) -> list[np.ndarray]:
        return [backgrounds.render(choices[i], (64, 64)) for i in numbers]

    kept = render(open_backgrounds(spec, (64, 64)), range(12))
    nothing_kept = render(open_backgrounds(spec, (64, 64), cache_bytes=0), range(11, -1, -1))[::-1]
    np.testing.assert_array_equal(kept, nothing_kept)


def test_cache_stays_within_its_limit(shared_data: Path) -> None:
    spec = BackgroundSpec("folder", str(shared_data / "backgrounds"))
    backgrounds = open_backgrounds(spec, (64, 64), cache_bytes=50_000)
    for pick in np.arange(backgrounds.count) / backgrounds.count:
        backgrounds.render(choice(pick=pick), (64, 64))
        assert 0 < backgrounds._cache.bytes <= 50_000


def test_files_are_sorted_and_pick_reaches_each(tmp_path: Path) -> None:
    flat = {name: np.full((40, 60, 3), level, np.uint8) for name, level in (("c", 30), ("a", 10), ("b", 20))}
    backgrounds = open_backgrounds(BackgroundSpec("folder", folder(tmp_path, **flat)), SIZE)
    assert backgrounds.names == ("a.png", "b.png", "c.png")
    levels = [backgrounds.render(choice(pick=pick), SIZE)[0, 0, 0] for pick in (0.0, 0.34, 0.67, 0.999999)]
    assert levels == [10, 20, 30, 30]


def test_unusable_pictures_are_listed_together(
    tmp_path: Path, write_bad: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    good = Path(folder(tmp_path, good=ramp(40, 60))) / "good.png"
    for i, problem in enumerate(["cmyk", "sixteen_bit_rgb", "bomb", "truncated_jpeg", "empty"]):
        write_bad(tmp_path, problem, f"bad{i}{'.png' if problem in ('sixteen_bit_rgb', 'bomb') else '.jpg'}")
    backgrounds = open_backgrounds(BackgroundSpec("folder", str(tmp_path)), SIZE)
    message = caplog.text
    assert backgrounds.count == 6
    assert "5 of 6 background pictures" in message and str(tmp_path) in message
    for words in (
        "bad0.jpg: CMYK",
        "bad1.png: 16-bit",
        "bad2.png: the image is",
        "bad3.jpg: the file is trunc",
        "bad4",
    ):
        assert words in message
    assert "good" not in message
    caplog.clear()
    open_backgrounds(BackgroundSpec("folder", str(tmp_path)), SIZE, check=False)
    assert not caplog.text
    good.unlink()
    with pytest.raises(AssetError, match="5 of 5 background pictures"):
        open_backgrounds(BackgroundSpec("folder", str(tmp_path)), SIZE)


def test_damage_that_only_decoding_shows_names_the_file(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (80, 120, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[: len(data) // 2] + b"\xff\xd9")
    backgrounds = open_backgrounds(BackgroundSpec("folder", str(tmp_path)), SIZE)
    with pytest.raises(AssetError, match=r"a\.jpg: the image data is damaged"):
        backgrounds.render(choice(), SIZE)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (BackgroundSpec("folder", "/nowhere/at/all"), "no such folder"),
        (BackgroundSpec("folder"), "needs a folder"),
        (BackgroundSpec("coco", "."), "annotations"),
        (BackgroundSpec("paper"), "unknown"),
    ],
)
def test_unusable_specs_are_refused(spec: BackgroundSpec, words: str) -> None:
    with pytest.raises(AssetError, match=words):
        open_backgrounds(spec, SIZE)


def test_coco_skips_pictures_with_people_crowds_included(tmp_path: Path) -> None:
    images = folder(tmp_path, a=ramp(40, 60), b=ramp(40, 60), c=ramp(40, 60))
    annotations = coco_file(tmp_path, ["a.png", "b.png", "c.png"], people=[1])
    spec = BackgroundSpec("coco", images, annotations)
    assert open_backgrounds(spec, SIZE).names == ("a.png", "c.png")
    everyone = BackgroundSpec("coco", images, annotations, skip_people=False)
    assert open_backgrounds(everyone, SIZE).names == ("a.png", "b.png", "c.png")


def test_coco_without_its_images_says_how_many(tmp_path: Path) -> None:
    images = folder(tmp_path, a=ramp(40, 60))
    annotations = coco_file(tmp_path, ["a.png", *(f"gone{i}.png" for i in range(8))], people=[])
    with pytest.raises(AssetError) as caught:
        open_backgrounds(BackgroundSpec("coco", images, annotations), SIZE)
    message = str(caught.value)
    assert "8 of the 9 pictures" in message and "gone4.png" in message and "gone5.png" not in message


def test_coco_with_nobody_left_says_what_to_do(tmp_path: Path) -> None:
    images = folder(tmp_path, a=ramp(40, 60))
    with pytest.raises(AssetError, match="skip_people: false"):
        open_backgrounds(BackgroundSpec("coco", images, coco_file(tmp_path, ["a.png"], [0])), SIZE)
    with pytest.raises(AssetError, match="no category named 'person'"):
        open_backgrounds(BackgroundSpec("coco", images, coco_file(tmp_path, ["a.png"], [], "dog")), SIZE)


def test_real_coco(shared_data: Path) -> None:
    coco = shared_data / "coco"
    spec = BackgroundSpec("coco", str(coco / "images"), str(coco / "instances.json"))
    assert open_backgrounds(spec, SIZE).names == ("000000343934.jpg",)
    everyone = open_backgrounds(
        BackgroundSpec("coco", spec.images, spec.annotations, skip_people=False), (128, 128), cache_bytes=0
    )
    assert everyone.count == 3
    pixels = everyone.render(choice(pick=0.5), (128, 128))
    # The middle of 000000128372.jpg, reduced by Pillow on its own.
    whole = Image.open(coco / "images" / "000000128372.jpg")
    expected = np.asarray(whole.crop((106, 0, 533, 427)).resize((128, 128), Image.Resampling.BOX), float)
    # Whole-pixel placement shifts the crop by up to half a pixel.
    assert np.abs(pixels - expected).mean() < 12


def test_assets_hash_the_pictures_in_use(tmp_path: Path) -> None:
    images = folder(tmp_path, a=ramp(40, 60), b=ramp(40, 60))
    spec = BackgroundSpec("coco", images, coco_file(tmp_path, ["a.png", "b.png"], people=[1]))
    first = open_backgrounds(spec, SIZE).assets()
    assert [record.id for record in first] == ["background:coco", "background:coco:annotations"]
    Image.fromarray(255 - ramp(40, 60)).save(tmp_path / "b.png")  # not in use
    assert open_backgrounds(spec, SIZE).assets() == first
    Image.fromarray(255 - ramp(40, 60)).save(tmp_path / "a.png")
    assert open_backgrounds(spec, SIZE).assets()[0].sha256 != first[0].sha256
    assert open_backgrounds(BackgroundSpec("gray"), SIZE).assets() == []


def test_procedural_pictures_are_smooth_varied_and_repeatable() -> None:
    backgrounds = open_backgrounds(BackgroundSpec("procedural"), (96, 128))
    pictures = [backgrounds.render(choice(seed=seed), (96, 128)) for seed in range(40)]
    np.testing.assert_array_equal(pictures[7], backgrounds.render(choice(seed=7), (96, 128)))
    stack = np.stack(pictures).astype(float)
    assert stack.shape == (40, 96, 128, 3)
    means = stack.mean(axis=(1, 2, 3))
    assert means.std() > 15 and 60 < means.mean() < 200
    # Band limited: neighbouring pixels hardly differ, yet the picture is not flat.
    assert np.abs(np.diff(stack, axis=2)).mean() < 4
    assert np.median(stack.std(axis=(1, 2))) > 12


def test_procedural_look_does_not_depend_on_the_size() -> None:
    backgrounds = open_backgrounds(BackgroundSpec("procedural"), (64, 64))
    small = backgrounds.render(choice(seed=11), (64, 64)).astype(float)
    large = backgrounds.render(choice(seed=11), (128, 128)).astype(float)
    assert np.abs(large.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3)) - small).mean() < 1.5
