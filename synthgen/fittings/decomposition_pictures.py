"""Decompositions as pictures that people look at: planes, overlays, a contact sheet, and the course of the energy."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from synthgen.alignment.photometric import PhotometricFit, Round
from synthgen.fittings.decomposition import Decomposition
from synthgen.shading.transfer import linear_of_byte_table, srgb_from_linear

Pixels = NDArray[np.uint8]

COLUMNS = ("photo", "overlay", "albedo", "model_albedo", "shading", "reconstruction", "residual")
_TILE, _GAP, _HEADER = 200, 4, 22
_PAPER, _INK, _FAINT = (250, 250, 248), (30, 30, 30), (200, 200, 200)
_OUTLINE, _FITTED, _ANNOTATED = (60, 255, 120), (255, 60, 60), (70, 170, 255)
_NOTHING = 0.06  # linear grey beside the face
_RESIDUAL_GAIN = 2.0
_SERIES = (
    ("data", (40, 90, 200)),
    ("landmarks", (200, 80, 40)),
    ("shape", (60, 150, 60)),
    ("appearance", (150, 60, 170)),
)


def decomposition_pictures(parts: Decomposition) -> dict[str, Pixels]:
    """Column name -> (S, S, 3) uint8 sRGB.

    shading is scaled so that its 99th percentile is white, albedo and reconstruction are what they are; residual: grey
    is none, brighter where the photo is, twice enlarged, in encoded values.
    """
    light = parts.shading[parts.mask]
    white = max(float(np.quantile(light, 0.99)), 1e-6) if light.size else 1.0
    photo = linear_of_byte_table()[parts.photo]
    apart = srgb_from_linear(photo) - srgb_from_linear(np.nan_to_num(parts.reconstruction))
    residual = np.where(parts.mask[..., None], np.clip(0.5 + _RESIDUAL_GAIN * apart, 0, 1), 0.25)
    return {
        "photo": parts.photo,
        "overlay": _overlay(parts),
        "albedo": _encoded(parts.albedo),
        "model_albedo": _encoded(parts.model_albedo),
        "shading": _encoded(parts.shading / white),
        "reconstruction": _encoded(np.where(parts.mask[..., None], parts.reconstruction, photo)),
        "residual": np.rint(255 * residual).astype(np.uint8),
    }


def contact_sheet(named: Sequence[tuple[str, dict[str, Pixels]]]) -> Image.Image:
    """One row per face (name, pictures), one column per kind of picture."""
    width = len(COLUMNS) * (_TILE + _GAP) + _GAP
    sheet = Image.new("RGB", (width, _HEADER + len(named) * (_TILE + _HEADER)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(COLUMNS):
        draw.text((_GAP + column * (_TILE + _GAP) + 4, 5), title.replace("_", " "), _INK)
    for row, (name, pictures) in enumerate(named):
        top = _HEADER + row * (_TILE + _HEADER)
        for column, title in enumerate(COLUMNS):
            tile = Image.fromarray(pictures[title]).resize((_TILE, _TILE), Image.Resampling.LANCZOS)
            sheet.paste(tile, (_GAP + column * (_TILE + _GAP), top))
        draw.text((_GAP + 4, top + _TILE + 4), name, _INK)
    return sheet


def convergence_curve(fit: PhotometricFit) -> Image.Image:
    """The terms of the energy before and after each round, logarithmic; lines break where the photo's level or the
    points change, because energies of different data cannot be compared."""
    width, height, left, bottom = 640, 360, 60, 40
    picture = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(picture)
    values = [value for name, _ in _SERIES for one in fit.rounds for value in getattr(one, name)]
    if not values:
        draw.text((20, 20), "the photo was not used: " + "; ".join(fit.flags)[:90], _INK)
        return picture
    decades = (int(np.floor(np.log10(max(min(values), 0.1)))), int(np.ceil(np.log10(max(*values, 1.0)))))
    low = 10.0 ** decades[0]

    def at(position: float, value: float) -> tuple[float, float]:
        share = (np.log10(max(value, low)) - decades[0]) / max(decades[1] - decades[0], 1)
        x = left + position * (width - left - 20) / len(fit.rounds)
        return x, height - bottom - share * (height - bottom - 30)

    for decade in range(decades[0], decades[1] + 1):
        x, y = at(0, 10.0**decade)
        draw.line([(x, y), (width - 20, y)], _FAINT)
        draw.text((8, y - 6), f"{10.0**decade:g}", _INK)
    for number, one in enumerate(fit.rounds):
        _draw_round(draw, at, number, one, height - bottom)
    for number, (name, colour) in enumerate(_SERIES):
        draw.text((left + 130 * number, 8), name, colour)
    return picture


def _draw_round(
    draw: ImageDraw.ImageDraw, at: Callable[[float, float], tuple[float, float]], number: int, one: Round, floor: float
) -> None:
    for name, colour in _SERIES:
        before, after = getattr(one, name)
        line = [at(number + 0.1, before), at(number + 0.9, after)]
        draw.line(line, colour, 2)
        for x, y in line:
            draw.ellipse([x - 3, y - 3, x + 3, y + 3], fill=colour)
    x, _ = at(number + 0.1, one.data[0])
    draw.text((x, floor + 6), f"1/{round(1 / one.scale)}", _INK)
    draw.text((x, floor + 20), f"{one.points} pts", _INK)


def _encoded(linear: NDArray[np.floating]) -> Pixels:
    filled = np.where(np.isfinite(linear), linear, _NOTHING)
    return np.rint(255 * srgb_from_linear(filled)).astype(np.uint8)


def _overlay(parts: Decomposition) -> Pixels:
    """The photo with the outlines of the fitted head's parts, its landmarks and the annotated ones."""
    pixels = parts.photo.copy()
    pixels[parts.outlines] = _OUTLINE
    picture = Image.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    for points, colour in ((parts.annotated, _ANNOTATED), (parts.landmarks, _FITTED)):
        for x, y in points[np.isfinite(points).all(axis=1)]:
            draw.ellipse([x - 1.5, y - 1.5, x + 1.5, y + 1.5], fill=colour)
    return np.array(picture)
