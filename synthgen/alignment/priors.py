"""Prior terms: likely shapes, and a focal length near a first guess."""

from dataclasses import dataclass

import numpy as np

from synthgen.alignment.solver import Array, Quadratic
from synthgen.alignment.unknowns import FOCAL, HeadUnknowns


class ShapePrior:
    """y'Qy / 2 + rate'y of the heads' shape space; Q and rate times `weight`."""

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = weight

    def energy(self, heads: HeadUnknowns) -> Array:
        """(N,) energies."""
        pull = heads.shape @ (0.5 * heads.space.precision) + heads.space.rate
        return self.weight * np.einsum("ns,ns->n", pull, heads.shape)

    def quadratic(self, heads: HeadUnknowns) -> Quadratic:
        """Gradient and Hessian, exact."""
        gradient, hessian = _empty(heads)
        if heads.free_shape:
            first = heads.camera_count
            gradient[:, first:] = self.weight * (heads.shape @ heads.space.precision + heads.space.rate)
            hessian[:, first:, first:] = self.weight * heads.space.precision
        return Quadratic(gradient, hessian)


@dataclass(frozen=True)
class FocalPrior:
    """(log(focal / expected) / spread)^2 / 2 for perspective cameras of free focal length; expected: (N,) px."""

    expected: Array
    spread: float

    def energy(self, heads: HeadUnknowns) -> Array:
        """(N,) energies."""
        return 0.5 * (np.log(heads.focal / self.expected) / self.spread) ** 2

    def quadratic(self, heads: HeadUnknowns) -> Quadratic:
        """Gradient and Hessian, exact."""
        gradient, hessian = _empty(heads)
        if heads.perspective and heads.free_focal:
            gradient[:, FOCAL] = np.log(heads.focal / self.expected) / self.spread**2
            hessian[:, FOCAL, FOCAL] = self.spread**-2.0
        return Quadratic(gradient, hessian)


def _empty(heads: HeadUnknowns) -> tuple[Array, Array]:
    shape = (len(heads.focal), heads.count)
    return np.zeros(shape), np.zeros((*shape, heads.count))
