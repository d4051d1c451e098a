"""2,000 sampled heads, measured with landmarks of the template and extreme points of the surface, as a person with a
calliper would, not with the generator's own points."""

import numpy as np
import pytest
from numpy.typing import NDArray

from synthgen.core.conventions import PARTS
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.template import evaluate_points

# Published means and standard deviations of men and women, mm: NIOSH 2003 survey (Zhuang & Bradtmiller 2005) and, for
# the last five, Farkas 1994.
PUBLISHED = {
    "menton_sellion": ((122.7, 7.0), (113.4, 6.1)),
    "subnasale_sellion": ((52.0, 4.1), (48.2, 3.8)),
    "bizygomatic": ((143.5, 6.9), (135.1, 6.5)),
    "bigonial": ((120.4, 10.4), (110.1, 8.9)),
    "minimum_frontal": ((105.5, 5.7), (102.9, 5.4)),
    "head_breadth": ((153.0, 6.0), (146.8, 5.6)),
    "head_length": ((197.3, 7.4), (187.5, 7.2)),
    "interpupillary": ((64.5, 3.6), (61.9, 3.5)),
    "nose_breadth": ((36.6, 4.1), (33.2, 3.9)),
    "nose_protrusion": ((21.1, 2.7), (19.8, 2.7)),
    "lip_length": ((51.1, 4.2), (48.0, 4.0)),
    "intercanthal": ((33.3, 2.7), (31.8, 2.3)),
    "biocular": ((91.2, 3.0), (87.8, 3.2)),
    "upper_lip_height": ((22.3, 2.1), (20.1, 2.0)),
    "upper_vermilion": ((8.0, 1.4), (8.7, 1.3)),
    "lower_vermilion": ((9.3, 1.6), (9.4, 1.5)),
}
# Correlations within one sex that the generator's table states; the mixture of the sexes adds to them.
WITHIN_SEX = {
    ("menton_sellion", "subnasale_sellion"): 0.55,
    ("bizygomatic", "bigonial"): 0.55,
    ("bizygomatic", "head_breadth"): 0.65,
    ("bizygomatic", "minimum_frontal"): 0.55,
    ("interpupillary", "biocular"): 0.65,
    ("interpupillary", "intercanthal"): 0.55,
    ("head_breadth", "head_length"): 0.25,
    ("nose_breadth", "lip_length"): 0.30,
}


def mixed(name: str) -> tuple[float, float]:
    """Mean and standard deviation of a population of as many women as men."""
    (male, male_sd), (female, female_sd) = PUBLISHED[name]
    variance = (male_sd**2 + female_sd**2) / 2 + (male - female) ** 2 / 4
    return (male + female) / 2, variance**0.5


def mixed_correlation(first: str, second: str) -> float:
    """Correlation in the mixed population."""

    def within(name: str) -> float:
        (_, male_sd), (_, female_sd) = PUBLISHED[name]
        return ((male_sd**2 + female_sd**2) / 2) ** 0.5

    def half(name: str) -> float:
        return (PUBLISHED[name][0][0] - PUBLISHED[name][1][0]) / 2

    covariance = WITHIN_SEX[first, second] * within(first) * within(second) + half(first) * half(second)
    return covariance / (mixed(first)[1] * mixed(second)[1])


def widest(mean: NDArray, low: tuple[float, float], high: tuple[float, float]) -> int:
    """Vertex with the largest x in a window of (y, z)."""
    inside = (mean[:, 1] > low[0]) & (mean[:, 2] > low[1]) & (mean[:, 1] < high[0]) & (mean[:, 2] < high[1])
    return int(np.where(inside, mean[:, 0], -np.inf).argmax())


def mirrored(mean: NDArray, vertex: int) -> int:
    """Vertex at the mirror image of another."""
    return int(np.linalg.norm(mean - mean[vertex] * [-1, 1, 1], axis=1).argmin())


def measurements(model: MorphableModel, heads: NDArray) -> dict[str, NDArray]:
    """Each published measurement of every head (N, V, 3)."""
    mean, template = model.mean, model.template
    points = evaluate_points(template.landmarks["ibug68"], template.triangles, heads)
    midline = np.flatnonzero(np.abs(mean[:, 0]) < 1e-3)
    middle = mean[midline]

    def on_midline(sign: float, low: float, high: float, back: bool = False) -> NDArray:
        allowed = (middle[:, 1] > low) & (middle[:, 1] < high) & ((middle[:, 2] < 0) == back)
        return heads[:, midline[np.where(allowed, sign * middle[:, 2], -np.inf).argmax()]]

    def distance(first: NDArray, second: NDArray) -> NDArray:
        return np.linalg.norm(first - second, axis=-1)

    def breadth(vertex: int) -> NDArray:
        return distance(heads[:, vertex], heads[:, mirrored(mean, vertex)])

    sellion = on_midline(-1.0, 12.0, 30.0)
    subnasale, stomion = points[:, 33], points[:, [62, 66]].mean(axis=1)
    nose = np.unique(
        template.triangles[: template.label_count][template.parts[: template.label_count] == PARTS.index("nose")]
    )
    wings = nose[(mean[nose, 1] < -15.0) & (mean[nose, 2] > mean_points(model)[33, 2] - 7.0)]
    alare = int(wings[mean[wings, 0].argmax()])
    eyes = []
    for corners in ((36, 39), (42, 45)):
        lids = 0.5 * (mean_points(model)[corners[0]] + mean_points(model)[corners[1]])
        eyes.append(globe_near(model, lids))
    return {
        "menton_sellion": distance(points[:, 8], sellion),
        "subnasale_sellion": distance(subnasale, sellion),
        "bizygomatic": breadth(widest(mean, (-6.0, 20.0), (9.0, 45.0))),
        "bigonial": breadth(widest(mean, (-62.0, 6.0), (-56.0, 20.0))),
        "minimum_frontal": breadth(widest(mean, (42.0, 69.0), (48.0, 75.0))),
        "head_breadth": 2.0 * np.where(np.abs(mean[:, 1] - 60.0) < 15.0, np.abs(heads[..., 0]), 0.0).max(axis=1),
        "head_length": distance(on_midline(1.0, 30.0, 48.0), on_midline(-1.0, 20.0, 70.0, back=True)),
        "interpupillary": distance(heads[:, eyes[0]].mean(axis=1), heads[:, eyes[1]].mean(axis=1)),
        "nose_breadth": breadth(alare),
        "nose_protrusion": distance(on_midline(1.0, -24.0, 0.0), subnasale),
        "lip_length": distance(points[:, 48], points[:, 54]),
        "intercanthal": distance(points[:, 39], points[:, 42]),
        "biocular": distance(points[:, 36], points[:, 45]),
        "upper_lip_height": distance(subnasale, stomion),
        "upper_vermilion": distance(points[:, 51], stomion),
        "lower_vermilion": distance(points[:, 57], stomion),
    }


def mean_points(model: MorphableModel) -> NDArray:
    """Landmarks (68, 3) of the mean."""
    return evaluate_points(model.template.landmarks["ibug68"], model.template.triangles, model.mean)


def globe_near(model: MorphableModel, point: NDArray) -> NDArray:
    """Vertices of the eyeball behind a point: the chart islands that carry the eye label."""
    count = model.template.label_count
    island = model.template.uv[:count, :, 1].max(axis=1) < 0.2
    vertices = np.unique(model.template.triangles[:count][island])
    return vertices[np.sign(model.mean[vertices, 0]) == np.sign(point[0])]


@pytest.fixture(scope="module")
def table(head: MorphableModel, sampled_heads: NDArray) -> dict[str, NDArray]:
    return measurements(head, sampled_heads)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_mean_is_published(table: dict[str, NDArray], name: str) -> None:
    assert table[name].mean() == pytest.approx(mixed(name)[0], abs=1.0)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_standard_deviation_is_published(table: dict[str, NDArray], name: str) -> None:
    assert table[name].std() == pytest.approx(mixed(name)[1], rel=0.15)


@pytest.mark.parametrize("pair", sorted(WITHIN_SEX))
def test_correlations(table: dict[str, NDArray], pair: tuple[str, str]) -> None:
    measured = np.corrcoef(table[pair[0]], table[pair[1]])[0, 1]
    assert measured == pytest.approx(mixed_correlation(*pair), abs=0.1)
