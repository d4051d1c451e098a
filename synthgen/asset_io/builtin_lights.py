"""The lights that need no file.

The first ten are published: spherical-harmonics coefficients of Paul Debevec's and his colleagues' light probes, the
first three of the ten from Ramamoorthi and Hanrahan, "An Efficient Representation for Irradiance Environment Maps"
(SIGGRAPH 2001), all ten from Rost, "OpenGL Shading Language" (2nd edition, 2006, section 12.3), rounded to two digits
as in the paper. They are radiance coefficients in the order of core.spherical_harmonics, +y up.

The others are made of caps of light in closed form.
"""

from math import radians

import numpy as np
from numpy.typing import NDArray

from synthgen.core.spherical_harmonics import cap_sh

Floats = NDArray[np.float64]

# Rows L00 L1-1 L10 L11 L2-2 L2-1 L20 L21 L22, columns red green blue, in hundredths.
_PUBLISHED = {
    "grace_cathedral": (
        (79, 44, 54), (39, 35, 60), (-34, -18, -27), (-29, -6, 1), (-11, -5, -12),
        (-26, -22, -47), (-16, -9, -15), (56, 21, 14), (21, -5, -30),
    ),
    "eucalyptus_grove": (
        (38, 43, 45), (29, 36, 41), (4, 3, 1), (-10, -10, -9), (-6, -6, -4),
        (1, -1, -5), (-9, -13, -15), (-6, -5, -4), (2, 0, -5),
    ),
    "st_peters": (
        (36, 26, 23), (18, 14, 13), (-2, -1, 0), (3, 2, 0), (2, 1, 0),
        (-5, -3, -1), (-9, -8, -7), (1, 0, 0), (-8, -3, 0),
    ),
    "uffizi_gallery": (
        (32, 31, 35), (37, 37, 43), (0, 0, 0), (-1, -1, -1), (-2, -2, -3),
        (-1, -1, -1), (-28, -28, -32), (0, 0, 0), (-24, -24, -28),
    ),
    "galileos_tomb": (
        (104, 76, 71), (44, 34, 34), (-22, -18, -17), (71, 54, 56), (64, 50, 52),
        (-12, -9, -8), (-37, -28, -29), (-17, -13, -13), (55, 42, 42),
    ),
    "vine_street_kitchen": (
        (64, 67, 73), (28, 32, 33), (42, 60, 77), (-5, -4, -2), (-10, -8, -5),
        (25, 39, 53), (38, 54, 71), (6, 1, -2), (-3, -2, -3),
    ),
    "breezeway": (
        (32, 36, 38), (37, 41, 45), (-1, -1, -1), (-10, -12, -12), (-13, -15, -17),
        (-1, -2, 2), (-7, -8, -9), (2, 3, 3), (-29, -32, -36),
    ),
    "campus_sunset": (
        (79, 94, 98), (44, 56, 70), (-10, -18, -27), (45, 38, 20), (18, 14, 5),
        (-14, -22, -31), (-39, -40, -36), (9, 7, 4), (67, 67, 52),
    ),
    "funston_beach_sunset": (
        (68, 69, 71), (32, 37, 44), (-17, -17, -17), (-45, -42, -34), (-17, -17, -15),
        (-8, -9, -10), (-3, -2, -1), (16, 14, 10), (37, 31, 20),
    ),
    "old_town_square": (
        (87, 88, 86), (18, 25, 31), (3, 4, 4), (0, -3, -5), (-12, -12, -12),
        (0, 0, 1), (-3, -2, -2), (-8, -9, -9), (-16, -19, -22),
    ),
}  # fmt: skip

_UP, _DOWN = (0.0, 1.0, 0.0), (0.0, -1.0, 0.0)


def builtin_lights() -> dict[str, Floats]:
    """Name -> (9, 3) radiance coefficients, in a fixed order, at the brightness in which they are defined."""
    lights = {name: np.array(rows, np.float64) / 100.0 for name, rows in _PUBLISHED.items()}
    lights["overcast"] = _sum((_UP, 90, (0.90, 0.95, 1.00)), (_DOWN, 90, (0.22, 0.20, 0.18)))
    lights["sun_and_sky"] = _sum(
        ((0.55, 0.65, 0.52), 12, (28.0, 25.0, 20.0)), (_UP, 90, (0.45, 0.62, 0.95)), (_DOWN, 90, (0.28, 0.25, 0.20))
    )
    lights["window"] = _sum(
        ((-0.85, 0.25, 0.46), 32, (3.6, 3.9, 4.3)), (_UP, 90, (0.34, 0.31, 0.28)), (_DOWN, 90, (0.22, 0.19, 0.16))
    )
    lights["studio"] = _sum(
        ((0.60, 0.45, 0.66), 28, (5.2, 5.1, 5.0)),  # key
        ((-0.75, 0.10, 0.65), 45, (0.9, 0.92, 0.95)),  # fill
        ((-0.35, 0.50, -0.79), 20, (4.0, 4.0, 4.2)),  # rim
        (_UP, 180, (0.12, 0.12, 0.12)),
    )
    lights["ceiling_lamps"] = _sum(
        ((0.30, 0.93, 0.20), 35, (3.4, 3.1, 2.6)), (_UP, 90, (0.30, 0.29, 0.27)), (_DOWN, 90, (0.30, 0.26, 0.21))
    )
    lights["flash"] = _sum(((0.0, 0.18, 0.98), 15, (14.0, 14.0, 14.4)), (_UP, 180, (0.15, 0.14, 0.13)))
    return lights


def _sum(*caps: tuple[tuple[float, float, float], float, tuple[float, float, float]]) -> Floats:
    """(9, 3) of caps given as (axis, half angle in degrees, radiance in red, green, blue)."""
    return sum((np.outer(cap_sh(axis, radians(angle)), colour) for axis, angle, colour in caps), np.zeros((9, 3)))
