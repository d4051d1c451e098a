"""Forty orthogonal identity components whose measurements have the published means and covariances.

The smooth fields are a Gaussian prior over heads. Conditioning that prior on the measurements splits it into one field
per measurement, which changes this measurement and no other, and a rest that changes none. The published covariance
takes the place of the prior one; a PCA over the vertices makes the components.
"""

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable.procedural.anthropometry import mixed_covariance, mixed_mean
from synthgen.morphable.procedural.measurements import linear_form, measure
from synthgen.morphable.procedural.mesh import HeadMesh

COMPONENTS = 40
# Free variation beside the measured one, relative to the prior.
REST = 0.8
MEAN_STEPS = 3


def _measurement_fields(form: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients (B, M) of the smoothest field that changes one measurement by 1 mm and no other."""
    return np.asarray(form.T @ np.linalg.inv(form @ form.T))


def published_mean(mesh: HeadMesh, fields: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vertices (V, 3), mm: the sculpted head, smoothly warped until every measurement has its published mean."""
    vertices = mesh.vertices
    for _ in range(MEAN_STEPS):
        form = linear_form(vertices, mesh, fields)
        missing = mixed_mean() - measure(vertices, mesh)
        vertices = vertices + np.tensordot(_measurement_fields(form) @ missing, fields, axes=1)
    return vertices


def identity_basis(mesh: HeadMesh, mean: NDArray[np.float64], fields: NDArray[np.float64]) -> NDArray[np.float64]:
    """Components (40, V, 3), mm per standard deviation, orthogonal over the vertices, largest first."""
    form = linear_form(mean, mesh, fields)
    flat = fields.reshape(len(fields), -1)
    gram = flat @ flat.T
    measured = _measurement_fields(form) @ np.linalg.cholesky(mixed_covariance())
    rest = REST * (np.eye(len(fields)) - _measurement_fields(form) @ form)
    # The largest components of the rest, in the vertex inner product.
    _, axes = np.linalg.eigh(rest.T @ gram @ rest)
    free = rest @ axes[:, ::-1][:, : COMPONENTS - measured.shape[1]]
    factors = np.concatenate([measured, free], axis=1)
    _, rotation = np.linalg.eigh(factors.T @ gram @ factors)
    factors = factors @ rotation[:, ::-1]
    factors *= np.sign(factors[np.abs(factors).argmax(axis=0), np.arange(factors.shape[1])])
    return np.asarray((factors.T @ flat).reshape(COMPONENTS, *mean.shape))
