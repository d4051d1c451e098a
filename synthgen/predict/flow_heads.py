"""Landmarks from flow to the mean face: the head that explains it (dfc section 3.4)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import AssetError
from synthgen.fittings.fit_flow import FlowFitOptions, fit_flow
from synthgen.fittings.flow_set import FlowPicture, match_weight
from synthgen.fittings.photo_crop import fitted_landmarks
from synthgen.morphable.model import MorphableModel

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PredictedFlow:
    """Flow (N, H, W, 2) and matchability (N, H, W) that a network gave, as fit_flow reads it."""

    flow: NDArray[np.float32]
    matchability: NDArray[np.float32]

    @property
    def names(self) -> tuple[str, ...]:
        """Numbers."""
        return tuple(f"{number:05d}" for number in range(len(self.flow)))

    @property
    def photos(self) -> tuple[str, ...]:
        """None have a file."""
        return ("",) * len(self.flow)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.flow.shape[1], self.flow.shape[2]

    @property
    def clips(self) -> None:
        """None are frames of clips."""
        return

    def picture(self, row: int) -> FlowPicture:
        """The flow of one picture."""
        weight = match_weight(self.matchability[row], self.names[row])
        return FlowPicture(self.flow[row], weight, False, None, np.full((68, 2), np.nan), np.full(2, np.nan))


def flow_landmarks(
    flow: NDArray[np.float32], matchability: NDArray[np.float32], model: MorphableModel
) -> tuple[Array, list[str]]:
    """(N, 68, 2) px of heads fitted to flow (N, H, W, 2) px to the mean face, and for each why there are none, or "".

    matchability: (N, H, W) probability; half and more counts.
    """
    source = PredictedFlow(flow, matchability)
    points, reasons = np.full((len(flow), 68, 2), np.nan), [""] * len(flow)
    try:
        found = fit_flow(source, model, FlowFitOptions(skip_bad=True))
    except AssetError as error:
        return points, [str(error).splitlines()[-1].strip()] * len(flow)
    points[list(found.numbers)] = fitted_landmarks(found.fittings, model)
    for entry in found.skipped:
        reasons[source.names.index(entry.name)] = f"no head explains the flow: {entry.reason}"
    return points, reasons
