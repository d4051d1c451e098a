"""Photos of known heads, made by plain loops that share nothing with the fit: the truth of the alignment tests."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.geometry.rotation import rotation_from_euler
from synthgen.morphable.model import MorphableModel

Array = NDArray[np.float64]
SIZE = 450
FOCAL = 1100.0  # px, about 23 degrees across 450 px


@dataclass(frozen=True)
class HeadPhotos:
    """What was drawn: shapes, poses, and the 68 points in pixels."""

    identity: Array
    expression: Array
    rotation: Array
    points: Array
    sizes: NDArray[np.int32]
    perspective: bool


def draw_heads(
    model: MorphableModel,
    yaw_deg: Array,
    seed: int,
    perspective: bool = False,
    marched: bool = True,
    roll_deg: float = 8,
) -> HeadPhotos:
    """Random heads of a model at given yaws, with small random pitch, roll up to roll_deg, scale and place."""
    rng = np.random.default_rng(seed)
    count = len(yaw_deg)
    identity = rng.standard_normal((count, len(model.identity_basis))) * 0.8
    expression = np.zeros((count, len(model.expression_basis)))
    for row in range(count):
        chosen = rng.choice(expression.shape[1], 2, replace=False)
        expression[row, chosen] = rng.uniform(0.2, 0.7, 2)
    if "mouthClose" in model.expression_names:
        expression[:, model.expression_names.index("mouthClose")] = 0.0
    euler = np.deg2rad(
        np.stack([rng.uniform(-12, 12, count), yaw_deg, rng.uniform(-roll_deg, roll_deg, count)], axis=1)
    )
    points = np.empty((count, 68, 2))
    for row in range(count):
        rotation = rotation_from_euler(euler[row])
        vertices = model.mean.astype(np.float64)
        vertices = vertices + np.tensordot(identity[row], model.identity_basis, axes=1)
        vertices = vertices + np.tensordot(expression[row], model.expression_basis, axes=1)
        scale = rng.uniform(1.2, 1.8)
        place = rng.uniform(-25, 25, 2)

        def image(at: Array, rotation: Array = rotation, scale: float = scale, place: Array = place) -> Array:
            x, y, z = at @ rotation.T[:, 0], at @ rotation.T[:, 1], at @ rotation.T[:, 2]
            if perspective:
                depth = FOCAL / scale - z
                return np.stack(
                    [
                        SIZE / 2 + FOCAL * (x + place[0] / scale) / depth,
                        SIZE / 2 - FOCAL * (y - place[1] / scale) / depth,
                    ],
                    axis=-1,
                )
            return np.stack([SIZE / 2 + place[0] + scale * x, SIZE / 2 + place[1] - scale * y], axis=-1)

        points[row] = _landmarks(model, vertices, image, euler[row], marched)
    return HeadPhotos(
        identity, expression, rotation_from_euler(euler), points, np.full((count, 2), SIZE, np.int32), perspective
    )


def _landmarks(model: MorphableModel, vertices: Array, image, euler: Array, marched: bool) -> Array:
    """(68, 2): fixed points, and far-side jaw points at the outermost vertex of their line."""
    landmarks = model.template.landmarks["ibug68"]
    found = np.empty((68, 2))
    for point in range(68):
        corners = vertices[model.template.triangles[landmarks.triangle[point]]]
        found[point] = image(landmarks.barycentric[point].astype(np.float64) @ corners)
    if not marched:
        return found
    # Take the roll away from the picture, then "outermost" is the least or largest x.
    cos, sin = np.cos(euler[2]), np.sin(euler[2])
    far = range(9, 17) if euler[1] > 0 else range(8)
    for point in far:
        line = [vertex for vertex in model.template.contours[point] if vertex >= 0]
        if line:
            places = [image(vertices[vertex]) for vertex in line]
            upright = [cos * place[0] - sin * place[1] for place in places]
            found[point] = places[int(np.argmax(upright) if euler[1] > 0 else np.argmin(upright))]
    return found


def angle_between_deg(first: Array, second: Array) -> Array:
    """(N,) degrees between rotations (N, 3, 3)."""
    cosine = (np.einsum("nij,nij->n", first, second) - 1.0) / 2.0
    return np.rad2deg(np.arccos(np.clip(cosine, -1.0, 1.0)))


def vertex_error_mm(model: MorphableModel, fitted: tuple[Array, Array], photos: HeadPhotos) -> Array:
    """(N,) mean distance of label-carrying vertices after the best translation, mm."""
    used = np.unique(model.template.triangles[: model.template.label_count])
    error = np.tensordot(fitted[0] - photos.identity, model.identity_basis[:, used], axes=1)
    error = error + np.tensordot(fitted[1] - photos.expression, model.expression_basis[:, used], axes=1)
    error -= error.mean(axis=1, keepdims=True)
    return np.linalg.norm(error, axis=-1).mean(axis=1)
