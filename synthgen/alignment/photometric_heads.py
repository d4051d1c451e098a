"""Heads with a camera and coefficients -> unknowns of a photometric fit, and back."""

import numpy as np

from synthgen.alignment.fit_landmarks import LandmarkFitter
from synthgen.alignment.jaw import jaw_rows
from synthgen.alignment.shape_space import ShapeSpace
from synthgen.alignment.solver import Array
from synthgen.alignment.unknowns import HeadUnknowns, project_points

Camera = tuple[Array, Array, float, Array]


def head_unknowns(
    space: ShapeSpace, perspective: bool, camera: Camera, identity: Array, expression: Array
) -> HeadUnknowns:
    """One head (N = 1) of free shape.

    camera: rotation (3, 3), translation (3,) mm, focal length, principal point (2,) px, as geometry.camera.Cameras.
    identity: (I,), expression: (E,), the model's units; numbers beyond the space's limits are brought back to them.
    """
    rotation, translation, focal, principal = camera
    inner = np.linalg.solve(space.mixing, np.asarray(expression, np.float64))
    shape = space.limited(np.concatenate([np.asarray(identity, np.float64), inner])[None])
    depth = max(float(translation[2]), 1.0) if perspective else 1.0
    return HeadUnknowns(
        perspective=perspective,
        rotation=np.asarray(rotation, np.float64)[None],
        translation=np.asarray(translation, np.float64)[None],
        focal=np.array([float(focal)]),
        principal=np.asarray(principal, np.float64)[None],
        shape=shape,
        unit=np.array([float(focal) / depth]),
        space=space,
        free_shape=True,
    )


def head_landmarks(fitter: LandmarkFitter, head: HeadUnknowns) -> Array:
    """(68, 2) px where the landmarks of a head (N = 1) appear, the jaw in the fitter's style."""
    table = fitter.basis.points(head.shape)
    image, _ = project_points(head, table)
    rows = jaw_rows(fitter.basis, fitter.options.jaw, head.rotation, table, image)
    return np.asarray(image[0][rows[0]], np.float64)


def landmark_error(fitter: LandmarkFitter, head: HeadUnknowns, points: Array) -> float:
    """Mean distance of a head's landmarks to annotated ones (68, 2) px over the distance of its outer eye corners seen
    from the front; 0 where no point is annotated or the head is not finite."""
    seen = np.isfinite(points).all(axis=1)
    if not seen.any():
        return 0.0
    table = fitter.basis.points(head.shape)
    _, depth = project_points(head, table)
    scale = head.focal[0] / depth[0, (36, 45)].mean() if head.perspective else head.focal[0]
    eyes = np.linalg.norm(table[0, 45] - table[0, 36]) * scale
    error = float(np.linalg.norm(head_landmarks(fitter, head)[seen] - points[seen], axis=1).mean() / eyes)
    return error if np.isfinite(error) else 0.0
