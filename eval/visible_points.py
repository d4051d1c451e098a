"""Which of the 68 points of a face of known pose can be seen: those of the built-in mean face turned like it."""

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.core.conventions import CAMERA_FROM_WORLD, LANDMARK_VISIBLE
from synthgen.geometry.rotation import rotation_from_zhu_euler
from synthgen.labels.landmark_visibility import landmark_visibility, place_points
from synthgen.morphable.procedural.build import build_procedural_model

Array = NDArray[np.float64]

_SIDE, _PIXELS_PER_MM = 128, 0.5
_BATCH = 64


def mean_face_visibility(angles: Array) -> NDArray[np.bool_]:
    """(N, 68) whether the face itself leaves a point in view, for Zhu's pitch, yaw, roll (N, 3) in radians.

    The mean face stands for the person's: dfc takes visibility from the fitted mesh of each face, which needs its
    licensed model. Nothing else hides a point here.
    """
    model = build_procedural_model("base")
    triangles = torch.from_numpy(model.template.triangles)
    points = place_points(model.template.landmarks["ibug68"], triangles)
    face = model.template.triangles[: model.template.label_count]
    vertices = model.mean - model.mean[np.unique(face)].mean(axis=0)
    visible = np.empty((len(angles), 68), np.bool_)
    for start in range(0, len(angles), _BATCH):
        rotation = CAMERA_FROM_WORLD @ rotation_from_zhu_euler(angles[start : start + _BATCH])
        placed = np.einsum("nij,vj->nvi", rotation, vertices)
        placed[..., :2] = placed[..., :2] * _PIXELS_PER_MM + _SIDE / 2.0
        image = torch.from_numpy(placed.astype(np.float32))
        nothing = torch.zeros((len(image), _SIDE, _SIDE), dtype=torch.bool)
        codes = landmark_visibility(points, triangles, image, nothing, perspective=False)
        visible[start : start + _BATCH] = codes == LANDMARK_VISIBLE
    return visible
