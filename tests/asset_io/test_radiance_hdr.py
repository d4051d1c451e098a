from pathlib import Path

import numpy as np
import pytest

from synthgen.asset_io.radiance_hdr import read_hdr
from synthgen.core.errors import AssetError

HEADER = b"#?RADIANCE\n# made by a test\nFORMAT=32-bit_rle_rgbe\n\n"


def rgbe_pixels(height: int, width: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    pixels = random.integers(2, 256, (height, width, 4), np.uint8)
    pixels[..., 3] = random.integers(120, 140, (height, width))
    return pixels


def radiance(pixels: np.ndarray) -> np.ndarray:
    """Ward's definition, pixel by pixel: (mantissa + 0.5) / 256 * 2^(exponent - 128)."""
    return (pixels[..., :3] + 0.5) / 256.0 * 2.0 ** (pixels[..., 3:].astype(float) - 128)


def run_lengths(line: bytes) -> bytes:
    """New encoding of one channel: runs of three and more, the rest as literals."""
    out, start = b"", 0
    while start < len(line):
        stop = start
        while stop < len(line) and line[stop] == line[start] and stop - start < 127:
            stop += 1
        if stop - start >= 3:
            out += bytes([128 + stop - start, line[start]])
        else:
            stop = min(start + 5, len(line))
            out += bytes([stop - start]) + line[start:stop]
        start = stop
    return out


def new_rle(pixels: np.ndarray) -> bytes:
    width = pixels.shape[1]
    rows = []
    for row in pixels:
        rows.append(
            bytes([2, 2, width >> 8, width & 255]) + b"".join(run_lengths(row[:, c].tobytes()) for c in range(4))
        )
    return b"".join(rows)


def write(tmp_path: Path, body: bytes, resolution: bytes = b"-Y 4 +X 10\n", header: bytes = HEADER) -> Path:
    path = tmp_path / "sky.hdr"
    path.write_bytes(header + resolution + body)
    return path


def test_flat_pixels(tmp_path: Path) -> None:
    pixels = rgbe_pixels(4, 10)
    image = read_hdr(write(tmp_path, pixels.tobytes()))
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, radiance(pixels), rtol=1e-6)


def test_new_run_lengths(tmp_path: Path) -> None:
    pixels = rgbe_pixels(3, 300)
    pixels[1, 20:290] = pixels[1, 20]
    pixels[:, :, 3] = 130
    image = read_hdr(write(tmp_path, new_rle(pixels), b"-Y 3 +X 300\n"))
    np.testing.assert_allclose(image, radiance(pixels), rtol=1e-6)


def test_old_run_lengths(tmp_path: Path) -> None:
    a, b = [9, 8, 7, 130], [50, 60, 70, 131]
    # a, a three times more, b, then b 2 + 256 times more (two digits, least significant first).
    body = bytes(a + [1, 1, 1, 3] + b + [1, 1, 1, 2] + [1, 1, 1, 1])
    image = read_hdr(write(tmp_path, body, b"-Y 1 +X 263\n"))
    expected = np.array([a] * 4 + [b] * 259, np.uint8)[None]
    np.testing.assert_allclose(image, radiance(expected), rtol=1e-6)


def test_exponent_zero_is_black_and_exposure_is_divided_out(tmp_path: Path) -> None:
    pixels = rgbe_pixels(4, 10)
    pixels[0, 0] = (5, 6, 7, 0)
    header = HEADER.replace(b"FORMAT", b"EXPOSURE=4\nEXPOSURE=0.5\nFORMAT")
    image = read_hdr(write(tmp_path, pixels.tobytes(), header=header))
    assert (image[0, 0] == 0).all()
    np.testing.assert_allclose(image[1:], radiance(pixels)[1:] / 2, rtol=1e-6)


def test_backward_axes_are_turned(tmp_path: Path) -> None:
    pixels = rgbe_pixels(4, 10)
    image = read_hdr(write(tmp_path, pixels.tobytes(), b"+Y 4 -X 10\n"))
    np.testing.assert_allclose(image, radiance(pixels)[::-1, ::-1], rtol=1e-6)


FLAT = rgbe_pixels(4, 10).tobytes()
RLE = new_rle(rgbe_pixels(4, 10))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "does not begin"),
        (b"\x89PNG\r\n\x1a\n", "does not begin"),
        (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n", "no end"),
        (HEADER.replace(b"rgbe", b"xyze") + b"-Y 4 +X 10\n" + FLAT, "FORMAT"),
        (HEADER.replace(b"FORMAT", b"EXPOSURE=0\nFORMAT") + b"-Y 4 +X 10\n" + FLAT, "EXPOSURE"),
        (HEADER.replace(b"FORMAT", b"EXPOSURE=x\nFORMAT") + b"-Y 4 +X 10\n" + FLAT, "not a usable"),
        (HEADER + b"+X 10 -Y 4\n" + FLAT, "resolution"),
        (HEADER, "resolution"),
        (HEADER + b"-Y 0 +X 10\n", "0 x 10"),
        (HEADER + b"-Y 100000 +X 100000\n" + FLAT, "100000 x 100000"),
        (HEADER + b"-Y 4000 +X 4000\n" + FLAT, "truncated"),
        (HEADER + b"-Y 4 +X 10\n" + FLAT[:-1], "truncated"),
        (HEADER + b"-Y 4 +X 10\n" + RLE[:-1], "truncated"),
        (HEADER + b"-Y 4 +X 10\n" + RLE[:-9], "truncated"),
        (HEADER + b"-Y 4 +X 11\n" + RLE, "another width"),
        (HEADER + b"-Y 1 +X 10\n\x02\x02\x00\x0a\x8b\x07" + bytes(40), "crosses the end"),
        (HEADER + b"-Y 1 +X 10\n\x02\x02\x00\x0a\x00\x07" + bytes(40), "damaged"),
        (HEADER + b"-Y 1 +X 3\n\x01\x01\x01\x02\x05\x05\x05\x80", "before the first"),
        (HEADER + b"-Y 1 +X 3\n\x05\x05\x05\x80\x01\x01\x01\x05", "crosses"),
    ],
)
def test_damaged_files_are_refused_by_name(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "sky.hdr"
    path.write_bytes(content)
    with pytest.raises(AssetError, match=words) as caught:
        read_hdr(path)
    assert "sky.hdr" in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"none\.hdr.*cannot be read"):
        read_hdr(tmp_path / "none.hdr")


def test_real_map_agrees_with_its_reduced_copy(shared_data: Path) -> None:
    image = read_hdr(shared_data / "env" / "royal_esplanade_1k.hdr")
    assert image.shape == (512, 1024, 3) and image.max() == 343.0
    with np.load(shared_data / "env" / "hdri_256x128.npz") as maps:
        name = next(key for key in maps.files if key.startswith("royal"))
        small = maps[name].astype(np.float64)
    blocks = image.astype(np.float64).reshape(128, 4, 256, 4, 3).mean(axis=(1, 3))
    assert np.median(np.abs(blocks - small) / (small + 1e-3)) < 2e-3
