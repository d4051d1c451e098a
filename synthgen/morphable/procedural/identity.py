"""Forty orthogonal identity components whose measurements have the published means and covariances.

The smooth fields are a Gaussian prior over heads. First the proportions that keep features together narrow it. Then it
is split into one field per measurement, which changes this measurement and no other, and a rest that changes none; the
published covariance takes the place of the prior one. A PCA over the vertices makes the components.
"""

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable.procedural.anthropometry import mixed_covariance, mixed_mean
from synthgen.morphable.procedural.measurements import linear_form, measure
from synthgen.morphable.procedural.mesh import HeadMesh
from synthgen.morphable.procedural.proportions import relation_form, relation_variances

COMPONENTS = 40
# Free variation beside the measured one, relative to the prior.
REST = 0.9
MEAN_STEPS = 3


def narrowed_prior(mesh: HeadMesh, fields: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covariance (B, B) of the field coefficients once every relation is as sculpted, up to its spread."""
    form = relation_form(mesh, fields)
    spread = form @ form.T + np.diag(relation_variances(mesh))
    return np.asarray(np.eye(len(fields)) - form.T @ np.linalg.solve(spread, form))


def _measurement_fields(form: NDArray[np.float64], prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients (B, M) of the likeliest field that changes one measurement by 1 mm and no other."""
    return np.asarray(prior @ form.T @ np.linalg.inv(form @ prior @ form.T))


def published_mean(mesh: HeadMesh, fields: NDArray[np.float64], prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vertices (V, 3), mm: the sculpted head, smoothly warped until every measurement has its published mean."""
    vertices = mesh.vertices
    for _ in range(MEAN_STEPS):
        form = linear_form(vertices, mesh, fields)
        missing = mixed_mean() - measure(vertices, mesh)
        vertices = vertices + np.tensordot(_measurement_fields(form, prior) @ missing, fields, axes=1)
    return vertices


def identity_basis(
    mesh: HeadMesh, mean: NDArray[np.float64], fields: NDArray[np.float64], prior: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Components (40, V, 3), mm per standard deviation, orthogonal over the vertices, largest first."""
    form = linear_form(mean, mesh, fields)
    flat = fields.reshape(len(fields), -1)
    gram = flat @ flat.T
    split = _measurement_fields(form, prior)
    measured = split @ np.linalg.cholesky(mixed_covariance())
    values, vectors = np.linalg.eigh(prior)
    rest = REST * (np.eye(len(fields)) - split @ form) @ (vectors * np.sqrt(np.maximum(values, 0.0)))
    # The largest components of the rest, in the vertex inner product.
    _, axes = np.linalg.eigh(rest.T @ gram @ rest)
    free = rest @ axes[:, ::-1][:, : COMPONENTS - measured.shape[1]]
    factors = np.concatenate([measured, free], axis=1)
    _, rotation = np.linalg.eigh(factors.T @ gram @ factors)
    factors = factors @ rotation[:, ::-1]
    factors *= np.sign(factors[np.abs(factors).argmax(axis=0), np.arange(factors.shape[1])])
    return np.asarray((factors.T @ flat).reshape(COMPONENTS, *mean.shape))
