"""Landmarks on a picture, coloured by visibility."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from synthgen.core.conventions import LANDMARK_HIDDEN, LANDMARK_OCCLUDED, LANDMARK_OUTSIDE, LANDMARK_VISIBLE

# First point, last point, closed: the lines of the iBUG markup.
LINES = (
    (0, 16, False), (17, 21, False), (22, 26, False), (27, 30, False), (31, 35, False),
    (36, 41, True), (42, 47, True), (48, 59, True), (60, 67, True),
)  # fmt: skip
COLOURS = {
    LANDMARK_VISIBLE: (86, 214, 96),
    LANDMARK_HIDDEN: (255, 170, 40),
    LANDMARK_OUTSIDE: (110, 150, 235),
    LANDMARK_OCCLUDED: (235, 64, 70),
}
NAMES = {
    LANDMARK_VISIBLE: "visible",
    LANDMARK_HIDDEN: "hidden by the face",
    LANDMARK_OCCLUDED: "behind an occluder",
}
LINE_COLOUR = (255, 255, 255)
OVERSAMPLING = 4


def draw_landmarks(
    tile: Image.Image, points: NDArray[Any], visibility: NDArray[Any] | None, scale: float
) -> Image.Image:
    """The tile with lines and dots, smooth edges.

    points: (K, 2) px of the original picture, with lines between them where they are the 68; visibility: (K,) codes,
    None draws all as visible; scale: tile pixels per original pixel.
    """
    big = tile.resize((tile.width * OVERSAMPLING, tile.height * OVERSAMPLING), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(big)
    places = [(float(x), float(y)) for x, y in points * scale * OVERSAMPLING]
    for first, last, closed in LINES if len(places) == 68 else ():
        line = places[first : last + 1] + ([places[first]] if closed else [])
        draw.line(line, fill=LINE_COLOUR, width=max(2, round(0.006 * big.height)), joint="curve")
    radius = 0.0135 * big.height
    codes = np.full(len(points), LANDMARK_VISIBLE) if visibility is None else visibility
    for (x, y), code in zip(places, codes.tolist(), strict=True):
        box = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse(box, fill=COLOURS[code], outline=(30, 30, 30), width=max(1, OVERSAMPLING // 2))
    return big.resize(tile.size, Image.Resampling.BOX)
