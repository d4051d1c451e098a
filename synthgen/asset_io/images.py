"""The only place that opens an image file.

Files are judged by their header before a pixel is decoded, so that a hostile or unsuitable file costs neither memory
nor a silent conversion. Accepted: JPEG, PNG and WebP with 8 bits per channel: RGB, grayscale, bilevel, and palettes
without transparency. Colour profiles and EXIF orientation are not applied: annotations refer to the stored pixels.
"""

import io
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from synthgen.asset_io.catalogue import problems_error
from synthgen.core.bounded_file import open_regular, read_bounded
from synthgen.core.errors import AssetError, UnusableAssetError
from synthgen.core.limits import MOST_IMAGE_BYTES, MOST_JPEG_SCANS, MOST_PIXELS

FORMATS = ("JPEG", "PNG", "WEBP")
PLAIN_COLOURS = ("RGB", "YCbCr", "Gray")  # of a JPEG, in the words of simplejpeg
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")

Pixels = NDArray[np.uint8]

_LOG = logging.getLogger(__name__)  # printed to stderr where a program has set up nothing else

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_BIT_DEPTH_AT = 24
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_JPEG_SCAN = b"\xff\xda"  # within the coded data 0xff is always followed by 0
_HEAD_BYTES = 30  # up to the size of a WebP picture
_TAIL_BYTES = 4096
# A JPEG has EXIF and the frame header before its first scan, almost always within this much.
_JPEG_HEADER_BYTES = 1 << 16
# What the decoders raise on damaged data. Not MemoryError, which says nothing about the file.
_DECODE_ERRORS = (OSError, ValueError, SyntaxError, EOFError, IndexError, Warning)


def check_image(path: str | Path) -> str | None:
    """What is wrong with an image file, or None; reads the header and the last bytes, decodes nothing."""
    try:
        with open_regular(path) as file:
            return _file_problem(file)
    except (OSError, MemoryError) as error:
        return _system_problem(error)


def report_unusable(folder: str | Path, names: Sequence[str], what: str, silent: bool = False) -> frozenset[str]:
    """Those of `names` below `folder` that cannot be used, judged by their headers; `what` they are, in plural.

    They are listed in one warning of the log, because others take their place, unless `silent`.
    Raises AssetError with the list when nothing is left.
    """
    problems = {name: check_image(Path(folder) / name) for name in names}
    bad = [f"{name}: {problem}" for name, problem in problems.items() if problem is not None]
    if bad:
        error = problems_error(
            f"{folder}: {len(bad)} of {len(names)} {what} cannot be used; repair or remove them", bad
        )
        if len(bad) == len(names):
            raise error
        if not silent:
            _LOG.warning("warning: %s\nUntil then other ones take their place.", error)
    return frozenset(name for name, problem in problems.items() if problem is not None)


def image_size(path: str | Path) -> tuple[int, int]:
    """(height, width) in pixels from the header and the end of the file. Raises AssetError as read_image does, but not
    for damage that only decoding shows."""
    size = _plain_jpeg_size(path)
    if size is not None:
        return size
    problem = check_image(path)
    if problem is not None:
        raise AssetError(f"{path}: {problem}")
    with _pixels_alone_matter(), Image.open(path, formats=FORMATS) as image:
        return image.height, image.width


def read_image(path: str | Path) -> Pixels:
    """(H, W, 3) uint8 sRGB. Raises AssetError, naming the file, when it is missing, unsuitable or damaged."""
    return read_image_reduced(path, 0, 0)


def read_image_reduced(path: str | Path, min_height: int, min_width: int) -> Pixels:
    """(H, W, 3) uint8 sRGB, possibly decoded at a reduced size that is still at least (min_height, min_width).

    JPEG files are decoded at a fraction of their size, which skips most of the work; other formats come whole.
    0 asks for the full size. Raises AssetError as read_image does.
    """
    try:
        data = read_bounded(path, MOST_IMAGE_BYTES)
        if data.startswith(_JPEG_START) and data.count(_JPEG_SCAN) > MOST_JPEG_SCANS:
            raise ValueError(f"{data.count(_JPEG_SCAN)} scans, expected at most {MOST_JPEG_SCANS}")
        pixels = _decode_plain_jpeg(path, data, min_height, min_width)
        if pixels is not None:
            return pixels
        problem = _file_problem(io.BytesIO(data))
        if problem is None:
            return _decode_with_pillow(path, data, min_height, min_width)
    except (OSError, MemoryError) as error:
        raise AssetError(f"{path}: {_system_problem(error)}") from error
    except ValueError as error:
        problem = f"no usable image ({error})"
    raise UnusableAssetError(f"{path}: {problem}")


def resize_crop(image: Image.Image, box: tuple[float, float, float, float], size: tuple[int, int]) -> Pixels:
    """(H, W, 3) uint8: the part `box` = (left, top, right, bottom), in pixels from the image's corner, resampled to
    `size` = (H, W) with a filter as wide as the reduction, so that fine texture does not alias."""
    height, width = size
    return np.array(image.resize((width, height), Image.Resampling.BILINEAR, box=box))


def _plain_jpeg_size(path: str | Path) -> tuple[int, int] | None:
    """The fast way for the common file; None when the slow way has to judge or explain it."""
    try:
        with open_regular(path) as file:
            height, width, colours, _ = simplejpeg.decode_jpeg_header(file.read(_JPEG_HEADER_BYTES))
            length = file.seek(0, os.SEEK_END)
            file.seek(max(0, length - _TAIL_BYTES))
            whole = _JPEG_END in file.read()
    except (OSError, ValueError):
        return None
    usable = height * width <= MOST_PIXELS and length <= MOST_IMAGE_BYTES and colours in PLAIN_COLOURS
    return (height, width) if usable and whole else None


def _decode_plain_jpeg(path: str | Path, data: bytes, min_height: int, min_width: int) -> Pixels | None:
    """The fast way for the common file; None when the slow way has to judge, convert or explain it."""
    if not data.startswith(_JPEG_START):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if height * width > MOST_PIXELS or colours not in PLAIN_COLOURS:
            return None
        # Below a factor of 2 decoding at a reduced size is slower than decoding all of it.
        return simplejpeg.decode_jpeg(data, "RGB", min_height=min_height, min_width=min_width, min_factor=2)
    except ValueError as error:
        # Missing data is damage, which Pillow would fill with gray; other complaints of the strict mode are harmless.
        if "remature end" in str(error):
            raise _damaged(path, error) from error
        return None


def _decode_with_pillow(path: str | Path, data: bytes, min_height: int, min_width: int) -> Pixels:
    try:
        with _pixels_alone_matter(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if min_height and min_width:
                image.draft("RGB", (min_width, min_height))
            return np.array(image.convert("RGB"))
    except _DECODE_ERRORS as error:
        raise _damaged(path, error) from error


def _damaged(path: str | Path, error: Exception | Warning) -> AssetError:
    return UnusableAssetError(
        f"{path}: the image data is damaged or truncated ({error}); replace the file or remove it"
    )


@contextmanager
def _pixels_alone_matter() -> Iterator[None]:
    with warnings.catch_warnings():
        # Damaged EXIF, and previews that some phones promise and leave out: the picture itself is whole.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _system_problem(error: OSError | MemoryError) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory to decode it"
    if isinstance(error, FileNotFoundError):
        return "the file does not exist"
    if isinstance(error, IsADirectoryError):
        return "this is a folder, not an image file"
    return f"the file cannot be read ({error.strerror or error})"


def _file_problem(file: BinaryIO) -> str | None:
    head = file.read(_HEAD_BYTES)
    if not head:
        return "the file is empty (0 bytes)"
    if file.seek(0, os.SEEK_END) > MOST_IMAGE_BYTES:
        return f"the file has more than {MOST_IMAGE_BYTES >> 20} MB; reduce it before use"
    if head.startswith(b"RIFF"):
        # Pillow opens a WebP file only as a whole: a truncated one would seem to have a damaged header, and a large
        # one has taken its memory before anyone can judge its size.
        return _end_problem(file, head) or _size_problem(*_webp_size(head)) or _header_problem(file, head)
    return _header_problem(file, head) or _end_problem(file, head)


def _header_problem(file: BinaryIO, head: bytes) -> str | None:
    try:
        file.seek(0)
        with _pixels_alone_matter(), Image.open(file, formats=FORMATS) as image:
            return _suitability_problem(image, head)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return f"the image is larger than {MOST_PIXELS // 10**6} megapixels; reduce it before use"
    except Image.UnidentifiedImageError:
        return f"not a readable image (expected 8-bit {', '.join(FORMATS)})"
    except _DECODE_ERRORS as error:
        return f"the image header is damaged ({error})"


def _webp_size(head: bytes) -> tuple[int, int]:
    """Width and height px from the first bytes of a WebP file, (0, 0) where they are none of the three forms."""
    if head[12:16] == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF


def _size_problem(width: int, height: int) -> str | None:
    if width * height <= MOST_PIXELS:
        return None
    megapixels = f"{width} x {height} pixels, more than {MOST_PIXELS // 10**6} megapixels"
    return f"the image is too large ({megapixels}); reduce it before use"


def _suitability_problem(image: Image.Image, head: bytes) -> str | None:
    too_large = _size_problem(image.width, image.height)
    if too_large is not None:
        return too_large
    # Pillow quietly halves the depth of 16-bit RGB files, so the header byte decides.
    deep_png = head.startswith(_PNG_SIGNATURE) and head[_PNG_BIT_DEPTH_AT] == 16
    if deep_png or image.mode.startswith("I") or image.mode == "F":
        return "16-bit samples; convert the image to 8 bits per channel"
    if image.mode == "CMYK":
        return "CMYK colours; convert the image to RGB"
    # Phones store JPEG previews as further frames; only PNG and WebP animate.
    if image.format in ("PNG", "WEBP") and getattr(image, "n_frames", 1) > 1:
        return "animated image; save one frame of it"
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        return "the image has an alpha channel; save it without transparency"
    if image.mode not in ("RGB", "L", "P", "1"):
        return f"unsupported colour mode {image.mode}; convert the image to RGB"
    return None


def _end_problem(file: BinaryIO, head: bytes) -> str | None:
    """Truncation that shows without decoding: the format's end mark is missing."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL_BYTES))
    tail = file.read()
    if head.startswith(b"RIFF"):
        whole = size >= 8 + int.from_bytes(head[4:8], "little")
    elif head.startswith(_PNG_SIGNATURE):
        whole = b"IEND" in tail or _decodes(file)
    else:
        # Some phones append data after the end mark, so its absence from the tail is not yet a verdict.
        whole = _JPEG_END in tail or _decodes(file)
    return None if whole else "the file is truncated (its end mark is missing); copy it again or remove it"


def _decodes(file: BinaryIO) -> bool:
    file.seek(0)
    try:
        _decode_with_pillow("", file.read(), 0, 0)
    except AssetError:
        return False
    return True
