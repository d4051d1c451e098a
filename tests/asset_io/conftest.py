"""Writers of small image files that must be refused, one per problem."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def noise(height: int = 40, width: int = 60, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (height, width, channels), np.uint8)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, depth: int, colour_type: int, pixels: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    parts = (png_chunk(b"IHDR", header), png_chunk(b"IDAT", zlib.compress(pixels)), png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def jpeg() -> bytes:
    return encoded(Image.fromarray(noise()), "JPEG", quality=90)


def animated(kind: str) -> bytes:
    frames = [Image.fromarray(noise()), Image.fromarray(255 - noise())]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:])


# problem -> (file name, content)
BAD: dict[str, tuple[str, Callable[[], bytes]]] = {
    "empty": ("a.jpg", lambda: b""),
    "text": ("a.jpg", lambda: b"this is no image at all, only some text"),
    "gif": ("a.png", lambda: encoded(Image.fromarray(noise()), "GIF")),
    "truncated_jpeg": ("a.jpg", lambda: jpeg()[:-300]),
    "truncated_png": ("a.png", lambda: encoded(Image.fromarray(noise()), "PNG")[:-300]),
    "truncated_webp": ("a.webp", lambda: encoded(Image.fromarray(noise()), "WEBP")[:-100]),
    "jpeg_header_only": ("a.jpg", lambda: jpeg()[:20]),
    "sixteen_bit_gray": ("a.png", lambda: encoded(Image.fromarray(np.full((9, 9), 900, np.uint16)), "PNG")),
    "sixteen_bit_rgb": ("a.png", lambda: png(2, 2, 16, 2, (b"\0" + bytes(12)) * 2)),
    "cmyk": ("a.jpg", lambda: encoded(Image.fromarray(noise(channels=4), "CMYK"), "JPEG")),
    "rgba": ("a.png", lambda: encoded(Image.fromarray(noise(channels=4), "RGBA"), "PNG")),
    "gray_alpha": ("a.png", lambda: encoded(Image.fromarray(noise(channels=4), "RGBA").convert("LA"), "PNG")),
    "rgba_webp": ("a.webp", lambda: encoded(Image.fromarray(noise(channels=4), "RGBA"), "WEBP")),
    "palette_alpha": ("a.png", lambda: encoded(Image.fromarray(noise()).convert("P"), "PNG", transparency=3)),
    "animated_webp": ("a.webp", lambda: animated("WEBP")),
    "animated_png": ("a.png", lambda: animated("PNG")),
    "huge": ("a.png", lambda: png(8001, 8001, 8, 2, b"")),
    "bomb": ("a.png", lambda: png(60000, 60000, 8, 2, b"")),
}


@pytest.fixture(scope="session")
def write_bad() -> Callable[..., Path]:
    """write_bad(folder, problem, name=None) -> path of a small image file with that problem."""

    def write(folder: Path, problem: str, name: str | None = None) -> Path:
        file_name, content = BAD[problem]
        path = folder / (name or file_name)
        path.write_bytes(content())
        return path

    return write
