"""What a dense fit needs of a model: the vertices that carry labels, and their movements, as one table."""

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
    """K points of one head's surface. mean: (3, K) mm; basis: (3, S, K) mm per unit of the shape space."""

    mean: Array
    basis: NDArray[np.floating]

    def points(self, shape: Array) -> Array:
        """(3, K) mm of one shape (S,)."""
        if not shape.any():
            return self.mean
        return self.mean + (shape.astype(self.basis.dtype) @ self.basis)


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
    count = len(triangle)
    rows = surface.corners[triangle].ravel()
    starts = np.arange(0, 3 * count + 1, 3)
    shape = (count, surface.mean.shape[1])
    weights = csr_array((barycentric.ravel(), rows, starts), shape=shape)
    light = csr_array((barycentric.ravel().astype(surface.basis.dtype), rows, starts), shape=shape)
    mean = np.stack([weights @ surface.mean[axis] for axis in range(3)])
    # Points beside each other: the fit's loops run over thousands of them, not over tens of shape numbers.
    basis = np.empty((3, surface.basis.shape[2], count), surface.basis.dtype)
    for axis in range(3):
        basis[axis] = (light @ surface.basis[axis]).T
    return PointBasis(mean, basis)
