"""Landmark NME against how many identity and expression components are kept (tddfa_v2 figure 9): needs no training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval.metrics import box_size, mean_error, points_box
from synthgen.core.errors import UsageError
from synthgen.dataset.reader import Dataset
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.template import evaluate_points

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ComponentSweep:
    """identity: (A,) and expression: (B,) numbers of components; nme: (A, B) mean over the faces."""

    identity: tuple[int, ...]
    expression: tuple[int, ...]
    nme: Floats


@dataclass(frozen=True)
class Faces:
    """N faces with their whole coefficients. identity: (N, I); expression: (N, E), components in the order in which
    they are dropped; pose: (N, 2, 3) rows of f R that lead to the picture, px/mm."""

    identity: Floats
    expression: Floats
    pose: Floats


def component_sweep(
    model: MorphableModel, faces: Faces, identity: Sequence[int], expression: Sequence[int]
) -> ComponentSweep:
    """NME of the 68 points when only the first components are kept, over the root of the area of the true box.

    The expression components are those of `sorted_expressions`. Raises UsageError for more than the model has.
    """
    most = (len(model.identity_basis), len(model.expression_basis))
    asked_too_much = max(identity) > most[0] or max(expression) > most[1] or min(*identity, *expression) < 0
    if not len(faces.identity) or asked_too_much:
        raise UsageError(
            f"the model has {most[0]} identity and {most[1]} expression components, and there are "
            f"{len(faces.identity)} faces; ask for 0 to that many"
        )
    points = model.template.landmarks["ibug68"]

    def at(vertices: NDArray[np.floating]) -> Floats:
        return np.asarray(evaluate_points(points, model.template.triangles, vertices.astype(np.float64)), np.float64)

    axes, scores, middle = sorted_expressions(model, faces.expression)
    mean = at(model.mean) + np.tensordot(middle, at(model.expression_basis), axes=1)
    bases = at(model.identity_basis), np.tensordot(axes, at(model.expression_basis), axes=1)
    true = _in_picture(mean, bases, (faces.identity, scores), faces.pose)
    size = box_size(points_box(true))
    nme = np.empty((len(identity), len(expression)))
    for row, kept_identity in enumerate(identity):
        for column, kept_expression in enumerate(expression):
            kept = (_first(faces.identity, kept_identity), _first(scores, kept_expression))
            nme[row, column] = mean_error(_in_picture(mean, bases, kept, faces.pose), true, size).mean()
    return ComponentSweep(tuple(identity), tuple(expression), nme)


def sorted_expressions(model: MorphableModel, expression: Floats) -> tuple[Floats, Floats, Floats]:
    """Expressions as components that can be dropped from the end: axes (E, E) of unit length in the model's own unit,
    scores (N, E) with expression = middle + scores @ axes, and middle (E,).

    Models whose expressions are standard deviations of a PCA are that already. Weights of movements, in no order, are
    turned into the principal components of these faces' landmark-free vertices' coefficients.
    """
    count = expression.shape[1]
    if model.expression_unit == "stddev":
        return np.eye(count), expression, np.zeros(count)
    middle = expression.mean(axis=0)
    centred = expression - middle
    # Distances between expressions are those of their vertices, not of their weights.
    flat = model.expression_basis.reshape(count, -1).astype(np.float64)
    gram = flat @ flat.T
    values, vectors = np.linalg.eigh(gram)
    root = (vectors * np.sqrt(np.maximum(values, 1e-12))) @ vectors.T
    inverse = (vectors / np.sqrt(np.maximum(values, 1e-12))) @ vectors.T
    _, _, principal = np.linalg.svd(centred @ root, full_matrices=True)
    return principal @ inverse, centred @ root @ principal.T, middle


def _first(coefficients: Floats, count: int) -> Floats:
    """The same with all but the first `count` set to 0."""
    kept = coefficients.copy()
    kept[:, count:] = 0.0
    return kept


def _in_picture(
    mean: Floats, bases: tuple[Floats, Floats], coefficients: tuple[Floats, Floats], pose: Floats
) -> Floats:
    """(N, 68, 2) px of faces, without their place."""
    points = mean + np.tensordot(coefficients[0], bases[0], axes=1) + np.tensordot(coefficients[1], bases[1], axes=1)
    return np.einsum("nij,nkj->nki", pose, points)


def faces_of(dataset: Dataset) -> Faces:
    """The faces of a dataset of kind images or fittings. Raises UsageError without their coefficients.

    A perspective camera is taken as a parallel one: what is dropped of a shape does not depend on it.
    """
    wanted = ("identity_coeffs", "expression_coeffs", "camera_from_world")
    lacking = [name for name in wanted if name not in dataset.array_names]
    if lacking:
        raise UsageError(f"{dataset.path} has no {', '.join(lacking)}; its recipe needs labels: [parameters]")
    samples = list(dataset.with_labels(*wanted))
    columns = [np.stack([sample[name] for sample in samples]).astype(np.float64) for name in wanted]
    return Faces(columns[0], columns[1], columns[2][:, :2, :3])
