"""The face that the tests write in foreign layouts, and the checks that an imported model must pass.

It is the built-in head's face with a rim of skin and its eyeballs: arrays only, so that what a writer stores and what
the reader should find are known to the last digit.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable.model import MorphableModel
from synthgen.morphable.procedural.build import build_procedural_model
from synthgen.morphable.template import evaluate_points

BACK, NECK = 20.0, -105.0  # z and y, mm, where the fixture's face ends


@dataclass(frozen=True)
class Face:
    """mean: (V, 3) mm; triangles: (T, 3), 0-based, counter-clockwise; landmarks: (68,) vertices.

    identity: (I, V, 3), expression: (E, V, 3) mm per standard deviation.
    """

    mean: NDArray[np.float64]
    triangles: NDArray[np.int64]
    landmarks: NDArray[np.int64]
    identity: NDArray[np.float64]
    expression: NDArray[np.float64]

    def flat(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """(3V,) of (V, 3), or (3V, K) of (K, V, 3): x0, y0, z0, x1, ... down a column."""
        if points.ndim == 2:
            return points.reshape(-1).astype(np.float64)
        return points.reshape(len(points), -1).T.astype(np.float64)


@cache
def built_in_face() -> Face:
    model = build_procedural_model("base")
    template, mean = model.template, model.mean.astype(np.float64)
    points = template.landmarks["ibug68"]
    heaviest = template.triangles[points.triangle][np.arange(68), points.barycentric.argmax(axis=1)]
    centre = mean[template.triangles].mean(axis=1)
    # Labelled triangles, and what surrounds them in front: a rim of skin, lips inside, whole eyeballs.
    kept = (centre[:, 2] > BACK) & (centre[:, 1] > NECK)
    kept[: template.label_count] = True
    triangles = template.triangles[kept].astype(np.int64)
    vertices, local = np.unique(triangles, return_inverse=True)
    place = np.full(len(mean), -1)
    place[vertices] = np.arange(len(vertices))
    return Face(
        mean[vertices],
        local.reshape(-1, 3),
        place[heaviest],
        model.identity_basis[:, vertices].astype(np.float64),
        0.25 * model.expression_basis[:, vertices].astype(np.float64),
    )


def orthonormal(basis: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Orthonormal columns (3V, K) and standard deviations (K,) whose products span what `basis` (K, V, 3) spans."""
    columns, sizes = np.linalg.qr(basis.reshape(len(basis), -1).T)
    return columns, np.abs(np.diag(sizes))


def check_unit(model: MorphableModel, face: Face) -> None:
    np.testing.assert_allclose(model.mean, face.mean, atol=2e-4)


def check_stddev(model: MorphableModel, face: Face) -> None:
    np.testing.assert_allclose(model.identity_basis[: len(face.identity)], face.identity, atol=2e-4)
    np.testing.assert_allclose(model.expression_basis[: len(face.expression)], face.expression, atol=2e-4)


def check_index_base(model: MorphableModel, face: Face) -> None:
    """Every triangle of ours is one of the face's, whichever way it turns, and the landmarks are the face's."""
    written = {tuple(sorted(row)) for row in face.triangles.tolist()}
    assert {tuple(sorted(row)) for row in model.template.triangles.tolist()} <= written
    assert len(model.template.triangles) > 0.99 * len(face.triangles)


def check_winding(model: MorphableModel, face: Face) -> None:
    corners = model.mean[model.template.triangles].astype(np.float64)
    near_nose = np.linalg.norm(corners.mean(axis=1) - face.mean[face.landmarks[30]], axis=1) < 15.0
    assert np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[near_nose, 2].mean() > 0


def check_landmarks(model: MorphableModel, face: Face) -> None:
    template = model.template
    points = evaluate_points(template.landmarks["ibug68"], template.triangles, model.mean)
    np.testing.assert_allclose(points, face.mean[face.landmarks], atol=2e-4)
    assert (template.landmarks["ibug68"].triangle < template.label_count).mean() > 0.7


CHECKS = {
    "unit": check_unit,
    "stddev": check_stddev,
    "index base": check_index_base,
    "winding": check_winding,
    "landmarks": check_landmarks,
}
