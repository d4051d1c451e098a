"""The spherical harmonics of core.conventions: real, orthonormal, orders 0 to 2, world axes.

Coefficients are radiance, nine rows in the order L00 L1-1 L10 L11 L2-2 L2-1 L20 L21 L22, one column per colour.
"""

from math import pi, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Rows: L00, L1-1, L10, L11, L2-2, L2-1, L20, L21, L22.
SH_ORDERS = np.array([0, 1, 1, 1, 2, 2, 2, 2, 2])
# What the clamped cosine does to each order: irradiance = sum A_l L_lm Y_lm (Ramamoorthi and Hanrahan 2001).
LAMBERT_BY_ORDER = (pi, 2 * pi / 3, pi / 4)
LAMBERT = np.array([LAMBERT_BY_ORDER[order] for order in SH_ORDERS])
# Factors of the polynomials 1; y, z, x; xy, yz, 3z^2 - 1, xz, x^2 - y^2.
SH_FACTORS = np.array(
    [sqrt(1 / (4 * pi))]
    + [sqrt(3 / (4 * pi))] * 3
    + [sqrt(15 / (4 * pi))] * 2
    + [sqrt(5 / (16 * pi)), sqrt(15 / (4 * pi)), sqrt(15 / (16 * pi))]
)

_HALF, _ROOT = 0.5, sqrt(0.75)

Floats = NDArray[np.float64]


def sh_polynomials(directions: ArrayLike) -> Floats:
    """(..., 9) the basis without its factors, at unit vectors (..., 3)."""
    x, y, z = np.moveaxis(np.asarray(directions, np.float64), -1, 0)
    return np.stack([np.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], axis=-1)


def sh_basis(directions: ArrayLike) -> Floats:
    """(..., 9) the basis functions at unit vectors (..., 3), world space."""
    return sh_polynomials(directions) * SH_FACTORS


def irradiance(coefficients: ArrayLike, normals: ArrayLike) -> Floats:
    """(..., C) irradiance at unit normals (..., 3) under radiance coefficients (9, C).

    Order 2 can dip below zero opposite a strong light; shading clamps it: max(irradiance, 0) / pi.
    """
    return sh_basis(normals) @ (LAMBERT[:, None] * np.asarray(coefficients, np.float64))


def rotation_matrix_sh(rotation: ArrayLike) -> Floats:
    """(9, 9) matrix that turns coefficients with the light: the light from direction d then comes from rotation @ d.

    rotation: (3, 3), world space, det +1.
    """
    turned = sh_basis(_DIRECTIONS @ np.asarray(rotation, np.float64))
    matrix = _DIRECTIONS_INVERSE @ turned
    # Orders do not mix; what least squares leaves there is rounding.
    matrix[SH_ORDERS[:, None] != SH_ORDERS] = 0.0
    return matrix


def rotate_sh(coefficients: ArrayLike, rotation: ArrayLike) -> Floats:
    """(..., 9, C) coefficients of the same light turned by `rotation` (3, 3), as rotation_matrix_sh describes."""
    return rotation_matrix_sh(rotation) @ np.asarray(coefficients, np.float64)


def rotate_sh_y(coefficients: ArrayLike, angle: ArrayLike) -> Floats:
    """(..., 9, C) coefficients of the same light turned by `angle` radians about +y: light from +z moves towards +x.

    angle: a number, or (...) one for each of the lights.
    """
    turn = np.asarray(angle, np.float64)[..., None]
    cosine, sine, cosine_twice, sine_twice = np.cos(turn), np.sin(turn), np.cos(2 * turn), np.sin(2 * turn)
    ambient, y, z, x, xy, yz, zz, xz, xx_yy = np.moveaxis(np.asarray(coefficients, np.float64), -2, 0)
    # In the plane of x and z, order 2 has a part that does not turn, and with xz a pair that turns twice as fast.
    still, fast = _HALF * zz + _ROOT * xx_yy, _ROOT * zz - _HALF * xx_yy
    fast, xz = cosine_twice * fast - sine_twice * xz, sine_twice * fast + cosine_twice * xz
    turned = [
        np.broadcast_to(ambient, fast.shape),
        np.broadcast_to(y, fast.shape),
        cosine * z - sine * x,
        sine * z + cosine * x,
        cosine * xy + sine * yz,
        cosine * yz - sine * xy,
        _HALF * still + _ROOT * fast,
        xz,
        _ROOT * still - _HALF * fast,
    ]
    return np.stack(turned, axis=-2)


def cap_sh(axis: ArrayLike, half_angle: float) -> Floats:
    """(9,) coefficients of unit radiance from the cap of directions within `half_angle` radians of `axis` (3,)."""
    direction = np.asarray(axis, np.float64) / np.linalg.norm(axis)
    c = np.cos(half_angle)
    # Funk-Hecke: 2 pi times the integral of each Legendre polynomial over [c, 1].
    by_order = np.array([2 * pi * (1 - c), pi * (1 - c * c), pi * (c - c**3)])
    return by_order[SH_ORDERS] * sh_basis(direction)


def _spread_directions(count: int) -> Floats:
    """(count, 3) unit vectors on a spiral, spread evenly."""
    heights = 1 - (2 * np.arange(count) + 1) / count
    angles = pi * (1 + sqrt(5)) * np.arange(count)
    radii = np.sqrt(1 - heights**2)
    return np.stack([radii * np.cos(angles), heights, radii * np.sin(angles)], axis=-1)


_DIRECTIONS = _spread_directions(16)
_DIRECTIONS_INVERSE = np.linalg.pinv(sh_basis(_DIRECTIONS))
