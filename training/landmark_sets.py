"""Other sets of landmarks than iBUG's 68, as weighted means of the 68: WFLW's 98 and AFLW's 19.

The pictures that we make carry the 68. AFLW's points are those of 3DDFA's public conversion (CONVENTIONS C3), without
ears. No template marks WFLW's 98: these are the points that `fittings.landmark_schemes.ibug68_from_wflw98` sends to the
68, with what it leaves open filled in: jaw and middle lid points by a cubic through their four neighbours, the two
lines of a brow on both sides of iBUG's one, pupils as the mean of the eye.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
IBUG_POINTS = 68

# Share of the way from a brow to the pupil by which each of its two lines lies above and below iBUG's.
BROW_HALF_WIDTH = 0.1
# Catmull and Rom's cubic halfway between the middle two of four points at equal distances.
_HALFWAY = (-1 / 16, 9 / 16, 9 / 16, -1 / 16)
_RIGHT_EYE, _LEFT_EYE = tuple(range(36, 42)), tuple(range(42, 48))

# AFLW-21 without its ears, 0-based; several points: their mean.
_AFLW19: tuple[tuple[int, ...], ...] = (
    (17,), (19,), (21,), (22,), (24,), (26,),
    (36,), _RIGHT_EYE, (39,), (42,), _LEFT_EYE, (45,),
    (31,), (30,), (35,),
    (48,), tuple(range(60, 68)), (54,),
    (8,),
)  # fmt: skip
# WFLW point <- the iBUG point at the same place.
_WFLW_SAME = {
    **{2 * point: point for point in range(17)},
    33: 17, 46: 26, 60: 36, 64: 39, 68: 42, 72: 45,
    **{51 + k: 27 + k for k in range(9)},
    **{76 + k: 48 + k for k in range(20)},
}  # fmt: skip
# (upper, lower) of WFLW's brows on both sides of an iBUG point.
_WFLW_BROWS = {18: (34, 41), 19: (35, 40), 20: (36, 39), 21: (37, 38), 22: (42, 50), 23: (43, 49), 24: (44, 48),
               25: (45, 47)}  # fmt: skip
# A lid from corner to corner in the 68, and its three inner points in the 98.
_WFLW_LIDS = {
    (36, 37, 38, 39): (61, 62, 63),
    (39, 40, 41, 36): (65, 66, 67),
    (42, 43, 44, 45): (69, 70, 71),
    (45, 46, 47, 42): (73, 74, 75),
}


@dataclass(frozen=True)
class LandmarkSet:
    """name: in the template's words; weights: (K, 68), rows that sum to 1; eyes: the outer corners, by whose distance
    errors are divided (CONVENTIONS I)."""

    name: str
    weights: Array
    eyes: tuple[int, int]

    @property
    def points(self) -> int:
        """K."""
        return len(self.weights)

    def of(self, landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
        """(..., K, 2) of the 68 landmarks (..., 68, 2), same unit."""
        if self.name == "ibug68":
            return np.array(landmarks, np.float32)
        return np.einsum("kj,...jc->...kc", self.weights, np.asarray(landmarks, np.float64)).astype(np.float32)


def _wflw98() -> Array:
    weights = np.zeros((98, IBUG_POINTS))
    for point, same in _WFLW_SAME.items():
        weights[point, same] = 1.0
    for point in range(16):
        around = [max(point - 1, 0), point, point + 1, min(point + 2, 16)]
        np.add.at(weights[2 * point + 1], around, _HALFWAY)
    for eye, pupil in ((_RIGHT_EYE, 96), (_LEFT_EYE, 97)):
        weights[pupil, list(eye)] = 1 / 6
    for point, (upper, lower) in _WFLW_BROWS.items():
        half = BROW_HALF_WIDTH * (weights[96 if point < 22 else 97] - np.eye(IBUG_POINTS)[point])
        weights[upper] = np.eye(IBUG_POINTS)[point] - half
        weights[lower] = np.eye(IBUG_POINTS)[point] + half
    for lid, (first, middle, last) in _WFLW_LIDS.items():
        weights[middle, list(lid)] = _HALFWAY
        for point, near in ((first, lid[1]), (last, lid[2])):
            # What 2/3 of it and 1/3 of the middle add up to iBUG's point.
            weights[point] = 1.5 * np.eye(IBUG_POINTS)[near] - 0.5 * weights[middle]
    return weights


def _aflw19() -> Array:
    weights = np.zeros((len(_AFLW19), IBUG_POINTS))
    for row, members in zip(weights, _AFLW19, strict=True):
        row[list(members)] = 1.0 / len(members)
    return weights


LANDMARK_SETS: dict[int, LandmarkSet] = {
    68: LandmarkSet("ibug68", np.eye(IBUG_POINTS), (36, 45)),
    98: LandmarkSet("wflw98", _wflw98(), (60, 72)),
    19: LandmarkSet("aflw19", _aflw19(), (6, 11)),
}
