"""A linear morphable head model: mean + identity basis + expression basis, in world space millimetres."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable.template import Template

ExpressionUnit = Literal["stddev", "weight"]


@dataclass(frozen=True)
class MorphableModel:
    """vertices = mean + identity_coeffs . identity_basis + expression_coeffs . expression_basis.

    name: short id, for example "procedural-base" or "ict-facekit".
    mean: (V, 3) float32, mm, neutral expression.
    identity_basis: (I, V, 3) float32, mm per standard deviation; coefficients are N(0, 1) in the population.
    expression_basis: (E, V, 3) float32, mm per unit of `expression_unit`.
    expression_names: E names; `_L` / `_R` end the names of one-sided movements (subject's side).
    expression_unit: "stddev" (coefficients N(0, 1)) or "weight" (each within its `expression_range`, 0 = neutral).
    expression_range: (E, 2) float32, lowest and highest useful coefficient.
    expression_pca_mean: (E,) float32 and
    expression_pca: (10, E) float32: the ten numbers, in standard deviations, that `parameters_62` holds are
        expression_pca @ (expression_coeffs - expression_pca_mean).
    identity_stddev: (I,) float32 and
    expression_stddev: (E,) float32: what one unit of ours is in the coefficients of the model's publisher, for reading
        fittings and for `to_tddfa_v2`; 1 where both are the same.
    template: triangles, chart, parts, landmarks.
    licence, source: what a user must know before passing data on.
    """

    name: str
    mean: NDArray[np.float32]
    identity_basis: NDArray[np.float32]
    expression_basis: NDArray[np.float32]
    expression_names: tuple[str, ...]
    expression_unit: ExpressionUnit
    expression_range: NDArray[np.float32]
    expression_pca_mean: NDArray[np.float32]
    expression_pca: NDArray[np.float32]
    identity_stddev: NDArray[np.float32]
    expression_stddev: NDArray[np.float32]
    template: Template
    licence: str
    source: str


def evaluate_vertices(
    model: MorphableModel, identity: NDArray[np.floating], expression: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Vertices (N, V, 3), mm, world space, of N heads with identity (N, I) and expression (N, E) coefficients.

    Implements dfc equation 1 as one matrix product for the whole batch.
    """
    basis = np.concatenate([model.identity_basis, model.expression_basis]).reshape(-1, model.mean.size)
    coefficients = np.concatenate([identity, expression], axis=1).astype(np.float32)
    return (coefficients @ basis + model.mean.reshape(1, -1)).reshape(len(coefficients), *model.mean.shape)
