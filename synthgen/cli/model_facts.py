"""A model in a few lines of text, in millimetres, so that a wrong unit, sign or list is seen at once."""

import numpy as np
from numpy.typing import NDArray

from synthgen.core.conventions import PARTS
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.template import evaluate_points

RIGHT_EYE_CORNER, LEFT_EYE_CORNER, NOSE_BRIDGE, CHIN = 36, 45, 27, 8
_SHOWN = 5  # components whose effect is listed; named expressions are listed all


def model_facts(model: MorphableModel) -> list[tuple[str, str]]:
    """(topic, text) lines: origin, size of the mean, counts, what one unit of the coefficients moves, landmarks."""
    template = model.template
    landmarks = evaluate_points(template.landmarks["ibug68"], template.triangles, model.mean.astype(np.float64))
    face = np.unique(template.triangles[: template.label_count])
    expression = f"{len(model.expression_basis)} components, unit {model.expression_unit}"
    facts = [
        ("name", model.name),
        ("source", model.source),
        ("licence", model.licence),
        ("vertices", str(len(model.mean))),
        ("triangles", f"{len(template.triangles)}, {template.label_count} with labels"),
        ("mean", f"{_size(model.mean)}; labelled face {_size(model.mean[face])}"),
        (
            "",
            f"outer eye corners {_apart(landmarks, RIGHT_EYE_CORNER, LEFT_EYE_CORNER):.1f} mm apart, "
            f"nose bridge to chin {_apart(landmarks, NOSE_BRIDGE, CHIN):.1f} mm",
        ),
        ("identity", f"{len(model.identity_basis)} components, standard deviations{_foreign(model.identity_stddev)}"),
        ("", f"one standard deviation moves the face by {_movements(model.identity_basis, face)}"),
        ("expression", expression + _foreign(model.expression_stddev)),
    ]
    facts += [("", text) for text in _expressions(model, face)]
    facts += [
        ("landmarks", f"{name}, {len(points.triangle)} points") for name, points in sorted(template.landmarks.items())
    ]
    counts = np.bincount(template.parts[: template.label_count], minlength=len(PARTS))
    parts = ", ".join(f"{name} {count}" for name, count in zip(PARTS, counts, strict=True) if count)
    return [*facts, ("parts", f"{parts} triangles")]


def _size(vertices: NDArray[np.floating]) -> str:
    width, height, depth = np.ptp(vertices, axis=0)
    return f"{width:.1f} x {height:.1f} x {depth:.1f} mm (width, height, depth)"


def _apart(landmarks: NDArray[np.floating], first: int, second: int) -> float:
    return float(np.linalg.norm(landmarks[first] - landmarks[second]))


def _foreign(stddev: NDArray[np.floating]) -> str:
    """What a unit is in the publisher's coefficients, where that is another number."""
    if not len(stddev) or np.allclose(stddev, 1.0):
        return ""
    return f"; one is {stddev[0]:.4g} in the publisher's first coefficient, {stddev[-1]:.4g} in its last"


def _movements(basis: NDArray[np.floating], face: NDArray[np.integer]) -> str:
    """Mean movement, mm, of the labelled face's vertices by one unit of each of the first components."""
    if not len(basis):
        return "nothing"
    moved = [float(np.linalg.norm(rows[face], axis=1).mean()) for rows in basis[:_SHOWN]]
    rest = ", ..." if len(basis) > _SHOWN else ""
    return ", ".join(f"{distance:.2f}" for distance in moved) + f"{rest} mm on average"


def _expressions(model: MorphableModel, face: NDArray[np.integer]) -> list[str]:
    """For components a line; for named weights a line each."""
    if model.expression_unit == "stddev":
        return [f"one standard deviation moves the face by {_movements(model.expression_basis, face)}"]
    furthest = np.linalg.norm(model.expression_basis, axis=2).max(axis=1)
    return [
        f"{name}  {low:g} .. {high:g}, moves a vertex by up to {distance:.1f} mm"
        for name, (low, high), distance in zip(model.expression_names, model.expression_range, furthest, strict=True)
    ]
