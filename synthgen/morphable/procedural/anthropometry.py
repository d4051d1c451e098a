"""Published adult head and face measurements: means, standard deviations, correlations.

One row per measurement: male mean and SD, female mean and SD (mm), source. The model stands for a population of as many
women as men, so the mixed variance also holds a quarter of the squared difference of the sexes. Correlations are within
one sex. Sources:

NIOSH: Zhuang & Bradtmiller 2005, Head-and-face anthropometric survey of U.S. respirator users, J Occup Environ Hyg 2,
    567-576 (2003 survey, 3,997 subjects).
FARKAS: Farkas 1994, Anthropometry of the Head and Face, 2nd edition, North American Caucasian adults.
ESTIMATE: typical size of within-sex correlations between neighbouring facial measurements in such surveys; no single
    table is quoted.

The rows were entered without the printed tables at hand: compare them with the sources before citing them from here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Measurement:
    """One measurement: name, male and female mean and SD in mm, and where the numbers were published."""

    name: str
    male_mean: float
    male_sd: float
    female_mean: float
    female_sd: float
    source: str

    @property
    def mean(self) -> float:
        """Mean of the mixed population, mm."""
        return 0.5 * (self.male_mean + self.female_mean)

    @property
    def half_difference(self) -> float:
        """Half the difference of the male and the female mean, mm."""
        return 0.5 * (self.male_mean - self.female_mean)

    @property
    def sd(self) -> float:
        """Standard deviation of the mixed population, mm."""
        within = 0.5 * (self.male_sd**2 + self.female_sd**2)
        return float(np.sqrt(within + self.half_difference**2))


MEASUREMENTS = (
    Measurement("face_length", 122.7, 7.0, 113.4, 6.1, "NIOSH menton-sellion length"),
    Measurement("nose_length", 52.0, 4.1, 48.2, 3.8, "NIOSH subnasale-sellion length"),
    Measurement("bizygomatic_breadth", 143.5, 6.9, 135.1, 6.5, "NIOSH bizygomatic breadth"),
    Measurement("bigonial_breadth", 120.4, 10.4, 110.1, 8.9, "NIOSH bigonial breadth"),
    Measurement("minimum_frontal_breadth", 105.5, 5.7, 102.9, 5.4, "NIOSH minimum frontal breadth"),
    Measurement("head_breadth", 153.0, 6.0, 146.8, 5.6, "NIOSH head breadth"),
    Measurement("head_length", 197.3, 7.4, 187.5, 7.2, "NIOSH head length"),
    Measurement("interpupillary_distance", 64.5, 3.6, 61.9, 3.5, "NIOSH interpupillary distance"),
    Measurement("nose_breadth", 36.6, 4.1, 33.2, 3.9, "NIOSH nose breadth"),
    Measurement("nose_protrusion", 21.1, 2.7, 19.8, 2.7, "NIOSH nose protrusion"),
    Measurement("lip_length", 51.1, 4.2, 48.0, 4.0, "NIOSH lip length"),
    Measurement("intercanthal_breadth", 33.3, 2.7, 31.8, 2.3, "FARKAS en-en"),
    Measurement("biocular_breadth", 91.2, 3.0, 87.8, 3.2, "FARKAS ex-ex"),
    Measurement("upper_lip_height", 22.3, 2.1, 20.1, 2.0, "FARKAS sn-sto"),
    Measurement("upper_vermilion", 8.0, 1.4, 8.7, 1.3, "FARKAS ls-sto"),
    Measurement("lower_vermilion", 9.3, 1.6, 9.4, 1.5, "FARKAS sto-li"),
)
NAMES = tuple(measurement.name for measurement in MEASUREMENTS)

# Within-sex correlations; pairs that are not listed follow from BASELINE.
BASELINE = 0.12
CORRELATIONS = (
    ("face_length", "nose_length", 0.55),
    ("face_length", "upper_lip_height", 0.35),
    ("nose_length", "upper_lip_height", 0.05),
    ("bizygomatic_breadth", "bigonial_breadth", 0.55),
    ("bizygomatic_breadth", "head_breadth", 0.65),
    ("bizygomatic_breadth", "minimum_frontal_breadth", 0.55),
    ("minimum_frontal_breadth", "head_breadth", 0.45),
    ("head_breadth", "head_length", 0.25),
    ("bigonial_breadth", "head_breadth", 0.35),
    ("bizygomatic_breadth", "interpupillary_distance", 0.40),
    ("interpupillary_distance", "biocular_breadth", 0.65),
    ("interpupillary_distance", "intercanthal_breadth", 0.55),
    ("intercanthal_breadth", "biocular_breadth", 0.50),
    ("nose_breadth", "lip_length", 0.30),
    ("nose_length", "nose_protrusion", 0.25),
    ("upper_vermilion", "lower_vermilion", 0.55),
)


def mixed_mean() -> NDArray[np.float64]:
    """Means (M,), mm, of the mixed population."""
    return np.array([measurement.mean for measurement in MEASUREMENTS])


def mixed_covariance() -> NDArray[np.float64]:
    """Covariance (M, M), mm^2, of the mixed population, positive definite."""
    count = len(MEASUREMENTS)
    correlation = np.full((count, count), BASELINE)
    np.fill_diagonal(correlation, 1.0)
    for first, second, value in CORRELATIONS:
        i, j = NAMES.index(first), NAMES.index(second)
        correlation[i, j] = correlation[j, i] = value
    values, vectors = np.linalg.eigh(correlation)
    correlation = (vectors * np.maximum(values, 0.02)) @ vectors.T
    scale = np.sqrt(np.diag(correlation))
    correlation = correlation / np.outer(scale, scale)
    within = np.array([np.sqrt(0.5 * (m.male_sd**2 + m.female_sd**2)) for m in MEASUREMENTS])
    between = np.array([m.half_difference for m in MEASUREMENTS])
    return correlation * np.outer(within, within) + np.outer(between, between)
