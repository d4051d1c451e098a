"""The coefficients of a mirrored head, for views that are flipped."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from synthgen.morphable.model import MorphableModel

Array = NDArray[np.float64]
MIRROR = np.array([-1.0, 1.0, 1.0])  # world axes: the head's own left and right
# Vertices to fit: enough for a few hundred coefficients.
MOST_VERTICES = 2000


@dataclass(frozen=True)
class Mirror:
    """Least-squares mirroring of a model's heads.

    A mirrored head of a symmetric model is a head of it (ICT-FaceKit: 0.02 mm for a random one); of a model made of
    scans, nearly. identity: (I, I) and expression: (E, E), new coefficients = old ones @ matrix (+ offset of the
    identity, for a mean that is not symmetric). residual: (I + E, 3 S) and mean_residual: (3 S,) mm, what is lost at S
    vertices of the face.
    """

    identity: Array
    identity_offset: Array
    expression: Array
    residual: Array
    mean_residual: Array


def open_mirror(model: MorphableModel) -> Mirror:
    """The mirror of a model; the mirrored place of a vertex is the vertex of the mean nearest to it."""
    face = np.unique(model.template.triangles[: model.template.label_count])
    face = face[:: max(1, len(face) // MOST_VERTICES)]
    mean = model.mean.astype(np.float64)
    partner = cKDTree(mean).query(mean[face] * MIRROR)[1]

    def fitted(basis: NDArray[np.float32]) -> tuple[Array, Array, Array]:
        own = basis[:, face].astype(np.float64).reshape(len(basis), -1)
        mirrored = (basis[:, partner] * MIRROR).reshape(len(basis), -1)
        matrix = np.linalg.lstsq(own.T, mirrored.T, rcond=None)[0].T
        return own, matrix, mirrored - matrix @ own

    own, identity, identity_residual = fitted(model.identity_basis)
    _, expression, expression_residual = fitted(model.expression_basis)
    difference = (mean[partner] * MIRROR - mean[face]).ravel()
    offset = np.linalg.lstsq(own.T, difference, rcond=None)[0]
    residual = np.concatenate([identity_residual, expression_residual])
    return Mirror(identity, offset, expression, residual, difference - offset @ own)


def mirror_coefficients(mirror: Mirror, identity: Array, expression: Array) -> tuple[Array, Array]:
    """Identity (N, I) and expression (N, E) of mirrored heads, in the model's units."""
    return identity @ mirror.identity + mirror.identity_offset, expression @ mirror.expression


def mirror_error(mirror: Mirror, identity: Array, expression: Array) -> Array:
    """(N,) mm, root mean square distance over the face between the mirrored heads and what the model makes of them."""
    lost = np.concatenate([identity, expression], axis=1) @ mirror.residual + mirror.mean_residual
    error: Array = np.sqrt((lost**2).reshape(len(lost), -1, 3).sum(axis=2).mean(axis=1))
    return error
