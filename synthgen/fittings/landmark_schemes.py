"""Landmark schemes in terms of iBUG's 68 points."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import AssetError
from synthgen.fittings.fitting import PhotoLandmarks

Array = NDArray[np.float64]

IBUG_POINTS = 68
# iBUG point <- the WFLW point at the same place.
_WFLW_SAME = {
    **{point: 2 * point for point in range(17)},
    17: 33,
    26: 46,
    **{27 + k: 51 + k for k in range(9)},
    36: 60, 39: 64, 42: 68, 45: 72,
    **{48 + k: 76 + k for k in range(20)},
}  # fmt: skip
# iBUG's brows are one line: x of WFLW's upper line, y halfway to its lower line.
_WFLW_BROWS = {18: (34, 41), 19: (35, 40), 20: (36, 39), 21: (37, 38), 22: (42, 50), 23: (43, 49), 24: (44, 48),
               25: (45, 47)}  # fmt: skip
# WFLW has three points on each lid where iBUG has two: two thirds of the outer one, one third of the middle one.
_WFLW_LIDS = {37: (61, 62), 38: (63, 62), 40: (65, 66), 41: (67, 66), 43: (69, 70), 44: (71, 70), 46: (73, 74),
              47: (75, 74)}  # fmt: skip
# iBUG point <- AFLW point that marks the same place. Ears, eye centres and the mouth's centre have no counterpart.
_AFLW21_SAME = {17: 0, 19: 1, 21: 2, 22: 3, 24: 4, 26: 5, 36: 6, 39: 8, 42: 9, 45: 11, 31: 13, 30: 14, 35: 15, 48: 17,
                54: 19, 8: 20}  # fmt: skip
_AFLW19_SAME = {17: 0, 19: 1, 21: 2, 22: 3, 24: 4, 26: 5, 36: 6, 39: 8, 42: 9, 45: 11, 31: 12, 30: 13, 35: 14, 48: 15,
                54: 17, 8: 18}  # fmt: skip


def ibug68_from_wflw98(points: NDArray[np.floating]) -> Array:
    """(..., 68, 2) from WFLW's (..., 98, 2), same unit.

    The conversion that public code uses, with 2/3 and 1/3 where it has 0.666 and 0.333, which moves eyelids towards
    the origin by a thousandth of their coordinates.
    """
    source = np.asarray(points, np.float64)
    converted = np.empty((*source.shape[:-2], IBUG_POINTS, 2))
    for target, same in _WFLW_SAME.items():
        converted[..., target, :] = source[..., same, :]
    for target, (upper, lower) in _WFLW_BROWS.items():
        converted[..., target, 0] = source[..., upper, 0]
        converted[..., target, 1] = (source[..., upper, 1] + source[..., lower, 1]) / 2.0
    for target, (near, middle) in _WFLW_LIDS.items():
        converted[..., target, :] = (2.0 * source[..., near, :] + source[..., middle, :]) / 3.0
    return converted


def as_ibug68(landmarks: PhotoLandmarks) -> PhotoLandmarks:
    """The same face in iBUG's 68 points, NaN and not visible where the scheme has none.

    ibug68 and wflw98 fill all points, aflw19 and aflw21 sixteen of them. Raises AssetError for other schemes.
    """
    if landmarks.scheme == "ibug68":
        return landmarks
    points = np.full((IBUG_POINTS, 2), np.nan)
    visible = np.zeros(IBUG_POINTS, np.bool_)
    if landmarks.scheme == "wflw98":
        points = ibug68_from_wflw98(landmarks.points)
        visible[list(_WFLW_SAME)] = landmarks.visible[list(_WFLW_SAME.values())]
        for target, pair in (_WFLW_BROWS | _WFLW_LIDS).items():
            visible[target] = landmarks.visible[list(pair)].all()
    elif landmarks.scheme in ("aflw19", "aflw21"):
        same = _AFLW19_SAME if landmarks.scheme == "aflw19" else _AFLW21_SAME
        points[list(same)] = landmarks.points[list(same.values())]
        visible[list(same)] = landmarks.visible[list(same.values())]
    else:
        raise AssetError(
            f"{landmarks.name}: landmarks of scheme {landmarks.scheme} have no counterpart among iBUG's 68; "
            "expected 68 or 98 points, or AFLW's 19 or 21"
        )
    return replace(landmarks, points=points, visible=visible, scheme="ibug68")
