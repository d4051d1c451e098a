"""Decompositions as pictures that people look at: planes, overlays, and a contact sheet."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from synthgen.fittings.decomposition import Decomposition
from synthgen.shading.transfer import linear_of_byte_table, srgb_from_linear

Pixels = NDArray[np.uint8]

COLUMNS = ("photo", "overlay", "albedo", "model_albedo", "shading", "reconstruction", "residual")
_TILE, _GAP, _HEADER = 200, 4, 22
_PAPER, _INK = (250, 250, 248), (30, 30, 30)
_OUTLINE, _FITTED, _ANNOTATED = (60, 255, 120), (255, 60, 60), (70, 170, 255)
_NOTHING = 0.06  # linear grey beside the face
_RESIDUAL_GAIN = 2.0


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
