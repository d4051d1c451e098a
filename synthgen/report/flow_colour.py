"""Optical flow as colour: the wheel of Baker et al., "A Database and Evaluation Methodology for Optical Flow".

Hue is direction, saturation is length; 55 hues, spaced more densely where the eye tells them apart better. Right is
red, down yellow, left a cyan blue, up violet; no motion is white, lengths beyond the radius are darkened, pixels
without flow are given another colour altogether.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Hues between neighbouring pure colours: red-yellow, yellow-green, green-cyan, cyan-blue, blue-magenta, magenta-red.
SEGMENTS = (15, 6, 4, 11, 13, 6)
HUES = sum(SEGMENTS)
_CORNERS = np.array(
    [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1], [1, 0, 0]], np.float64
)  # fmt: skip
_POSITIONS = np.concatenate([[0], np.cumsum(SEGMENTS)])
BEYOND_RADIUS = 0.75
NO_FLOW = (240, 240, 240)


def hue_table() -> NDArray[np.float64]:
    """The (55, 3) colours of the wheel in [0, 1], from red clockwise as seen in the image (right, down, left, up)."""
    steps = np.arange(HUES)
    return np.stack([np.interp(steps, _POSITIONS, _CORNERS[:, channel]) for channel in range(3)], axis=1)


def colour_flow(flow: NDArray[Any], radius: float, no_flow: tuple[int, int, int] = NO_FLOW) -> NDArray[np.uint8]:
    """Colours (H, W, 3) uint8 of a flow (H, W, 2), px, right and down positive.

    radius: px, the length with full saturation; no_flow: colour where the flow is not finite.
    """
    known = np.isfinite(flow).all(axis=-1)
    scaled = np.where(known[..., None], flow, 0.0).astype(np.float64) / max(radius, 1e-9)
    length = np.hypot(scaled[..., 0], scaled[..., 1])
    # + 0.0 turns -0.0 into 0.0, whose negative is on the red side of the seam.
    angle = np.arctan2(-(scaled[..., 1] + 0.0), -(scaled[..., 0] + 0.0))
    place = (angle / np.pi + 1) / 2 * (HUES - 1)
    lower = np.floor(place).astype(int)
    fraction = (place - lower)[..., None]
    hues = hue_table()
    colour = (1 - fraction) * hues[lower % HUES] + fraction * hues[(lower + 1) % HUES]
    inside = (length <= 1)[..., None]
    colour = np.where(inside, 1 - length[..., None] * (1 - colour), colour * BEYOND_RADIUS)
    result = np.floor(255 * colour).astype(np.uint8)
    result[~known] = no_flow
    return result


def wheel_picture(size: int, background: tuple[int, int, int] = (255, 255, 255)) -> NDArray[np.uint8]:
    """The legend (size, size, 3): the colour of every direction and length up to the radius."""
    middle = (np.arange(size) + 0.5 - size / 2) / (size / 2)
    flow = np.stack(np.meshgrid(middle, middle), axis=-1)
    flow[np.hypot(flow[..., 0], flow[..., 1]) > 1] = np.nan
    return colour_flow(flow, 1.0, background)


def rounded_radius(flows: list[NDArray[Any]]) -> float:
    """A round number of px that 99 % of the flow vectors stay below; 1 when there are none."""
    lengths = [np.hypot(*flow[np.isfinite(flow).all(axis=-1)].T) for flow in flows]
    every = np.concatenate(lengths) if lengths else np.zeros(0)
    if not every.size:
        return 1.0
    wanted = max(float(np.percentile(every, 99)), 1e-3)
    unit = 10.0 ** np.floor(np.log10(wanted))
    return float(next(step * unit for step in (1, 2, 3, 4, 5, 6, 8, 10) if step * unit >= wanted * (1 - 1e-9)))
