"""The ICT-FaceKit release in memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class IctArrays:
    """The release in its own unit and indices.

    neutral: (V, 3) cm; identity_deltas: (I, V, 3), expression_deltas: (E, V, 3) cm, target minus neutral;
    polygons: (P, 4) int32, -1 pads triangles; expression_names: E names.
    """

    neutral: NDArray[np.floating]
    identity_deltas: NDArray[np.floating]
    expression_deltas: NDArray[np.floating]
    expression_names: tuple[str, ...]
    polygons: NDArray[np.int32]
