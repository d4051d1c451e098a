"""What a landmark fit needs of a model: the 68 points and where the jaw's may move to, with their basis, no more."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.alignment.chin import ChinLines, chin_lines
from synthgen.alignment.shape_space import ShapeSpace
from synthgen.alignment.solver import Array
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.template import SurfacePoints, evaluate_points

POINTS = 68
JAW = 17


@dataclass(frozen=True)
class LandmarkBasis:
    """Q = 68 + 17 M + C L points: the fixed landmarks, each jaw point's candidates for landmark marching, chin lines.

    mean: (Q, 3) mm; basis: (Q, 3, S) mm per unit of the shape space; exists: (17, M) bool, False for padding;
    chin: the chin's lines, whose vertices are the last rows.
    """

    mean: Array
    basis: Array
    exists: NDArray[np.bool_]
    chin: ChinLines

    def points(self, shape: Array) -> Array:
        """(N, Q, 3) mm of shapes (N, S)."""
        count = self.basis.shape[-1]
        flat = shape @ self.basis.reshape(-1, count).T
        return self.mean + flat.reshape(len(shape), *self.mean.shape)


def open_landmark_basis(model: MorphableModel, space: ShapeSpace) -> LandmarkBasis:
    """The sparse basis of a model's "ibug68" points, jaw candidates and chin lines."""
    template = model.template
    contours = template.contours
    fixed = template.landmarks["ibug68"]
    landmarks = evaluate_points(fixed, template.triangles, model.mean.astype(np.float64))
    chin = chin_lines(model.mean.astype(np.float64), template.triangles, landmarks)
    rows = np.maximum(np.concatenate([contours.ravel(), chin.vertices.ravel()]), 0)

    def sparse(vertices: NDArray[np.float32]) -> Array:
        return np.concatenate([_evaluate(fixed, template.triangles, vertices), vertices[..., rows, :]], axis=-2)

    basis = space.basis(sparse(model.identity_basis), sparse(model.expression_basis))
    return LandmarkBasis(sparse(model.mean), np.ascontiguousarray(np.moveaxis(basis, 0, -1)), contours >= 0, chin)


def _evaluate(points: SurfacePoints, triangles: NDArray[np.int32], vertices: NDArray[np.float32]) -> Array:
    """(..., K, 3) float64, without a copy of the whole basis in double precision."""
    corners = vertices[..., triangles[points.triangle], :].astype(np.float64)
    return np.einsum("...kcd,kc->...kd", corners, points.barycentric.astype(np.float64))
