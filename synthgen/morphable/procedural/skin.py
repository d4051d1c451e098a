"""The smooth skin under the features: a thin-plate-like interpolation of the control points over the chart."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from synthgen.morphable.procedural.chart import chart_from_world, proto_position
from synthgen.morphable.procedural.controls import LATERAL, MIDLINE

# The interpolation rounds off what the control points leave between them; exact interpolation would ripple.
SMOOTHING = 1500.0


@lru_cache(maxsize=1)
def _interpolator() -> RBFInterpolator:
    rows = [*MIDLINE, *LATERAL, *((-row[0], *row[1:]) for row in LATERAL)]
    targets = np.array([row[:3] for row in rows])
    chart = chart_from_world(targets)
    for number, row in enumerate(rows):
        if len(row) == 4:
            chart[number, 1] = row[3]
    proto = proto_position(chart[:, 0], chart[:, 1])
    return RBFInterpolator(proto, targets - proto, kernel="cubic", degree=1, smoothing=SMOOTHING)


def skin_position(theta: NDArray[np.float64], t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions (N, 3), mm, world space, of the featureless skin at chart coordinates theta (N,) and t (N,)."""
    proto = proto_position(theta, t)
    return proto + _interpolator()(proto)
