"""What must hold of an imported Basel 2009 model, by name: every convention that can go wrong is one fact."""

import math
from collections.abc import Callable

import numpy as np

from synthgen.morphable.model import MorphableModel
from synthgen.morphable.template import evaluate_points
from tests.morphable.loaders.bfm_fixtures import (
    EXPRESSION_SIGMA,
    IDENTITY_SIGMA_UM,
    KEYPOINTS_RAW_0B,
    KnownFace,
)
from tests.morphable.loaders.known_answers import BASEL_EYES_MM, check_basel_mean


def _turned(triangles: np.ndarray) -> list[tuple[int, ...]]:
    """Sorted triangles, each from its lowest corner on; mirrored ones differ."""
    first = triangles.argmin(axis=1)
    turned = triangles[np.arange(len(triangles))[:, None], (first[:, None] + np.arange(3)) % 3]
    return sorted(map(tuple, turned.tolist()))


def violated_facts(model: MorphableModel, face: KnownFace, trimmed: bool, mean_expression: bool = True) -> list[str]:
    """Names of the facts that do not hold; none for a right import.

    trimmed: the model has the 53,215 vertices; mean_expression: the mean expression belongs to the mean.
    """
    rows = face.trim if trimmed else np.arange(len(face.shape_mean))
    # Raw vertices without expressions of their own are not part of the comparison.
    moving = np.arange(len(rows)) if trimmed else face.trim
    added = face.expression_mean[rows] if mean_expression else 0.0
    mean, found = face.shape_mean[rows] + added, model.mean.astype(np.float64)
    triangles = face.trimmed_triangles if trimmed else face.triangles
    labelled = model.template.triangles[: model.template.label_count]
    corners = found[labelled]
    ahead = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2]
    points = evaluate_points(model.template.landmarks["ibug68"], model.template.triangles, found)
    moved = mean if trimmed else np.where(np.isin(np.arange(len(rows)), face.trim)[:, None], mean, found)
    facts = {
        # CONVENTIONS A1: outer eye corners 86.3 mm apart in Basel's mean.
        "millimetres": math.isclose(float(np.linalg.norm(points[45] - points[36])), BASEL_EYES_MM, abs_tol=0.05),
        "known answers": not mean_expression or _holds(check_basel_mean, points),
        "rows are x y z of each vertex": bool(np.abs(found - face.shape_mean[rows]).max() < 20.0),
        "mean expression": bool(np.abs(found - moved).max() < 1e-3),
        "identity stddev": _close(model.identity_basis, face.identity[:, rows]),
        "expression stddev": len(model.expression_basis) == 0
        or _close(model.expression_basis[:, moving], face.expression[:, rows][:, moving]),
        "publisher's coefficients": np.allclose(model.identity_stddev, IDENTITY_SIGMA_UM)
        and np.allclose(model.expression_stddev, EXPRESSION_SIGMA[: len(model.expression_stddev)]),
        "0-based triangles": sorted(map(sorted, model.template.triangles.tolist()))
        == sorted(map(sorted, triangles.tolist())),
        "counter-clockwise": _turned(model.template.triangles) == _turned(triangles)
        and float(np.maximum(ahead, 0).sum()) > 5.0 * float(np.maximum(-ahead, 0).sum()),
        # M6: eye 36 has the smaller x, the chin is below, and hardly anything is nearer than the nose tip.
        "landmarks": bool(
            np.abs(points - found[np.searchsorted(face.trim, KEYPOINTS_RAW_0B) if trimmed else KEYPOINTS_RAW_0B]).max()
            < 1e-4
        )
        and points[36, 0] < points[45, 0]
        and points[8, 1] < points[57, 1] < points[33, 1] < points[36, 1]
        and int((found[np.unique(labelled)][:, 2] > points[30, 2] + 2.0).sum()) < 20,
    }
    return [name for name, holds in facts.items() if not holds]


def _holds(check: Callable[[np.ndarray], None], points: np.ndarray) -> bool:
    try:
        check(points)
    except AssertionError:
        return False
    return True


def _close(found: np.ndarray, expected: np.ndarray) -> bool:
    return found.shape == expected.shape and bool(np.abs(found - expected).max() < 1e-3)
