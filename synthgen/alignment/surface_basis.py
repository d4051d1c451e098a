"""What a dense fit needs of a model: the vertices that carry labels, and their movements, as one table."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from synthgen.alignment.shape_space import ShapeSpace
from synthgen.alignment.solver import Array
from synthgen.core.errors import ModelError
from synthgen.morphable.model import MorphableModel

# Single precision halves the time of the products; what it costs is measured in docs/alignment.md.
Precision = Literal["float32", "float64"]
BLOCK_POINTS = 1024  # points whose movements lie in the processor's cache together


@dataclass(frozen=True)
class SurfaceBasis:
    """U vertices of the label-carrying surface.

    corners: (L, 3) int32, rows of the label-carrying triangles; mean: (3, U) mm; basis: (3, U, S) mm per unit of the
    shape space, in the precision of the products.
    """

    corners: NDArray[np.int32]
    mean: Array
    basis: NDArray[np.floating]


@dataclass(frozen=True)
class PointBasis:
    """K points of one head's surface.

    mean: (3, K) mm; blocks: (3, S, k) mm per unit of the shape space, of at most BLOCK_POINTS points each, with the
    points beside each other: loops run over thousands of them, not over tens of shape numbers.
    """

    mean: Array
    blocks: tuple[NDArray[np.floating], ...]

    def parts(self) -> Iterator[tuple[slice, NDArray[np.floating]]]:
        """Each block with the points that it is of."""
        first = 0
        for block in self.blocks:
            yield slice(first, first + block.shape[2]), block
            first += block.shape[2]

    def points(self, shape: Array) -> Array:
        """(3, K) mm of one shape (S,)."""
        if not shape.any():
            return self.mean
        found, light = np.empty_like(self.mean), shape.astype(self.blocks[0].dtype)
        for part, block in self.parts():
            np.add(self.mean[:, part], light @ block, out=found[:, part])
        return found

    def thinned(self, rows: NDArray[np.intp]) -> "PointBasis":
        """Some of the points, in ascending order."""
        blocks = [
            block[:, :, rows[(rows >= part.start) & (rows < part.stop)] - part.start] for part, block in self.parts()
        ]
        return PointBasis(self.mean[:, rows], tuple(_regrouped(blocks)))


def _regrouped(blocks: list[NDArray[np.floating]]) -> list[NDArray[np.floating]]:
    """The same points in full blocks."""
    whole = blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=2)
    starts = range(0, whole.shape[2], BLOCK_POINTS)
    return [np.ascontiguousarray(whole[:, :, first : first + BLOCK_POINTS]) for first in starts]


def open_surface_basis(model: MorphableModel, space: ShapeSpace, precision: Precision = "float32") -> SurfaceBasis:
    """The label-carrying surface of a model. Raises ModelError for a model without identity or expression basis."""
    for name in ("identity", "expression"):
        if not len(getattr(model, f"{name}_basis")):
            raise ModelError(f"{model.name}: the model has no {name} basis, which a fit to correspondences needs")
    used, corners = np.unique(model.template.triangles[: model.template.label_count], return_inverse=True)
    dtype = np.dtype(precision)
    mixing = space.mixing.T.astype(dtype)
    basis = np.empty((3, len(used), len(space.lower)), dtype)
    for axis in range(3):
        basis[axis, :, : space.identity_count] = model.identity_basis[:, used, axis].T
        basis[axis, :, space.identity_count :] = (mixing @ model.expression_basis[:, used, axis].astype(dtype)).T
    mean = np.ascontiguousarray(model.mean[used].T.astype(np.float64))
    return SurfaceBasis(corners.reshape(-1, 3).astype(np.int32), mean, basis)


def surface_points(surface: SurfaceBasis, triangle: NDArray[np.integer], barycentric: Array) -> PointBasis:
    """The points of one head in triangles (K,) at barycentric (K, 3), as rows of a sparse product."""
    count, mean, blocks = len(triangle), np.empty((3, len(triangle))), []
    for first in range(0, max(count, 1), BLOCK_POINTS):
        part = slice(first, min(first + BLOCK_POINTS, count))
        size = part.stop - first
        weights = csr_array(
            (barycentric[part].ravel(), surface.corners[triangle[part]].ravel(), np.arange(0, 3 * size + 1, 3)),
            shape=(size, surface.mean.shape[1]),
        )
        light = weights.astype(surface.basis.dtype)
        block = np.empty((3, surface.basis.shape[2], size), surface.basis.dtype)
        for axis in range(3):
            mean[axis, part] = weights @ surface.mean[axis]
            block[axis] = (light @ surface.basis[axis]).T
        blocks.append(block)
    return PointBasis(mean, tuple(blocks))
