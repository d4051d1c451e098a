"""A face with its annotated and its predicted landmarks."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from eval.matching import Matched
from synthgen.asset_io.images import read_image
from synthgen.core.errors import AssetError

TRUE_COLOUR, PREDICTED_COLOUR, LINE_COLOUR = (70, 220, 90), (70, 120, 255), (255, 80, 70)
PAPER_GREY = 205
SIDE = 288
_OVERSAMPLING = 3
_MARGIN = 0.18


def draw_face(matched: Matched, name: str) -> NDArray[np.uint8]:
    """(288, 288, 3): the face's part of its picture, on grey when that is not there.

    Annotated points are green, predicted ones blue, what lies between them red, as densereg draws them (Fig. 8).
    """
    row = matched.truth.ids.index(name)
    truth = matched.truth.points[row, :, :2]
    predicted = matched.points[row, :, :2] if matched.found[row] else np.empty((0, 2))
    known = truth[np.isfinite(truth).all(axis=1)]
    every = np.concatenate([known, np.clip(predicted, known.min(axis=0) - 500, known.max(axis=0) + 500)])
    low, high = every.min(axis=0), every.max(axis=0)
    side = float((high - low).max()) * (1.0 + 2.0 * _MARGIN)
    corner = (low + high) / 2.0 - side / 2.0
    big = _background(matched, row, corner, side)
    scale = big.width / side
    _draw_points(big, (truth - corner) * scale, (predicted - corner) * scale)
    return np.asarray(big.resize((SIDE, SIDE), Image.Resampling.BOX))


def _background(matched: Matched, row: int, corner: NDArray[np.float64], side: float) -> Image.Image:
    size = SIDE * _OVERSAMPLING
    path = matched.truth.pictures[row]
    if path is None:
        return Image.new("RGB", (size, size), (PAPER_GREY,) * 3)
    try:
        picture = Image.fromarray(read_image(path))
    except AssetError:
        return Image.new("RGB", (size, size), (PAPER_GREY,) * 3)
    scale = side / size
    # Pillow samples pixel centres: output (i + 0.5) maps to corner + (i + 0.5) scale in our pixels.
    matrix = (scale, 0.0, float(corner[0]), 0.0, scale, float(corner[1]))
    return picture.transform(
        (size, size), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=(PAPER_GREY,) * 3
    )


def _draw_points(image: Image.Image, truth: NDArray[np.float64], predicted: NDArray[np.float64]) -> None:
    draw = ImageDraw.Draw(image)
    if len(truth) == len(predicted):
        for first, second in zip(truth, predicted):
            if np.isfinite(first).all():
                draw.line([tuple(first), tuple(second)], fill=LINE_COLOUR, width=2 * _OVERSAMPLING // 2)
    radius = 0.0095 * image.width
    for points, colour in ((truth, TRUE_COLOUR), (predicted, PREDICTED_COLOUR)):
        for x, y in points:
            if np.isfinite([x, y]).all():
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour, outline=(20, 20, 20))
