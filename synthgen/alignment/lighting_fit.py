"""Spherical-harmonics light as an unknown: shading with derivatives, a prior, and the light of known surfaces."""

from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import NDArray

from synthgen.asset_io.lighting import frontal_level, open_lights
from synthgen.core.spherical_harmonics import LAMBERT, SH_FACTORS, rotate_sh_y, sh_basis

Array = NDArray[np.float64]
Floats = NDArray[np.floating]

LIGHTS = 27  # nine harmonics of three colours, flattened as (9, 3)
_TURNS = 24  # of each environment about +y
_STRENGTH, _HUE = 0.35, 0.1  # relative spread of all light, and of each colour
_WIDER, _COLOURS = 1.5, 0.25  # on the environments' covariance, and on the spread of their colours
_LEAST_GREY, _LEAST_COLOUR = 0.05, 0.02  # spread of any coefficient, shared and of each colour
_DARKEST = 1e-3  # frontal level that no light of a photo goes below
_LEAST_LEVEL = 0.7  # light from behind is not exposed for more than this


@dataclass(frozen=True)
class LightPrior:
    """Light is its frontal level times a distribution of level 1: log level ~ N(0, strength), distribution ~ N.

    mean: (27,) of the distribution; root: (27, 27), root.T @ root is its precision; level: (27,), the frontal level
    of a light is level @ light; strength: standard deviation of its logarithm. Colours count relative to the level,
    otherwise a coloured light would be the cheaper the dimmer it is.
    """

    mean: Array
    root: Array
    level: Array
    strength: float

    def energy(self, light: Array) -> float:
        """Half the squared residuals of a light (27,); infinite for one whose frontal level is not positive."""
        if self.level @ light < _DARKEST:
            return float("inf")
        residual = self.residual(light)
        return float(0.5 * residual @ residual)

    def residual(self, light: Array) -> Array:
        """(28,) standardised departures: of the distribution, then of the logarithm of the level."""
        level = max(float(self.level @ light), _DARKEST)
        return np.append(self.root @ (light / level - self.mean), np.log(level) / self.strength)

    def jacobian(self, light: Array) -> Array:
        """(28, 27) derivative of the residual."""
        level = max(float(self.level @ light), _DARKEST)
        by_light = self.root @ (np.eye(LIGHTS) - np.outer(light, self.level) / level) / level
        return np.vstack([by_light, self.level / (level * self.strength)])

    def near_mean(self) -> tuple[Array, Array]:
        """Mean (27,) and precision (27, 27) of the normal distribution that is like this one near its mean."""
        jacobian = self.jacobian(self.mean)
        return self.mean, jacobian.T @ jacobian


@dataclass(frozen=True)
class Shading:
    """value: (P, 3) max(E, 0) / pi; by_normal: (P, 3, 3) derivative by the unit normal, last axis; harmonics: (P, 9),
    derivative of each colour's E / pi by its nine coefficients; lit: (P, 3) bool, where E > 0."""

    value: Array
    by_normal: Array
    harmonics: Array
    lit: NDArray[np.bool_]


def open_light_prior() -> LightPrior:
    """What photographers and cameras make of the built-in environments, turned every 15 degrees about +y.

    Each is exposed for the face and white-balanced: all colours have frontal level 1. Light then varies by its
    strength (a factor of exp(+-0.35)), by its hue as a whole (+-0.1 of each colour) and by where it comes from, as in
    the environments and somewhat wider. This decides what a photo leaves open: a bright light on dark skin or a dim
    one on light skin, brown light or brown skin.
    """
    lights = open_lights("builtin").coefficients.astype(np.float64)
    turned = np.concatenate([rotate_sh_y(lights, 2 * pi * turn / _TURNS) for turn in range(_TURNS)])
    turned /= np.maximum(np.array([_colour_levels(light) for light in turned]), _LEAST_LEVEL)[:, None]
    grey = turned.mean(axis=2)
    mean = grey.mean(axis=0)
    apart = (turned - grey[..., None]).reshape(-1, LIGHTS)
    shared = _WIDER * np.cov(grey.T) + _LEAST_GREY**2 * np.eye(9)
    own = _HUE**2 * np.outer(mean, mean) + _LEAST_COLOUR**2 * np.eye(9)
    covariance = np.kron(shared, np.ones((3, 3))) + _COLOURS**2 * np.cov(apart.T) + np.kron(own, np.eye(3))
    level = np.array([frontal_level(unit.reshape(9, 3)) for unit in np.eye(LIGHTS)])
    flat = np.repeat(mean, 3)
    root = np.asarray(np.linalg.inv(np.linalg.cholesky(covariance)), np.float64)
    return LightPrior(flat / float(level @ flat), root, level, _STRENGTH)


def _colour_levels(light: Array) -> list[float]:
    """Frontal level of each colour of a light (9, 3)."""
    return [frontal_level(np.repeat(light[:, [channel]], 3, axis=1)) for channel in range(3)]


def shade(light: Array, normals: Floats) -> Shading:
    """Shading at unit normals (P, 3), world space, under a light (9, 3), with derivatives."""
    scaled = (LAMBERT / pi)[:, None] * light
    harmonics = sh_basis(normals)
    value = harmonics @ scaled
    lit = value > 0.0
    by_normal = np.einsum("pld,lc->pcd", _sh_slopes(normals), scaled) * lit[..., None]
    return Shading(np.maximum(value, 0.0), by_normal, harmonics * (LAMBERT / pi), lit)


def fit_light(
    colour: Floats, albedo: Floats, normals: Floats, weight: Floats | None = None, prior: LightPrior | None = None
) -> Array:
    """(9, 3) the light under which surfaces of known albedo (P, 3) and unit normals (P, 3) show `colour` (P, 3).

    weight: (P, 3) inverse variances, 1 by default. Closed form: linear least squares with the prior's precision
    (Ramamoorthi and Hanrahan 2001, as in Basel's inverse renderers). Points that turn out to be unlit (E < 0) are
    left out in three further rounds, because shading is cut off there.
    """
    harmonics = sh_basis(normals) * (LAMBERT / pi)
    inverse_variance = np.ones(colour.shape) if weight is None else weight
    light: Array = np.zeros((9, 3))
    lit = np.ones(colour.shape, bool)
    mean, precision = (np.zeros(LIGHTS), np.zeros((LIGHTS, LIGHTS))) if prior is None else prior.near_mean()
    for _ in range(4):
        system = np.zeros((9, 3, 9, 3))
        side = np.zeros((9, 3))
        for channel in range(3):
            rows = harmonics * (albedo[:, channel] * lit[:, channel])[:, None]
            weighted = rows * inverse_variance[:, channel, None]
            system[:, channel, :, channel] = weighted.T @ rows
            side[:, channel] = weighted.T @ colour[:, channel]
        flat = system.reshape(LIGHTS, LIGHTS)
        found = np.linalg.lstsq(flat + precision, side.ravel() + precision @ mean, rcond=1e-12)[0]
        light = np.asarray(found, np.float64).reshape(9, 3)
        before, lit = lit, harmonics @ light > 0.0
        if (before == lit).all():
            break
    return light


def _sh_slopes(normals: Floats) -> Array:
    """(P, 9, 3) gradients of the basis functions, as polynomials in x, y, z."""
    x, y, z = np.moveaxis(np.asarray(normals, np.float64), -1, 0)
    slopes = np.zeros((len(x), 9, 3))
    slopes[:, 1, 1] = slopes[:, 2, 2] = slopes[:, 3, 0] = 1.0
    slopes[:, 4, 0], slopes[:, 4, 1] = y, x
    slopes[:, 5, 1], slopes[:, 5, 2] = z, y
    slopes[:, 6, 2] = 6.0 * z
    slopes[:, 7, 0], slopes[:, 7, 2] = z, x
    slopes[:, 8, 0], slopes[:, 8, 1] = 2.0 * x, -2.0 * y
    return slopes * SH_FACTORS[:, None]
