"""Numbers of the published models that fixtures hold and importers must give back (CONVENTIONS.md, section M)."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# M6: iBUG point (from 0) -> x, y, z of u_shp + u_exp, um.
BASEL_MEAN_UM = {
    30: (-114.9, -7999.3, 131937.2),
    8: (-99.7, -86363.9, 96279.8),
    36: (-43531.9, 25934.9, 87251.9),
    45: (42730.1, 25819.9, 87187.5),
}
BASEL_EYES_MM = 86.3  # A1: between the outer corners of the eyes
# M9, M10: texture coordinates; Basel's v runs up, Surrey's down. The chins: A8, A11.
BASEL_NOSE_UV, BASEL_CHIN_V = (0.5, 0.6217), 0.2445
SURREY_NOSE_UV, SURREY_CHIN_V = (0.5, 0.545), 0.926

_REACH_MM = 35.0


def moved_to_basel(positions: Array, landmarks: Array) -> Array:
    """(V, 3) mm: positions moved smoothly, by a centimetre and a little more or less, so that a mean whose landmarks
    (68, 3) are now elsewhere has those of BASEL_MEAN_UM."""
    points = list(BASEL_MEAN_UM)
    needed = np.array(list(BASEL_MEAN_UM.values())) / 1000.0 - landmarks[points]
    common, centres = needed.mean(axis=0), landmarks[points]

    def near(places: Array) -> Array:
        return np.exp(-((places[:, None] - centres) ** 2).sum(axis=-1) / (2.0 * _REACH_MM**2))

    return positions + common + near(positions) @ np.linalg.solve(near(centres), needed - common)


def check_basel_mean(points_mm: Array) -> None:
    """Of the 68 landmarks (68, 3) of a mean face: M6, and the distance of A1."""
    for point, expected in BASEL_MEAN_UM.items():
        np.testing.assert_allclose(points_mm[point], np.array(expected) / 1000.0, atol=2e-4, err_msg=str(point))
    assert abs(np.linalg.norm(points_mm[45] - points_mm[36]) - BASEL_EYES_MM) < 0.05
