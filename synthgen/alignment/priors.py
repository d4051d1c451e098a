"""Prior terms: likely shapes, and a focal length near a first guess."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

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

    def selected(self, rows: NDArray[np.intp]) -> Self:
        """The same for some rows."""
        return self


@dataclass(frozen=True)
class IdentityPrior:
    """weight y'Qy / 2 over the identity's numbers of the heads' shape space."""

    weight: float = 1.0

    def energy(self, heads: HeadUnknowns) -> Array:
        """(N,) energies."""
        shape, precision, _ = _block(heads, slice(0, heads.space.identity_count))
        return 0.5 * self.weight * np.einsum("ns,ns->n", shape @ precision, shape)

    def quadratic(self, heads: HeadUnknowns) -> Quadratic:
        """Gradient and Hessian, exact."""
        return _block_quadratic(heads, slice(0, heads.space.identity_count), self.weight)

    def selected(self, rows: NDArray[np.intp]) -> Self:
        """The same for some rows."""
        return self


@dataclass(frozen=True)
class ExpressionPrior:
    """weight (y'Qy / 2 + rate'y) over the expression's numbers of the heads' shape space."""

    weight: float = 1.0

    def energy(self, heads: HeadUnknowns) -> Array:
        """(N,) energies."""
        shape, precision, rate = _block(heads, slice(heads.space.identity_count, None))
        return self.weight * np.einsum("ns,ns->n", 0.5 * shape @ precision + rate, shape)

    def quadratic(self, heads: HeadUnknowns) -> Quadratic:
        """Gradient and Hessian, exact."""
        return _block_quadratic(heads, slice(heads.space.identity_count, None), self.weight)

    def selected(self, rows: NDArray[np.intp]) -> Self:
        """The same for some rows."""
        return self


def _block(heads: HeadUnknowns, block: slice) -> tuple[Array, Array, Array]:
    """Numbers (N, B), precision (B, B) and rate (B,) of a part of the shape."""
    return heads.shape[:, block], heads.space.precision[block, block], heads.space.rate[block]


def _block_quadratic(heads: HeadUnknowns, block: slice, weight: float) -> Quadratic:
    gradient, hessian = _empty(heads)
    if heads.free_shape:
        shape, precision, rate = _block(heads, block)
        gradient[:, heads.camera_count :][:, block] = weight * (shape @ precision + rate)
        hessian[:, heads.camera_count :, heads.camera_count :][:, block, block] = weight * precision
    return Quadratic(gradient, hessian)


@dataclass(frozen=True)
class FocalPrior:
    """weight (log(focal / expected) / spread)^2 / 2 for perspective cameras of free focal length; expected: (N,) px."""

    expected: Array
    spread: float
    weight: float = 1.0

    def energy(self, heads: HeadUnknowns) -> Array:
        """(N,) energies."""
        return 0.5 * self.weight * (np.log(heads.focal / self.expected) / self.spread) ** 2

    def quadratic(self, heads: HeadUnknowns) -> Quadratic:
        """Gradient and Hessian, exact."""
        gradient, hessian = _empty(heads)
        if heads.perspective and heads.free_focal:
            gradient[:, FOCAL] = self.weight * np.log(heads.focal / self.expected) / self.spread**2
            hessian[:, FOCAL, FOCAL] = self.weight * self.spread**-2.0
        return Quadratic(gradient, hessian)

    def selected(self, rows: NDArray[np.intp]) -> Self:
        """The same for some rows."""
        return replace(self, expected=self.expected[rows])


def _empty(heads: HeadUnknowns) -> tuple[Array, Array]:
    shape = (len(heads.focal), heads.count)
    return np.zeros(shape), np.zeros((*shape, heads.count))
