"""Converters from other programs' spherical harmonics to the convention of core.spherical_harmonics.

All return (9, C) radiance coefficients, float64, for which albedo * max(irradiance, 0) / pi equals the shading of the
program they come from, in the axes that the program uses; turn them with rotate_sh where those are not our world axes.
"""

from math import pi, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synthgen.core.errors import UsageError
from synthgen.core.spherical_harmonics import (
    LAMBERT,
    SH_FACTORS,
    irradiance,
    rotate_sh,
    rotate_sh_y,
    rotation_matrix_sh,
    sh_basis,
)

__all__ = [
    "from_basel",
    "from_deca",
    "from_face3d",
    "from_ramamoorthi",
    "irradiance",
    "rotate_sh",
    "rotate_sh_y",
    "rotation_matrix_sh",
    "sh_basis",
    "shading",
]

Floats = NDArray[np.float64]

# Our rows in the order 1, x, y, z, xy, xz, yz, x^2 - y^2, 3 z^2 - 1 that face3d and DECA share.
_FACE3D_ORDER = np.array([0, 3, 1, 2, 4, 7, 5, 8, 6])
# DECA's factors. The first lacks the pi of the clamped cosine; images made with it depend on that, so it is kept.
_DECA_FACTORS = np.array(
    [1 / sqrt(4 * pi)]
    + [2 * pi / 3 * sqrt(3 / (4 * pi))] * 3
    + [pi / 4 * 3 * sqrt(5 / (12 * pi))] * 3
    + [pi / 4 * 1.5 * sqrt(5 / (12 * pi)), pi / 4 * 0.5 * sqrt(5 / (4 * pi))]
)


def shading(coefficients: ArrayLike, normals: ArrayLike) -> Floats:
    """(..., C) max(irradiance, 0) / pi at unit normals (..., 3), world space: what multiplies linear albedo."""
    return np.maximum(irradiance(coefficients, normals), 0.0) / pi


def from_ramamoorthi(coefficients: ArrayLike) -> Floats:
    """(9, C) from tables in the style of Ramamoorthi and Hanrahan 2001 (constants 0.429043 ... 0.247708).

    Those are our radiance coefficients in our order already; shaders that use them as albedo * irradiance, without
    the 1 / pi, are pi times brighter, and it is their pictures that this reproduces.
    """
    return _checked(coefficients) * pi


def from_basel(coefficients: ArrayLike) -> Floats:
    """(9, C) from the Basel renderers (scalismo-faces, parametric face image generator, Basel illumination prior).

    Order L00 L1-1 L10 L11 L2-2 ... L22 of the orthonormal basis; shading is sum A_l L_lm Y_lm without 1 / pi.
    """
    return _checked(coefficients) * pi


def from_face3d(coefficients: ArrayLike) -> Floats:
    """(9, C) from face3d's un-normalised basis 1, x, y, z, xy, xz, yz, x^2 - y^2, 3 z^2 - 1 (`add_light_sh`)."""
    return _from_polynomials(_checked(coefficients))


def from_deca(coefficients: ArrayLike) -> Floats:
    """(9, C) from DECA's and photometric_optimization's `add_SHlight`, whose constant term has no pi."""
    return _from_polynomials(_checked(coefficients) * _DECA_FACTORS[:, None])


def _from_polynomials(weights: Floats) -> Floats:
    """Radiance whose shading is sum of weights times the nine polynomials in face3d's order."""
    ours = np.empty_like(weights)
    ours[_FACE3D_ORDER] = weights
    return ours * (pi / (LAMBERT * SH_FACTORS))[:, None]


def _checked(coefficients: ArrayLike) -> Floats:
    array = np.asarray(coefficients, np.float64)
    if array.ndim != 2 or array.shape[0] != 9:
        raise UsageError(f"spherical harmonics have shape {array.shape}; expected (9, colours)")
    return array
