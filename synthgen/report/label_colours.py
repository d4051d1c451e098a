"""Labels as pictures: every function takes arrays of one view and gives (H, W, 3) uint8."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.conventions import PARTS, REASONS

Array = NDArray[Any]
Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

EMPTY: Colour = (240, 240, 240)
PART_COLOURS: dict[str, Colour] = dict(
    zip(
        PARTS,
        [EMPTY, (228, 87, 86), (76, 120, 168), (255, 157, 166), (114, 183, 178), (178, 55, 121), (245, 133, 24),
         (84, 162, 75), (214, 196, 170)],
        strict=True,
    )
)  # fmt: skip
REASON_COLOURS: dict[str, Colour] = dict(
    zip(
        REASONS,
        [EMPTY, (102, 176, 100), (240, 177, 60), (120, 145, 200), (205, 80, 75), (150, 60, 110), (120, 120, 120),
         (70, 70, 70), (30, 150, 160)],
        strict=True,
    )
)  # fmt: skip
MASK_COLOURS: dict[str, Colour] = {
    "face": (102, 176, 100),
    "face behind an occluder": (205, 80, 75),
    "occluder": (240, 177, 60),
    "ignored": (130, 90, 170),
    "invented": (60, 170, 200),
}
# Near to far, light to dark.
DEPTH_STOPS = np.array(
    [[252, 244, 196], [250, 196, 110], [226, 120, 92], [163, 62, 112], [92, 34, 110], [30, 16, 60]], np.float64
)  # fmt: skip
DEPTH_SPAN_MM = 150.0
UV_SQUARES = 20


def colour_classes(classes: Array, colours: Sequence[Colour]) -> Picture:
    """One colour per class id; ids beyond the list are a bug and raise IndexError."""
    return np.array(colours, np.uint8)[classes]


def colour_parts(parts: Array) -> Picture:
    """The parts of the face in the colours of PART_COLOURS."""
    return colour_classes(parts, list(PART_COLOURS.values()))


def colour_reasons(matchability: Array) -> Picture:
    """Reason codes in the colours of REASON_COLOURS."""
    return colour_classes(matchability, list(REASON_COLOURS.values()))


def colour_uv(uv: Array) -> Picture:
    """u as red, v as green, with a chequer of 20 x 20 squares over the chart."""
    known = all_finite(uv)
    values = np.where(known[..., None], uv, 0.0)
    square = np.floor(values * UV_SQUARES).astype(int).sum(axis=-1) % 2
    shade = np.where(square == 1, 1.0, 0.82)
    colour = np.stack([values[..., 0], values[..., 1], np.full(known.shape, 0.45)], axis=-1) * shade[..., None]
    return _painted(colour, known)


def colour_depth(depth: Array) -> Picture:
    """Distance behind the nearest point of the face, 0 to 150 mm, from light to dark."""
    known = np.isfinite(depth)
    nearest = depth[known].min() if known.any() else 0.0
    return _painted(depth_colours(np.where(known, depth - nearest, 0.0) / DEPTH_SPAN_MM), known)


def depth_colours(fraction: Array) -> Array:
    """Colours (..., 3) in [0, 1] along the depth scale; 0 is near, 1 is far."""
    places = np.linspace(0, 1, len(DEPTH_STOPS))
    clipped = np.clip(fraction, 0, 1)
    return np.stack([np.interp(clipped, places, DEPTH_STOPS[:, c]) for c in range(3)], axis=-1) / 255


def colour_normals(normals: Array) -> Picture:
    """x to the right as red, y up as green, z towards the viewer as blue: what other tools show."""
    known = all_finite(normals)
    towards_viewer = np.where(known[..., None], normals, 0.0) * np.array([1.0, -1.0, -1.0])
    return _painted((towards_viewer + 1) / 2, known)


def colour_pncc(pncc: Array) -> Picture:
    """The code itself as red, green, blue."""
    known = all_finite(pncc)
    return _painted(np.where(known[..., None], pncc, 0.0), known)


def colour_linear(layer: Array, white: float = 1.0) -> Picture:
    """A linear layer through the sRGB curve; white: the value shown as white."""
    known = all_finite(layer)
    value = np.clip(np.where(known[..., None], layer, 0.0) / white, 0, 1)
    curve = np.where(value <= 0.0031308, 12.92 * value, 1.055 * np.maximum(value, 1e-9) ** (1 / 2.4) - 0.055)
    return _painted(curve, known)


def faded(image: Picture) -> Picture:
    """The picture in pale gray, to draw on."""
    gray = image.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return np.repeat(np.rint(110 + gray * (145 / 255)).astype(np.uint8)[..., None], 3, axis=-1)


def laid_over(image: Picture, colours: Picture, where: Array, opacity: float = 0.65) -> Picture:
    """Colours over the faded picture, where a mask says so."""
    base = faded(image).astype(np.float64)
    mixed = (1 - opacity) * base + opacity * colours
    return np.rint(np.where(where[..., None], mixed, base)).astype(np.uint8)


def blended(image: Picture, colours: Picture, where: Array, opacity: float = 0.55) -> Picture:
    """Colours over the picture as it is, where a mask says so."""
    base = image.astype(np.float64)
    return np.rint(np.where(where[..., None], (1 - opacity) * base + opacity * colours, base)).astype(np.uint8)


def warped_back(target: Picture, flow: Array, where: Array) -> Picture:
    """What the target shows at the end of each flow vector (bilinear), where a mask says so."""
    height, width = where.shape
    usable = where & np.isfinite(flow).all(axis=-1)
    rows, columns = np.nonzero(usable)
    # Pixel centres are at +0.5, so index coordinates of the end points are column + dx, row + dy.
    x = np.clip(columns + flow[rows, columns, 0], 0, target.shape[1] - 1)
    y = np.clip(rows + flow[rows, columns, 1], 0, target.shape[0] - 1)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, bottom = np.minimum(left + 1, target.shape[1] - 1), np.minimum(top + 1, target.shape[0] - 1)
    across, down = (x - left)[:, None], (y - top)[:, None]
    upper = (1 - across) * target[top, left] + across * target[top, right]
    lower = (1 - across) * target[bottom, left] + across * target[bottom, right]
    result = np.full((height, width, 3), EMPTY, np.uint8)
    result[rows, columns] = np.rint((1 - down) * upper + down * lower)
    return result


def all_finite(values: Array) -> NDArray[np.bool_]:
    """(...) bool of vectors (..., C): where a label is known."""
    return np.asarray(np.isfinite(values).all(axis=-1))


def _painted(colour: Array, known: Array) -> Picture:
    """uint8 of a colour in [0, 1], EMPTY where nothing is known."""
    result = np.rint(np.clip(colour, 0, 1) * 255).astype(np.uint8)
    result[~known] = EMPTY
    return result
