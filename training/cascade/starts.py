"""Where a cascade starts: the mean shape in a detector's box, or near the truth as densereg's landmarks are."""

import numpy as np
from numpy.typing import NDArray

from synthgen.predict.landmark_shapes import LandmarkShapes

Array = NDArray[np.float64]

# Of a detector's box against that of the landmarks: standard deviations of its middle and of its side, in sides.
_BOX_SHIFT, _BOX_SCALE = 0.05, 0.08
# Of densereg's landmarks about the truth, in sizes of the shape: of all together, of each; of the turn, rad; of the
# scale; of the coefficients, in their standard deviations.
_SHIFT, _POINT, _TURN, _SCALE, _COEFFICIENT = 0.06, 0.06, 0.06, 0.06, 0.3


def box_starts(truth: Array, shapes: LandmarkShapes, random: np.random.Generator | None) -> Array:
    """(N, K, 2) px: the mean shape, upright, in the box of each face's landmarks (N, K, 2); random: how a detector
    misses that box, None for the box itself."""
    low, high = truth.min(axis=1), truth.max(axis=1)
    middle, side = (low + high) / 2.0, (high - low).max(axis=1)
    if random is not None:
        middle = middle + _BOX_SHIFT * side[:, None] * random.standard_normal(middle.shape)
        side = side * np.exp(_BOX_SCALE * random.standard_normal(side.shape))
    extent = shapes.mean.min(axis=0), shapes.mean.max(axis=0)
    centred = shapes.mean - (extent[0] + extent[1]) / 2.0
    scale = side / (extent[1] - extent[0]).max()
    return middle[:, None] + scale[:, None, None] * centred


def near_starts(truth: Array, shapes: LandmarkShapes, random: np.random.Generator) -> Array:
    """(N, K, 2) px: shapes near the truth, as those that a dense regressor finds are."""
    count, landmarks = truth.shape[:2]
    middle = truth.mean(axis=1, keepdims=True)
    size = np.sqrt(((truth - middle) ** 2).sum(axis=-1).mean(axis=1))[:, None, None]
    unit = (truth - middle) / size
    coefficients = _COEFFICIENT * shapes.stddev * random.standard_normal((count, len(shapes.stddev)))
    unit = unit + np.tensordot(coefficients, shapes.basis, axes=1)
    unit = unit + _POINT * random.standard_normal((count, landmarks, 2)) * random.random((count, 1, 1))
    turn = np.exp(_SCALE * random.standard_normal(count) + 1j * _TURN * random.standard_normal(count))
    turned = (unit[..., 0] + 1j * unit[..., 1]) * turn[:, None]
    shift = _SHIFT * random.standard_normal((count, 1, 2))
    return middle + size * (np.stack([turned.real, turned.imag], axis=-1) + shift)
