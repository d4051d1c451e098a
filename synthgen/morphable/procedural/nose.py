"""The nose: dorsum, tip, alae, columella and nostrils, added to the skin as height over the frontal plane."""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from synthgen.morphable.procedural.blend import ellipsoid_height, gauss, smooth_max

# (y, ridge z, half width) of the dorsum from the sellion to the supratip, mm.
DORSUM = (
    (34.0, 96.0, 9.0), (21.5, 91.6, 8.0), (15.0, 96.2, 7.0), (6.0, 103.6, 7.5), (-4.0, 111.0, 8.0), (-11.0, 116.2, 8.5),
    (-16.5, 118.5, 8.5), (-20.5, 115.0, 7.0), (-25.5, 106.0, 6.0), (-34.0, 94.0, 6.0),
)  # fmt: skip
DORSUM_DROP = 6.0
TIP = ((0.0, -16.4, 110.2), (10.0, 9.3, 11.3))
ALA = ((11.8, -21.2, 98.5), (6.1, 6.8, 10.5))
COLUMELLA = ((0.0, -22.6, 104.5), (3.8, 4.8, 9.5))
NOSTRIL = (6.6, -24.6)


def add_nose(position: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions (N, 3), mm, of the skin with the nose on it."""
    x, y, z = position.T
    table = np.array(DORSUM)[::-1]
    here = (np.abs(x) < 32.0) & (y < 40.0) & (y > -42.0) & (z > 40.0)
    ridge = PchipInterpolator(table[:, 0], table[:, 1])(np.clip(y, -34.0, 34.0))
    width = PchipInterpolator(table[:, 0], table[:, 2])(np.clip(y, -34.0, 34.0))
    dorsum = ridge - DORSUM_DROP * (np.sqrt(1.0 + 2.0 * (x / width) ** 2 + (x / width) ** 4) - 1.0)
    dorsum = dorsum - 0.5 * np.maximum(y - 21.5, 0.0) ** 1.5
    height = smooth_max(z, dorsum, 7.0)
    height = smooth_max(height, ellipsoid_height(x, y, *TIP), 5.0)
    height = smooth_max(height, ellipsoid_height(x, y, *COLUMELLA), 3.0)
    ala_centre, ala_radii = ALA
    ala = ellipsoid_height(np.abs(x), y, ala_centre, ala_radii)
    # The ala meets the tip softly and the cheek in a crease.
    ala_on_nose = smooth_max(height, ala, 2.5)
    height = np.where(here, ala_on_nose, z)
    pit = np.where(here, gauss((np.abs(x) - NOSTRIL[0]) / 2.7, (y - NOSTRIL[1]) / 2.2), 0.0)
    return np.stack([x, y + 3.0 * pit, height - 7.0 * pit], axis=1)
