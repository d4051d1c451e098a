"""Density layers of hair: brows, lashes, stubble, a cropped scalp."""

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable import regions
from synthgen.morphable.albedo.canvas import (
    Canvas,
    Plane,
    frontal_distance,
    near,
    noise,
    outline_distance,
    smoothstep,
)

BROW_STROKES = 260
_LONGEST_STROKE = 9.0  # mm


def paint_brows(canvas: Canvas) -> Plane:
    """Brows of single hairs over a soft ground, their upper edge along landmarks 17-21 and 22-26."""
    density = np.zeros(canvas.skin.shape)
    for number, side in enumerate(("right", "left")):
        curve = regions.brow_curve(canvas.landmarks, side)
        mask = near(canvas, curve, 14.0 * canvas.unit)
        density[mask] += _brow(canvas.flat[mask], curve, canvas.unit, number)
    return density


def _brow(points: NDArray[np.float64], curve: NDArray[np.float64], unit: float, number: int) -> NDArray[np.float64]:
    """(N,) density at frontal points (N, 2) of the brow whose upper edge is `curve`, temple end first."""
    inwards = 1.0 - regions.curve_coordinates(points, curve)[0]  # 0 at the nose, 1 at the temple
    below = _height_over(points, curve) * -1.0 / unit
    thickness = _brow_thickness(inwards)
    across = (below + 0.6) / thickness  # 0 at the upper edge, 1 at the lower
    ends = _end_fade(points, curve, unit)
    body = smoothstep(across, -0.22, 0.30) * smoothstep(across, 1.2, 0.62) * ends
    strokes = _strokes(curve, unit, np.random.Generator(np.random.Philox([2, 1789 + number])))
    hairs = _stroke_density(points, strokes, 0.42 * unit)
    return body * (0.40 + 0.30 * smoothstep(inwards, 0.0, 0.35)) + 0.55 * np.minimum(hairs, 1.6) * smoothstep(
        body, 0.0, 0.3
    )


def _brow_thickness(inwards: NDArray[np.float64]) -> NDArray[np.float64]:
    """Height of the brow, mm, from the nose end (0) to the temple end (1)."""
    return np.interp(inwards, [0.0, 0.15, 0.5, 0.75, 1.0], [6.8, 8.0, 7.4, 5.6, 3.0])


def _height_over(points: NDArray[np.float64], curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) height of points over a curve that is a function of x, mm."""
    order = np.argsort(curve[:, 0])
    return points[:, 1] - np.interp(points[:, 0], curve[order, 0], curve[order, 1])


def _end_fade(points: NDArray[np.float64], curve: NDArray[np.float64], unit: float) -> NDArray[np.float64]:
    """(N,) 1 along the brow, 0 a little beyond its ends."""
    low, high = curve[:, 0].min(), curve[:, 0].max()
    return smoothstep(points[:, 0], low - 2.5 * unit, low + 2.0 * unit) * smoothstep(
        points[:, 0], high + 2.5 * unit, high - 2.0 * unit
    )


def _strokes(curve: NDArray[np.float64], unit: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """(BROW_STROKES, 2, 2) ends of hairs, mm: upright at the nose, lying along the brow towards the temple."""
    along = rng.random(BROW_STROKES)
    across = rng.random(BROW_STROKES)
    arc = np.linspace(0.0, 1.0, len(curve))[::-1]  # the curve runs from the temple to the nose
    root = np.stack([np.interp(along, arc[::-1], curve[::-1, axis]) for axis in (0, 1)], axis=1)
    root[:, 1] -= across * _brow_thickness(along) * unit
    outward = np.sign(curve[0, 0] - curve[-1, 0])
    # Lower hairs point up, upper hairs flatten and, beyond the arch, point down: they meet along the middle.
    tilt = np.interp(along, [0.0, 0.2, 0.6, 1.0], [1.25, 0.75, 0.15, -0.35]) + 0.5 * (across - 0.5)
    tilt = tilt + 0.15 * rng.standard_normal(BROW_STROKES)
    length = unit * np.interp(along, [0.0, 0.3, 1.0], [5.0, 7.0, 5.0]) * rng.uniform(0.7, 1.2, BROW_STROKES)
    tip = root + np.stack([outward * np.cos(tilt), np.sin(tilt)], axis=1) * length[:, None]
    return np.stack([root, tip], axis=1)


def _stroke_density(points: NDArray[np.float64], strokes: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """(N,) summed density of straight hairs (K, 2, 2) that thin out towards their tips."""
    density = np.zeros(len(points))
    for root, tip in strokes:
        close = np.abs(points - root).max(axis=1) < _LONGEST_STROKE + 2.0
        offset, step = points[close] - root, tip - root
        along = np.clip(offset @ step / (step @ step), 0.0, 1.0)
        distance = np.linalg.norm(offset - along[:, None] * step, axis=1)
        density[close] += (1.0 - 0.6 * along) * np.exp(-0.5 * (distance / width) ** 2)
    return density


def paint_lashes(canvas: Canvas) -> Plane:
    """The dark line of the lashes: strong on the upper lid, thickest outside; faint on the lower lid."""
    density = np.zeros(canvas.skin.shape)
    for first in (36, 42):
        points = canvas.landmarks[:, :2]
        upper = regions.smooth_curve(points[[first, first + 1, first + 2, first + 3]])
        lower = regions.smooth_curve(points[[first + 3, first + 4, first + 5, first]])
        mask = near(canvas, np.concatenate([upper, lower]), 5.0)
        over = frontal_distance(canvas, mask, upper)
        under = frontal_distance(canvas, mask, lower)
        outer = points[36 if first == 36 else 45, 0]
        outside = smoothstep(np.abs(canvas.flat[..., 0] - outer), 22.0, 4.0)
        width = canvas.unit * (0.75 + 0.35 * outside)
        density = np.maximum(density, np.exp(-0.5 * (over / width) ** 2))
        density = np.maximum(density, 0.30 * np.exp(-0.5 * (under / (0.6 * canvas.unit)) ** 2))
    return density


def paint_stubble(canvas: Canvas) -> Plane:
    """Beard shadow: moustache, chin, jaw and sideburns, made of dots; lips, nose and upper cheeks are free."""
    side = np.abs(canvas.angle)
    (ear, ear_v), (jaw, _), (corner, corner_v), (nose, nose_v) = (
        canvas.landmark_angle_v(row) for row in (16, 13, 54, 35)
    )
    # Upper border of the beard by angle from the middle: under the nose, past the mouth corner, up to the sideburn.
    border_angle = [0.0, nose, corner + 0.06, 0.62 * jaw, jaw - 0.10, ear]
    border_v = [nose_v - 0.008, nose_v - 0.006, 0.5 * (nose_v + corner_v), corner_v + 0.01, corner_v + 0.06, ear_v]
    border = np.interp(side, border_angle, border_v) + 0.006 * noise(canvas, 4.0, 9)
    region = smoothstep(border - canvas.v, -0.004, 0.035) * smoothstep(side, ear + 0.10, ear - 0.02)
    # Lower border: a finger's breadth below the jaw line, further back on the throat than on the sides of the neck.
    line = np.array([canvas.landmark_angle_v(row) for row in range(8, 17)])
    below = np.interp(side, np.abs(line[:, 0]), line[:, 1]) - 0.045
    region *= smoothstep(canvas.v - below, -0.012, 0.025)
    mouth, nostrils = regions.mouth_outline(canvas.landmarks), regions.nose_outline(canvas.landmarks)
    free = smoothstep(outline_distance(canvas, near(canvas, mouth, 10.0), mouth), 0.8, 3.2)
    free *= smoothstep(outline_distance(canvas, near(canvas, nostrils, 8.0), nostrils), 0.0, 2.0)
    dots = np.clip(0.62 + 0.19 * noise(canvas, 0.6, 10) + 0.10 * noise(canvas, 4.0, 11), 0.15, 1.6)
    return region * free * dots * canvas.skin


def paint_hair(canvas: Canvas) -> Plane:
    """Cropped hair: scalp above the hairline, temples, sideburns; single hairs run down the head."""
    side = np.abs(canvas.angle)
    ear = canvas.landmark_angle_v(16)[0]
    # Hairline by angle from the middle: forehead, temples, sideburn before the ear, over it, nape.
    border_angle = [
        0.0,
        0.33,
        0.55,
        0.80,
        ear - 0.17,
        ear - 0.06,
        ear + 0.08,
        ear + 0.22,
        ear + 0.60,
        ear + 0.75,
        np.pi,
    ]
    border_v = [0.822, 0.824, 0.838, 0.818, 0.745, 0.60, 0.62, 0.695, 0.695, 0.52, 0.44]
    ragged = 0.005 * noise(canvas, (3.0, 1.2), 12) + 0.005 * noise(canvas, 8.0, 13)
    inside = smoothstep(canvas.v - np.interp(side, border_angle, border_v) + ragged, -0.004, 0.020)
    hairs = np.clip(0.80 + 0.20 * noise(canvas, (7.0, 0.7), 14) + 0.08 * noise(canvas, 6.0, 15), 0.2, 1.6)
    return inside * hairs * canvas.skin
