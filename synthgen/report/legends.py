"""Legends of a contact sheet: each draws itself into a strip and says how wide it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from synthgen.report.flow_colour import wheel_picture
from synthgen.report.label_colours import DEPTH_SPAN_MM, Colour, colour_normals, colour_uv, depth_colours
from synthgen.report.tiles import FAINT, INK, PAPER, fitted, text_width, write_text

SWATCH, LINE, TITLE, WHEEL = 12, 19, 22, 92


@dataclass(frozen=True)
class Legend:
    """A block of the legend strip. draw(image, left, top) paints it."""

    width: int
    height: int
    draw: Callable[[Image.Image, int, int], None]


def swatches(title: str, entries: Mapping[str, Colour], rows: int = 5) -> Legend:
    """Coloured squares with names, in columns of `rows`."""
    names = list(entries)
    columns = [names[start : start + rows] for start in range(0, len(names), rows)]
    widths = [SWATCH + 8 + max(text_width(name) for name in column) + 18 for column in columns]

    def draw(image: Image.Image, left: int, top: int) -> None:
        pen = ImageDraw.Draw(image)
        write_text(pen, (left, top), title, 14)
        for column, offset in zip(columns, np.cumsum([0, *widths[:-1]]).tolist(), strict=True):
            for row, name in enumerate(column):
                x, y = left + offset, top + TITLE + row * LINE
                pen.rectangle((x, y + 1, x + SWATCH, y + 1 + SWATCH), fill=entries[name], outline=FAINT)
                write_text(pen, (x + SWATCH + 7, y), name)

    return Legend(max(sum(widths), text_width(title, 14)), TITLE + LINE * min(rows, len(names)), draw)


def depth_bar() -> Legend:
    """The depth scale."""
    length, thickness = 190, 14

    def draw(image: Image.Image, left: int, top: int) -> None:
        pen = ImageDraw.Draw(image)
        write_text(pen, (left, top), "depth behind the nearest point, mm", 14)
        ramp = np.rint(255 * depth_colours(np.linspace(0, 1, length)))[None].repeat(thickness, 0).astype(np.uint8)
        image.paste(Image.fromarray(ramp), (left, top + TITLE))
        pen.rectangle((left, top + TITLE, left + length, top + TITLE + thickness), outline=FAINT)
        for share in (0.0, 1 / 3, 2 / 3, 1.0):
            x, y = left + share * length, top + TITLE + thickness
            pen.line((x, y, x, y + 4), fill=INK)
            write_text(pen, (x, y + 6), f"{share * DEPTH_SPAN_MM:.0f}", 12, "ma")

    return Legend(text_width("depth behind the nearest point, mm", 14) + 8, TITLE + 38, draw)


def uv_key() -> Legend:
    """The whole chart as it is coloured."""
    side = 84

    def draw(image: Image.Image, left: int, top: int) -> None:
        pen = ImageDraw.Draw(image)
        write_text(pen, (left, top), "uv", 14)
        middle = (np.arange(side) + 0.5) / side
        u, v = np.meshgrid(middle, middle[::-1])
        image.paste(Image.fromarray(colour_uv(np.stack([u, v], -1))), (left + 14, top + TITLE))
        write_text(pen, (left + 14 + side / 2, top + TITLE + side + 3), "u", 12, "ma")
        write_text(pen, (left + 4, top + TITLE + side / 2), "v", 12, "mm")

    return Legend(side + 20, TITLE + side + 16, draw)


def normal_key() -> Legend:
    """A ball seen from the camera."""
    side = 84

    def draw(image: Image.Image, left: int, top: int) -> None:
        write_text(ImageDraw.Draw(image), (left, top), "normals of a ball", 14)
        middle = (np.arange(4 * side) + 0.5) / (2 * side) - 1
        x, y = np.meshgrid(middle, middle)
        rest = 1 - x**2 - y**2
        ball = np.stack([x, y, -np.sqrt(np.maximum(rest, 0))], -1)
        colours = colour_normals(ball)
        colours[rest < 0] = PAPER
        image.paste(Image.fromarray(colours).resize((side, side), Image.Resampling.BOX), (left + 12, top + TITLE))

    return Legend(text_width("normals of a ball", 14) + 4, TITLE + side, draw)


def flow_wheel(radius: float) -> Legend:
    """The colour wheel and the length at its rim."""
    caption = f"rim: {radius:g} px"

    def draw(image: Image.Image, left: int, top: int) -> None:
        pen = ImageDraw.Draw(image)
        write_text(pen, (left, top), "flow", 14)
        wheel = Image.fromarray(wheel_picture(4 * WHEEL)).resize((WHEEL, WHEEL), Image.Resampling.BOX)
        image.paste(wheel, (left + 2, top + TITLE))
        write_text(pen, (left + 2 + WHEEL / 2, top + TITLE + WHEEL + 4), caption, 12, "ma")

    return Legend(max(WHEEL, text_width(caption, 12)) + 6, TITLE + WHEEL + 18, draw)


def picture_key(title: str, picture: NDArray[np.uint8]) -> Legend:
    """A picture that the sheet refers to."""
    tile = fitted(picture, WHEEL)

    def draw(image: Image.Image, left: int, top: int) -> None:
        write_text(ImageDraw.Draw(image), (left, top), title, 14)
        image.paste(tile, (left, top + TITLE))

    return Legend(max(tile.width, text_width(title, 14)) + 6, TITLE + WHEEL, draw)
