"""Where the head stands: scale and centre relative to the mean face's frontal landmark box."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable.model import MorphableModel
from synthgen.morphable.template import evaluate_points


@dataclass(frozen=True)
class FaceBox:
    """Frontal box of the 68 landmarks of the mean face.

    anchor: (3,) mm, world: box centre in x and y, mean landmark depth in z.
    side: mm, the larger side.
    """

    anchor: NDArray[np.float64]
    side: float


def mean_face_box(model: MorphableModel) -> FaceBox:
    """The box that `pose.scale` and `pose.translation` of a recipe refer to."""
    points = evaluate_points(model.template.landmarks["ibug68"], model.template.triangles, model.mean)
    low, high = points.min(axis=0), points.max(axis=0)
    anchor = np.array([*(low[:2] + high[:2]) / 2, points[:, 2].mean()], np.float64)
    return FaceBox(anchor, float((high[:2] - low[:2]).max()))
