"""Density layers of bare skin: pigment, blood, lips, shadows under the eyes, freckles, pores."""

import numpy as np

from synthgen.morphable import regions
from synthgen.morphable.albedo.canvas import (
    Canvas,
    Plane,
    blob,
    frontal_distance,
    near,
    noise,
    outline_distance,
    smoothstep,
)
from synthgen.morphable.albedo.texels import Region

_INNER_MOUTH_SHADE = 1.1


def paint_dermis(canvas: Canvas) -> Plane:
    """1 on skin."""
    return canvas.skin.astype(np.float64)


def paint_melanin(canvas: Canvas) -> Plane:
    """About 1 on skin, uneven; more on the forehead, less under the chin where the sun does not reach."""
    slow = 1.0 + 0.05 * noise(canvas, 16.0, 1) + 0.03 * noise(canvas, 5.0, 2)
    forehead = 0.06 * smoothstep(canvas.v, 0.74, 0.82)
    under_chin = -0.10 * smoothstep(canvas.v, 0.37, 0.30)
    return np.clip(slow + forehead + under_chin, 0.5, None) * canvas.skin


def paint_haemoglobin(canvas: Canvas) -> Plane:
    """Blood: 0.5 everywhere, more on cheeks, nose tip and wings, chin, ears, around the eyes; less on the bridge."""
    points = canvas.landmarks
    blood = 0.5 + 0.05 * noise(canvas, 8.0, 3) + 0.03 * noise(canvas, 2.5, 4)
    for eye, jaw, mouth in (([36, 41, 40, 39], 2, 48), ([42, 47, 46, 45], 14, 54)):
        cheek = 0.45 * points[eye].mean(axis=0) + 0.2 * points[jaw] + 0.35 * points[mouth]
        blood += 0.32 * blob(canvas, cheek, (15.0, 12.0))
        blood += 0.16 * blob(canvas, points[eye].mean(axis=0), (15.0, 9.0))
    blood += 0.35 * blob(canvas, points[30], (9.0, 7.0))
    blood += 0.25 * (blob(canvas, points[31], (6.0, 6.0)) + blob(canvas, points[35], (6.0, 6.0)))
    blood += 0.20 * blob(canvas, points[8] + [0.0, 12.0, 0.0], (14.0, 9.0))
    blood -= 0.10 * blob(canvas, points[28], (5.0, 8.0))
    return np.clip(blood + 0.45 * _ears(canvas), 0.05, None) * canvas.skin


def _ears(canvas: Canvas) -> Plane:
    """1 on the ears: what stands out sideways at the height between eyes and mouth."""
    height = smoothstep(canvas.v, 0.50, 0.54) * smoothstep(canvas.v, 0.715, 0.685)
    wide = float(np.abs(canvas.landmarks[[0, 1, 15, 16], 0]).mean())
    return smoothstep(np.abs(canvas.flat[..., 0]), 1.02 * wide, 1.07 * wide) * height


def paint_lips(canvas: Canvas) -> Plane:
    """Vermilion: 1 inside the mouth outline, with vertical creases, fading over a millimetre at its border."""
    outline = regions.mouth_outline(canvas.landmarks)
    signed = outline_distance(canvas, near(canvas, outline, 8.0), outline)
    inside = smoothstep(signed, 0.7 * canvas.unit, -0.9 * canvas.unit)
    creases = 1.0 + 0.10 * noise(canvas, (2.5, 0.6), 5)
    line = regions.smooth_curve(
        (canvas.landmarks[[60, 61, 62, 63, 64], :2] + canvas.landmarks[[60, 67, 66, 65, 64], :2]) / 2
    )
    upper = canvas.flat[..., 1] > np.interp(canvas.flat[..., 0], line[:, 0], line[:, 1])
    return inside * creases * np.where(upper, 1.12, 0.94)


def paint_periorbital(canvas: Canvas) -> Plane:
    """Darker, thinner skin under the eyes, at their inner corners and on the lids."""
    points, dark = canvas.landmarks, np.zeros(canvas.skin.shape)
    for inner, outer, side in ((39, 36, -1.0), (42, 45, 1.0)):
        centre = points[[inner, outer], :2].mean(axis=0)
        dark += 0.8 * blob(canvas, centre + np.array([-2.0 * side, -9.0]) * canvas.unit, (10.0, 3.6))
        dark += 0.6 * blob(canvas, points[inner, :2] + np.array([-3.0 * side, 1.0]) * canvas.unit, (4.0, 5.0))
        dark += 0.5 * blob(canvas, centre + np.array([0.0, 6.0]) * canvas.unit, (11.0, 3.5))
    return dark


def paint_freckles(canvas: Canvas) -> Plane:
    """Small round spots, densest over nose and cheeks, and a few moles."""
    points = canvas.landmarks
    spots = smoothstep(noise(canvas, 0.8, 6), 1.9, 2.6)
    dense = blob(canvas, points[29], (34.0, 16.0)) + 0.35 * blob(canvas, points[27] + [0, 45.0, 0], (40.0, 20.0))
    rng = np.random.Generator(np.random.Philox([1, 1789]))
    moles = np.zeros_like(spots)
    for place in rng.uniform([-1.0, 0.40], [1.0, 0.84], (7, 2)):
        apart = np.hypot((canvas.angle - place[0]) * 90.0, (canvas.v - place[1]) * 350.0)
        moles += np.exp(-0.5 * (apart / rng.uniform(0.5, 1.0)) ** 2)
    return (spots * np.clip(dense, 0.0, 1.0) + 0.6 * moles) * canvas.front


def paint_pores(canvas: Canvas) -> Plane:
    """Fine relief: dots of about a texel, strongest on nose, cheeks and forehead, faint elsewhere."""
    fine = np.clip(0.5 + 0.22 * noise(canvas, 0.6, 7) + 0.12 * noise(canvas, 1.6, 8), 0.0, 1.5)
    return fine * canvas.skin


def paint_shade(canvas: Canvas) -> Plane:
    """-log of the ambient light that reaches each point, plus lid creases, which the mesh is too coarse for."""
    sky = canvas.texels.open_sky.astype(np.float64)
    shade = -np.log(np.clip(sky, 0.08, 1.0))
    eyes = (canvas.texels.region == Region.RIGHT_EYE) | (canvas.texels.region == Region.LEFT_EYE)
    # The eye turns under its lids: what is hidden in the mean head must not be black when it comes to light.
    shade[eyes] = np.minimum(shade[eyes], 0.6)
    # Mouths open as well: teeth come forward, their surroundings stay in the dark. Several walls of the mouth share
    # texels, which leaves one value for all of them.
    shade[canvas.texels.region == Region.INNER_MOUTH] = _INNER_MOUTH_SHADE
    teeth = canvas.texels.region == Region.TEETH
    shade[teeth] = np.minimum(shade[teeth], 0.7)
    lips = near(canvas, regions.mouth_outline(canvas.landmarks), 6.0)
    shade[lips] = np.minimum(shade[lips], 1.4)
    for side in ("right", "left"):
        first = 36 if side == "right" else 42
        lid = regions.smooth_curve(canvas.landmarks[[first, first + 1, first + 2, first + 3], :2])
        crease = lid + np.array([0.0, 4.2]) * canvas.unit
        distance = frontal_distance(canvas, near(canvas, crease, 6.0), crease)
        distance_to_lid = frontal_distance(canvas, eyes & (np.abs(canvas.flat[..., 0] - lid[:, 0].mean()) < 20.0), lid)
        shade += 0.55 * np.exp(-distance_to_lid / (2.2 * canvas.unit))
        shade += 0.28 * np.exp(-0.5 * (distance / (0.8 * canvas.unit)) ** 2)
    return shade
