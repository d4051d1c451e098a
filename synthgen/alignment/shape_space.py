"""The shape numbers of a fit: a model's identity and expression with the limits and priors that keep faces likely."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable.model import MorphableModel
from synthgen.sampling.expression import CLOSES_WITH, movements

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ShapePriors:
    """How likely shapes are.

    identity_stddev: spread of identity coefficients, in the model's standard deviations.
    expression_stddev: the same for expressions of models in standard deviations.
    weight_stddev: spread of expression weights, in the weight's range; weight_rate: their exponential prior, per
        range: the larger, the fewer weights leave 0. Only weights that cannot be negative have it.
    asymmetry: spread of the difference between the left and the right weight of one movement, in the weight's range.
    """

    identity_stddev: float = 1.0
    expression_stddev: float = 1.0
    weight_stddev: float = 1.0
    weight_rate: float = 5.0
    asymmetry: float = 0.15


@dataclass(frozen=True)
class ShapeSpace:
    """S = I + E numbers y: identity first, then expressions, where a movement that needs another drives both.

    mixing: (E, E), expression coefficients = mixing @ y[I:]; lower, upper: (S,) limits of y.
    precision: (S, S) and rate: (S,), prior energy y'Qy / 2 + rate'y.
    leaders: pairs of rows of y whose sum may not exceed the upper limit of the first.
    """

    identity_count: int
    mixing: Array
    lower: Array
    upper: Array
    precision: Array
    rate: Array
    leaders: tuple[tuple[int, int], ...]

    def coefficients(self, shape: Array) -> tuple[Array, Array]:
        """Identity (N, I) and expression (N, E) in the model's units, of shapes (N, S)."""
        return shape[:, : self.identity_count].copy(), shape[:, self.identity_count :] @ self.mixing.T

    def limited(self, shape: Array) -> Array:
        """Shapes (N, S) brought back inside the limits."""
        inside = np.clip(shape, self.lower, self.upper)
        for leader, dependant in self.leaders:
            total = inside[:, leader] + inside[:, dependant]
            share = np.minimum(1.0, self.upper[leader] / np.maximum(total, 1e-12))
            inside[:, leader] *= share
            inside[:, dependant] *= share
        return inside

    def basis(self, identity_basis: NDArray[np.floating], expression_basis: NDArray[np.floating]) -> Array:
        """(S, ...) movements of points per unit of y, from the model's (I, ...) and (E, ...) at these points."""
        mixed = np.tensordot(self.mixing.T, np.asarray(expression_basis, np.float64), axes=1)
        return np.concatenate([np.asarray(identity_basis, np.float64), mixed])


def open_shape_space(model: MorphableModel, priors: ShapePriors) -> ShapeSpace:
    """The shape space of a model: normal priors, and for weights their range, few at a time and nearly symmetric.

    ICT's mouthClose undoes jawOpen and never exceeds it: y holds jawOpen - mouthClose and mouthClose, both from 0.
    """
    identity_count, count = len(model.identity_basis), len(model.expression_basis)
    mixing, leaders = np.eye(count), []
    names = model.expression_names
    for dependant, leader in CLOSES_WITH.items():
        if dependant in names and leader in names:
            mixing[names.index(leader), names.index(dependant)] = 1.0
            leaders.append((identity_count + names.index(leader), identity_count + names.index(dependant)))
    lower = np.full(identity_count + count, -np.inf)
    upper = -lower
    precision = np.zeros((len(lower), len(lower)))
    numbers = np.arange(identity_count)
    precision[numbers, numbers] = priors.identity_stddev**-2.0
    rate = np.zeros(len(lower))
    expression = slice(identity_count, None)
    if model.expression_unit == "stddev":
        precision[expression, expression] = np.eye(count) * priors.expression_stddev**-2.0
    else:
        lower[expression], upper[expression] = np.asarray(model.expression_range, np.float64).T
        precision[expression, expression], rate[expression] = _weight_prior(model, priors)
    return ShapeSpace(identity_count, mixing, lower, upper, precision, rate, tuple(leaders))


def _weight_prior(model: MorphableModel, priors: ShapePriors) -> tuple[Array, Array]:
    """Precision (E, E) and rate (E,) of expression weights."""
    low, high = np.asarray(model.expression_range, np.float64).T
    extent = np.maximum(np.maximum(high, -low), 1e-6)
    precision = np.diag((priors.weight_stddev * extent) ** -2.0)
    for movement in movements(model.expression_names):
        if len(movement.columns) == 2:
            difference = np.zeros(len(low))
            difference[list(movement.columns)] = 1.0, -1.0
            spread = priors.asymmetry * extent[list(movement.columns)].max()
            precision += np.outer(difference, difference) * spread**-2.0
    return precision, np.where(low >= 0, priors.weight_rate / extent, 0.0)
