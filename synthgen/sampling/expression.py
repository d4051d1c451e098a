"""Expression coefficients as people use them: few movements at a time, left and right nearly alike."""

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable.model import MorphableModel
from synthgen.recipe.sections import ActionsExpression, GaussianExpression

# Both lips reach 4.2 cm with ICT's mouthClose alone; it only makes sense as the counterpart of jawOpen.
CLOSES_WITH = {"mouthClose": "jawOpen"}
CLOSE_PROBABILITY = 0.25
EXPRESSION_COMPONENTS = 10


@dataclass(frozen=True)
class Movement:
    """Coefficients that move together: columns of the basis, subject's left first where there are two."""

    name: str
    columns: tuple[int, ...]


@cache
def movements(names: tuple[str, ...]) -> tuple[Movement, ...]:
    """Movements in the order of the names: `_L`/`_R` pairs joined, gaze joined across the eyes, dependants left out."""
    column = {name: number for number, name in enumerate(names)}
    joined: list[Movement] = []
    used: set[str] = set(CLOSES_WITH)
    for name in names:
        if name in used:
            continue
        partner = _partner(name)
        members = [name] + ([partner] if partner in column and partner != name else [])
        used.update(members)
        joined.append(Movement(name.removesuffix("_L"), tuple(column[member] for member in members)))
    return tuple(joined)


def _partner(name: str) -> str | None:
    """The name that moves with `name`: the other side, or for gaze the other eye's opposite direction."""
    swapped = {"_L": "_R", "_R": "_L"}.get(name[-2:])
    if swapped is None:
        return None
    stem = name[:-2]
    across = {"eyeLookIn": "eyeLookOut", "eyeLookOut": "eyeLookIn"}
    return across.get(stem, stem) + swapped


def sample_expression(
    section: ActionsExpression | GaussianExpression, model: MorphableModel, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Expression coefficients (E,) in the model's unit."""
    if isinstance(section, GaussianExpression):
        return _sample_gaussian(section, model, rng)
    if model.expression_unit == "stddev":
        low, high = model.expression_range.T
        weights = section.weight.sample(rng, len(low))
        return np.where(rng.random(len(low)) < 0.5, low, high) * weights
    return _sample_actions(section, model, rng)


def _sample_gaussian(
    section: GaussianExpression, model: MorphableModel, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Normal in the model's ten expression components, brought back into the range of each weight."""
    if model.expression_unit == "stddev":
        return section.coefficients.sample(rng, len(model.expression_names))
    components = section.coefficients.sample(rng, len(model.expression_pca))
    weights = model.expression_pca_mean + _inverse_pca(model.expression_pca.tobytes()) @ components
    low, high = model.expression_range.astype(np.float64).T
    return _limit_dependants(np.clip(weights, low, high), model)


@lru_cache(maxsize=4)
def _inverse_pca(pca: bytes) -> NDArray[np.float64]:
    """(E, 10) pseudo-inverse of an expression_pca (10, E), given as its bytes so that it is computed once."""
    return np.linalg.pinv(np.frombuffer(pca, np.float32).reshape(EXPRESSION_COMPONENTS, -1).astype(np.float64))


def _sample_actions(section: ActionsExpression, model: MorphableModel, rng: np.random.Generator) -> NDArray[np.float64]:
    ranges = model.expression_range.tolist()  # plain numbers: this runs once a face
    coefficients = [0.0] * len(ranges)
    groups = movements(model.expression_names)
    count = min(max(round(section.active.draw(rng)), 0), len(groups))
    for group in rng.random(len(groups)).argsort()[:count].tolist():
        weight, difference = section.weight.draw(rng), section.asymmetry.draw(rng)
        downwards = rng.random() < 0.5
        columns = groups[group].columns
        for column, side in zip(columns, (0.5, -0.5), strict=False):
            low, high = ranges[column]
            end = low if downwards and low < 0 else high
            share = weight * (1 + side * difference) if len(columns) == 2 else weight
            coefficients[column] = min(max(share * end, low), high)
    names = model.expression_names
    for dependant, leader in CLOSES_WITH.items():
        if dependant in names and rng.random() < CLOSE_PROBABILITY:
            coefficients[names.index(dependant)] = coefficients[names.index(leader)] * rng.random()
    return np.array(coefficients)


def _limit_dependants(weights: NDArray[np.float64], model: MorphableModel) -> NDArray[np.float64]:
    names = model.expression_names
    for dependant, leader in CLOSES_WITH.items():
        if dependant in names:
            weights[names.index(dependant)] = min(weights[names.index(dependant)], weights[names.index(leader)])
    return weights
