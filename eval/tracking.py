"""Deformable tracking: an aligner that refines points from a start, and where the starts of a video's frames come from.

dfc section 4.2 and densereg section 4.4: a sparse aligner fails where its start is far off; dense correspondence gives
every frame a start of its own, so that nothing drifts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]
# picture (H, W, 3), initial points (68, 2) px -> points (68, 2) px.
Aligner = Callable[[Picture, Floats], Floats]
# picture, number of the frame -> points (68, 2) px to begin with, None where nothing is found.
Starter = Callable[[Picture, int], Floats | None]
Mode = Literal["per frame", "warm"]


@dataclass(frozen=True)
class Track:
    """points: (F, 68, 2) px; starts: (F, 68, 2) px, what the aligner began with; restarts: frames at which the starter
    was asked."""

    points: Floats
    starts: Floats
    restarts: tuple[int, ...]


def track(pictures: Sequence[Picture], aligner: Aligner, starter: Starter, mode: Mode, fallback: Floats) -> Track:
    """The points of every frame of a clip.

    mode: "per frame" asks the starter at every frame, "warm" at the first one and wherever the points of the frame
    before are not finite or left the picture; else those are the start. fallback: (68, 2), the start where the starter
    finds nothing.
    """
    points, starts, restarts = [], [], []
    before: Floats | None = None
    for frame, picture in enumerate(pictures):
        start = before if mode == "warm" and before is not None and is_inside(before, picture) else None
        if start is None:
            restarts.append(frame)
            found = starter(picture, frame)
            start = fallback if found is None or not np.isfinite(found).all() else found
        before = np.asarray(aligner(picture, start), np.float64)
        starts.append(start)
        points.append(before)
    return Track(np.stack(points), np.stack(starts), tuple(restarts))


def is_inside(points: Floats, picture: Picture) -> bool:
    """Whether points are finite and their middle lies in the picture."""
    if not np.isfinite(points).all():
        return False
    middle = points.mean(axis=0)
    return bool((middle >= 0).all() and (middle <= (picture.shape[1], picture.shape[0])).all())


def unaligned(picture: Picture, start: Floats) -> Floats:
    """The aligner that does nothing: shows what the starts alone are worth."""
    return start
