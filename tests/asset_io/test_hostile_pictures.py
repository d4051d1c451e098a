"""Pictures of every format with bytes changed at random, and bombs, read in a process that may not allocate."""

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from synthgen.asset_io.images import check_image, image_size, read_image, read_image_reduced
from synthgen.asset_io.photos import photo_size, read_photo
from synthgen.core.errors import AssetError
from tests.fuzzing import damaged, in_small_memory, quick, reads_or_refuses

RANDOM = np.random.default_rng(2)
SMOOTH = np.linspace(0, 255, 24 * 32 * 3).reshape(24, 32, 3).astype(np.uint8)


def with_exif(kind: str, **options: object) -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x011A] = 6, "maker", 72.5
    exif.get_ifd(0x8769)[0x829A] = 0.01
    stream = io.BytesIO()
    Image.fromarray(SMOOTH).save(stream, kind, exif=exif.tobytes(), **options)
    return stream.getvalue()


def plain(kind: str, mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(SMOOTH).convert(mode).save(stream, kind, **options)
    return stream.getvalue()


FILES = {
    "a.jpg": with_exif("JPEG", quality=60),
    "progressive.jpg": plain("JPEG", progressive=True),
    "gray.jpg": plain("JPEG", "L"),
    "cmyk.jpg": plain("JPEG", "CMYK"),
    "a.png": with_exif("PNG"),
    "palette.png": plain("PNG", "P"),
    "alpha.png": plain("PNG", "RGBA"),
    "bilevel.png": plain("PNG", "1"),
    "a.webp": with_exif("WEBP", quality=50),
    "lossless.webp": plain("WEBP", lossless=True),
    "animated.webp": plain("WEBP", save_all=True, append_images=[Image.fromarray(255 - SMOOTH)]),
}


def read_all_ways(path: Path) -> None:
    """Every public way to open the file; what the header check passes may still fail to decode, but not otherwise."""
    problem = check_image(path)
    for read in (read_image, lambda p: read_image_reduced(p, 8, 8), lambda p: read_photo(p, "upright"), photo_size):
        reads_or_refuses(lambda read=read: read(path), path.name)
    if reads_or_refuses(lambda: read_photo(path, "stored"), path.name):
        assert problem is None, problem
        height, width = image_size(path)
        pixels = read_image(path)
        assert pixels.shape == (height, width, 3) and pixels.dtype == np.uint8


@pytest.mark.parametrize("name", FILES)
def test_damaged_pictures(name: str, tmp_path: Path) -> None:
    path = tmp_path / name

    @quick(40)
    @given(damaged(FILES[name]))
    def check(data: bytes) -> None:
        path.write_bytes(data)
        read_all_ways(path)

    check()


@quick(40)
@given(
    st.sampled_from([b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"RIFF\x10\0\0\0WEBPVP8X", b"RIFF"]),
    st.binary(max_size=60),
)
def test_anything_after_a_signature(tmp_path_factory: pytest.TempPathFactory, start: bytes, rest: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.png"
    path.write_bytes(start + rest)
    read_all_ways(path)


# --- bombs: small files that claim much ----------------------------------------------------------------------------


def huge_canvas() -> bytes:
    """An animated WebP file of two small frames on a canvas of 16384 x 16384."""
    data = bytearray(FILES["animated.webp"])
    assert data[12:16] == b"VP8X"
    data[24:30] = b"\xff\x3f\0\xff\x3f\0"
    return bytes(data)


def many_scans() -> bytes:
    """A progressive JPEG whose last scan is repeated a thousand times: each would be decoded over the whole picture."""
    data = FILES["progressive.jpg"]
    last = data.rindex(b"\xff\xda")
    scan = data[last:-2]
    return data[:last] + scan * 1000 + data[-2:]


def claimed_jpeg(side: int) -> bytes:
    """A JPEG whose frame header claims side x side pixels."""
    data = bytearray(plain("JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = side.to_bytes(2, "big") * 2
    return bytes(data)


def png_of_nothing(side: int) -> bytes:
    """A PNG of side x side black pixels: 14,000 x 14,000 of them take 572 kB, and 588 MB when decoded."""
    stream = io.BytesIO()
    Image.new("1", (side, side)).save(stream, "PNG")
    return stream.getvalue()


def text_bomb() -> bytes:
    """A PNG with a compressed text of 100 MB before its pixels."""
    import struct
    import zlib

    data = plain("PNG")
    body = b"Comment\0\0" + zlib.compress(bytes(100_000_000), 9)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    return data[:33] + chunk + data[33:]


BOMBS = {
    "canvas.webp": huge_canvas,
    "scans.jpg": many_scans,
    "claim.jpg": lambda: claimed_jpeg(60_000),
    "nothing.png": lambda: png_of_nothing(14_000),
    "text.png": text_bomb,
}
READ_BOMBS = """
import sys
from pathlib import Path
from synthgen.asset_io.images import check_image, read_image
from synthgen.asset_io.photos import photo_size, read_photo
from synthgen.core.errors import UnusableAssetError, AssetError
cap()
for path in map(Path, sys.argv[1:]):
    print(path.name, "|", check_image(path))
    for read in (read_image, lambda p: read_photo(p, "upright"), photo_size):
        try:
            read(path)
        except AssetError as error:
            assert path.name in str(error), error
            assert "memory" not in str(error), error  # judged, not tried
        else:
            assert read is photo_size and path.name == "scans.jpg", (path, read)  # its header is in order
"""


def test_bombs_are_refused_without_their_memory(tmp_path: Path) -> None:
    for name, content in BOMBS.items():
        (tmp_path / name).write_bytes(content())
        assert (tmp_path / name).stat().st_size < 1_000_000
    printed = in_small_memory(READ_BOMBS, *(str(tmp_path / name) for name in BOMBS), megabytes=150)
    said = dict(line.split(" | ") for line in printed.splitlines())
    assert "16384 x 16384" in said["canvas.webp"]
    assert "megapixels" in said["nothing.png"] and "megapixels" in said["claim.jpg"]
    assert "header is damaged" in said["text.png"]
    with pytest.raises(AssetError, match="1009 scans|scans, expected at most"):
        read_image(tmp_path / "scans.jpg")


def test_a_pipe_or_device_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", Path("/dev/zero")):
        assert "not a regular file" in (check_image(path) or "")
        with pytest.raises(AssetError, match="not a regular file"):
            read_image(path)


def test_garbage_for_exif_turns_nothing(tmp_path: Path) -> None:
    whole = with_exif("JPEG")
    start = whole.index(b"Exif\0\0") + 6
    garbage = bytes(np.random.default_rng(1).integers(0, 256, 60, np.uint8))
    (tmp_path / "a.jpg").write_bytes(whole[:start] + garbage + whole[start + 60 :])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_photo(tmp_path / "a.jpg").shape == SMOOTH.shape
        assert photo_size(tmp_path / "a.jpg") == SMOOTH.shape[:2]
