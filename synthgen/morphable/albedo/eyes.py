"""Density layers of the eyeballs and the mouth's inside: sclera and teeth, iris, pupil, inner mouth."""

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable import unwrap
from synthgen.morphable.albedo.canvas import Canvas, Plane, noise, smoothstep
from synthgen.morphable.albedo.texels import Region

IRIS_RADIUS = 5.85  # mm
PUPIL_RADIUS = 1.9
_CATCHLIGHT_RADIUS = 0.62
_CATCHLIGHT = (1.6, 1.9)  # mm from the pupil, the same in both eyes: one window lights both
_EYES = ((Region.RIGHT_EYE, unwrap.RIGHT_EYE_SLOT), (Region.LEFT_EYE, unwrap.LEFT_EYE_SLOT))


def paint_white(canvas: Canvas) -> Plane:
    """1 on the sclera, 1.5 on the teeth, with faint unevenness."""
    eyes = _from_pupil(canvas)[1]
    teeth = canvas.texels.region == Region.TEETH
    uneven = np.clip(1.0 + 0.08 * noise(canvas, 2.5, 16), 0.5, None)
    return (eyes + 1.5 * teeth) * uneven


def paint_iris(canvas: Canvas) -> Plane:
    """Iris: darker fibres that run from the pupil outwards, a lighter ring around the pupil."""
    offset, eyes = _from_pupil(canvas)
    radius = np.hypot(offset[..., 0], offset[..., 1])
    angle = np.arctan2(offset[..., 1], offset[..., 0])
    fibres = 0.5 + 0.5 * np.sin(23.0 * angle + 2.0 * np.sin(5.0 * angle) + 0.8 * radius)
    disc = smoothstep(radius, IRIS_RADIUS + 0.25, IRIS_RADIUS - 0.35)
    ring = 1.0 - 0.30 * np.exp(-0.5 * ((radius - 2.7) / 0.6) ** 2)
    return disc * ring * (0.86 + 0.22 * fibres) * (1.0 - _catchlight(offset)) * eyes


def paint_dark(canvas: Canvas) -> Plane:
    """Pupil, and the darker ring where iris and sclera meet."""
    offset, eyes = _from_pupil(canvas)
    radius = np.hypot(offset[..., 0], offset[..., 1])
    pupil = smoothstep(radius, PUPIL_RADIUS + 0.35, PUPIL_RADIUS - 0.25)
    limbus = 0.42 * np.exp(-0.5 * ((radius - IRIS_RADIUS + 0.35) / 0.45) ** 2)
    return (pupil + limbus) * (1.0 - _catchlight(offset)) * eyes


def paint_mouth(canvas: Canvas) -> Plane:
    """1 on the inner mouth, gums and tongue."""
    return (canvas.texels.region == Region.INNER_MOUTH) * np.clip(1.0 + 0.08 * noise(canvas, 3.0, 17), 0.5, None)


def _catchlight(offset: NDArray[np.float64]) -> Plane:
    """1 in the small reflection that makes eyes look wet; a picture without specular light has no other."""
    distance = np.hypot(offset[..., 0] - _CATCHLIGHT[0], offset[..., 1] - _CATCHLIGHT[1])
    return smoothstep(distance, _CATCHLIGHT_RADIUS + 0.35, _CATCHLIGHT_RADIUS - 0.25)


def _from_pupil(canvas: Canvas) -> tuple[NDArray[np.float64], Plane]:
    """(S, S, 2) frontal offset, mm, from the pupil of a texel's eye, which looks along +z; (S, S) 1 on eyes."""
    size = canvas.texels.size
    offset = np.full((size, size, 2), 1e3)
    eyes = np.zeros((size, size))
    for region, slot in _EYES:
        inside = canvas.texels.region == region
        row = min(int((1.0 - slot.centre[1]) * size), size - 1)
        column = min(int(slot.centre[0] * size), size - 1)
        front = canvas.texels.position[row - 1 : row + 1, column - 1 : column + 1, :2].mean(axis=(0, 1))
        offset[inside] = canvas.flat[inside] - front
        behind = canvas.texels.position[..., 2] < canvas.texels.position[row, column, 2] - 12.0
        offset[inside & behind] = 1e3
        eyes[inside] = 1.0
    return offset, eyes
