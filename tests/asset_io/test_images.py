import tracemalloc
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthgen.asset_io import images
from synthgen.asset_io.images import check_image, image_size, read_image, read_image_reduced
from synthgen.core.errors import AssetError

WriteBad = Callable[..., Path]

# problem of the fixture write_bad -> words that the message must hold
BAD = {
    "empty": "empty",
    "text": "not a readable image",
    "gif": "not a readable image",
    "truncated_jpeg": "truncated",
    "truncated_png": "truncated",
    "truncated_webp": "truncated",
    "jpeg_header_only": "image",
    "sixteen_bit_gray": "16-bit",
    "sixteen_bit_rgb": "16-bit",
    "cmyk": "CMYK",
    "rgba": "alpha",
    "gray_alpha": "alpha",
    "rgba_webp": "alpha",
    "palette_alpha": "alpha",
    "animated_png": "animated",
    "huge": "megapixels",
    "bomb": "megapixels",
}


def noise(height: int = 40, width: int = 60) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (height, width, 3), np.uint8)


def jpeg() -> bytes:
    stream = BytesIO()
    Image.fromarray(noise()).save(stream, "JPEG", quality=90)
    return stream.getvalue()


@pytest.mark.parametrize("problem", BAD)
def test_bad_file_is_reported_by_its_header(tmp_path: Path, write_bad: WriteBad, problem: str) -> None:
    path = write_bad(tmp_path, problem)
    words = BAD[problem]
    assert words in (check_image(path) or "")


@pytest.mark.parametrize("problem", BAD)
def test_reading_a_bad_file_names_it(tmp_path: Path, write_bad: WriteBad, problem: str) -> None:
    path = write_bad(tmp_path, problem)
    with pytest.raises(AssetError, match=path.name) as caught:
        read_image(path)
    assert BAD[problem] in str(caught.value)


def test_huge_header_costs_no_memory(tmp_path: Path, write_bad: WriteBad) -> None:
    path = write_bad(tmp_path, "bomb")
    tracemalloc.start()
    with pytest.raises(AssetError):
        read_image(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


def test_missing_file_and_folder(tmp_path: Path) -> None:
    assert check_image(tmp_path / "none.png") == "the file does not exist"
    assert "folder" in (check_image(tmp_path) or "")
    with pytest.raises(AssetError, match="none.png: the file does not exist"):
        read_image(tmp_path / "none.png")
    with pytest.raises(AssetError, match="folder"):
        read_image(tmp_path)


def test_jpeg_damaged_inside_is_truncated_data(tmp_path: Path) -> None:
    # Cut in the middle, with a false end mark: only decoding shows it.
    data = jpeg()
    path = tmp_path / "cut.jpg"
    path.write_bytes(data[: len(data) // 2] + b"\xff\xd9")
    assert check_image(path) is None
    with pytest.raises(AssetError, match=r"cut\.jpg.*damaged or truncated"):
        read_image(path)


def test_png_damaged_inside_is_named(tmp_path: Path) -> None:
    path = tmp_path / "flip.png"
    Image.fromarray(noise()).save(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    with pytest.raises(AssetError, match=r"flip\.png.*damaged or truncated"):
        read_image(path)


def test_jpeg_with_bytes_after_its_end_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    path.write_bytes(jpeg() + bytes(20_000))
    assert check_image(path) is None
    assert read_image(path).shape == (40, 60, 3)


def test_jpeg_with_a_broken_list_of_previews_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    segment = b"MPF\0" + bytes(20)
    path.write_bytes(b"\xff\xd8\xff\xe2" + (len(segment) + 2).to_bytes(2, "big") + segment + jpeg()[2:])
    assert check_image(path) is None
    np.testing.assert_array_equal(images._decode_with_pillow(path, path.read_bytes(), 0, 0), read_image(path))


@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_lossless_formats_read_back_exactly(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(noise()).save(path, **options)
    pixels = read_image(path)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, noise())


def test_gray_bilevel_and_palette_become_rgb(tmp_path: Path) -> None:
    gray = noise()[..., 0]
    Image.fromarray(gray).save(tmp_path / "gray.png")
    np.testing.assert_array_equal(read_image(tmp_path / "gray.png"), np.repeat(gray[..., None], 3, -1))
    Image.fromarray(gray > 127).save(tmp_path / "bilevel.png")
    np.testing.assert_array_equal(read_image(tmp_path / "bilevel.png")[..., 1], (gray > 127) * 255)
    palette = Image.fromarray(noise()).quantize(16)
    palette.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_image(tmp_path / "palette.png"), np.asarray(palette.convert("RGB")))
    Image.fromarray(gray).save(tmp_path / "gray.jpg", quality=95)
    assert read_image(tmp_path / "gray.jpg").shape == (40, 60, 3)


def test_reduced_jpeg_is_at_least_as_large_as_asked_and_shows_the_same(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 400).astype(np.uint8)
    picture = np.stack([np.tile(ramp, (320, 1)), np.full((320, 400), 90, np.uint8), np.tile(ramp[:320, None], 400)], -1)
    path = tmp_path / "ramp.jpg"
    Image.fromarray(picture).save(path, quality=95)
    reduced = read_image_reduced(path, 75, 90)
    assert reduced.shape == (80, 100, 3)
    blocks = picture.reshape(80, 4, 100, 4, 3).mean(axis=(1, 3))
    assert np.abs(reduced - blocks).mean() < 2.0
    assert read_image_reduced(path, 200, 200).shape == (320, 400, 3)
    assert image_size(path) == (320, 400)


def test_pillow_takes_over_what_simplejpeg_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(noise(256, 256)).save(path)
    expected = read_image(path)

    def refuse(*_: object, **__: object) -> None:
        raise ValueError("extraneous bytes")

    monkeypatch.setattr(images.simplejpeg, "decode_jpeg", refuse)
    assert np.abs(read_image(path).astype(int) - expected).mean() < 1.0
    assert read_image_reduced(path, 60, 60).shape == (64, 64, 3)


def test_returned_pixels_are_writable(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg"):
        Image.fromarray(noise()).save(tmp_path / name)
        read_image(tmp_path / name)[0, 0] = 1
