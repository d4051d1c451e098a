"""Drawing blocks of a report: pictures fitted into tiles, text, files."""

import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from synthgen.dataset.whole_file import write_whole

INK = (40, 40, 40)
FAINT = (130, 130, 130)
PAPER = (255, 255, 255)


def fitted(picture: NDArray[np.uint8], size: int) -> Image.Image:
    """The picture as an image of height `size`; pixels stay crisp when it grows, are averaged when it shrinks."""
    height, width = picture.shape[:2]
    image = Image.fromarray(np.ascontiguousarray(picture))
    factor = -(-size // height)
    if factor > 1:
        image = image.resize((width * factor, height * factor), Image.Resampling.NEAREST)
    return image.resize((max(1, round(width * size / height)), size), Image.Resampling.BOX)


@cache
def font(size: int) -> Any:
    """The typeface of all reports."""
    return ImageFont.load_default(size)


def write_text(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    size: int = 13,
    anchor: str = "la",
    colour: tuple[int, int, int] = INK,
) -> None:
    """Draw text; place and anchor as in Pillow."""
    draw.text(place, text, fill=colour, font=font(size), anchor=anchor)


def text_width(text: str, size: int = 13) -> int:
    """Pixels that a line of text needs."""
    return int(np.ceil(font(size).getlength(text)))


def save_picture(picture: NDArray[np.uint8], path: str | Path) -> None:
    """Write (H, W, 3) uint8 as PNG, making the folder; the name appears when the file is whole. Raises DatasetError."""
    save_image(Image.fromarray(np.ascontiguousarray(picture)), path)


def save_image(image: Image.Image, path: str | Path) -> None:
    """As save_picture, for a Pillow image."""
    file = Path(path)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=False, compress_level=4)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, buffer.getvalue())
