"""Sampled skin against published colour measurements."""

import numpy as np
import pytest

from synthgen.core.seeds import Stream, rng
from synthgen.morphable.albedo.names import LAYER_NAMES
from synthgen.sampling.albedo import DARK_SKIN, absorbance, sample_albedo, sample_skin, skin_record

COUNT = 2000
# Linear sRGB to XYZ, D65 (IEC 61966-2-1).
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.9505, 1.0, 1.089])


def cielab(linear: np.ndarray) -> np.ndarray:
    ratio = linear @ XYZ.T / WHITE
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


@pytest.fixture(scope="module")
def cheeks() -> np.ndarray:
    """(COUNT, 3) linear albedo of a bare cheek: unit dermis and melanin, the cheek's blood, average pores."""
    density = np.zeros(len(LAYER_NAMES))
    for name, value in {"dermis": 1.0, "melanin": 1.0, "haemoglobin": 0.75, "pores": 0.5}.items():
        density[LAYER_NAMES.index(name)] = value
    samples = np.array([sample_albedo(rng(7, index, Stream.ALBEDO)) for index in range(COUNT)], np.float64)
    return np.exp(-np.einsum("k,nkc->nc", density, samples))


def test_cheeks_are_redder_than_green_and_greener_than_blue(cheeks: np.ndarray) -> None:
    assert (cheeks[:, 0] > cheeks[:, 1]).all()
    assert (cheeks[:, 1] > cheeks[:, 2]).all()


def test_cheeks_lie_in_the_measured_range(cheeks: np.ndarray) -> None:
    # Facial skin of 188 to 960 people of all groups (Xiao et al. 2017; IADR 2009 shade-guide clusters, darkest at
    # L* 26.7): L* about 25 to 76, a* about 5 to 22, b* about 8 to 27; a margin of two units for device differences.
    lightness, a, b = cielab(cheeks).T
    assert lightness.min() > 23
    assert lightness.max() < 80
    assert (a.min(), a.max()) == (pytest.approx(13, abs=9), pytest.approx(18, abs=6))
    assert (b.min(), b.max()) == (pytest.approx(12, abs=6), pytest.approx(24, abs=5))


def test_all_classes_of_skin_appear(cheeks: np.ndarray) -> None:
    # Individual typology angle (Chardon 1991): > 55 very light, 41-55 light, 28-41, 10-28, -30-10, < -30 dark.
    lightness, _, b = cielab(cheeks).T
    angle = np.degrees(np.arctan2(lightness - 50.0, b))
    share = np.histogram(angle, [-90, -30, 10, 28, 41, 55, 90])[0] / COUNT
    assert (share > 0.04).all(), share


def test_sampling_is_a_pure_function_of_the_generator() -> None:
    np.testing.assert_array_equal(sample_albedo(rng(1, 2, Stream.ALBEDO)), sample_albedo(rng(1, 2, Stream.ALBEDO)))
    assert not np.array_equal(sample_albedo(rng(1, 2, Stream.ALBEDO)), sample_albedo(rng(1, 3, Stream.ALBEDO)))


def test_absorbances_are_non_negative_and_as_many_as_layers() -> None:
    for index in range(200):
        sample = sample_albedo(rng(3, index, Stream.ALBEDO))
        assert sample.shape == (len(LAYER_NAMES), 3)
        assert sample.dtype == np.float32
        assert np.isfinite(sample).all()
        assert sample.min() >= 0


def test_dark_skin_has_dark_hair_and_brown_eyes() -> None:
    people = [sample_skin(rng(4, index, Stream.ALBEDO)) for index in range(500)]
    dark = [person for person in people if person.melanin >= DARK_SKIN]
    assert len(dark) > 50
    assert all(person.hair_darkness >= 0.75 and person.iris == 0 and person.hair_redness == 0 for person in dark)
    assert {person.iris for person in people} == {0, 1, 2, 3}


def test_bald_and_bearded_people_are_as_frequent_as_stated() -> None:
    people = [sample_skin(rng(5, index, Stream.ALBEDO)) for index in range(COUNT)]
    # Four standard errors of a share of 2000.
    assert np.mean([person.hair_cover == 0 for person in people]) == pytest.approx(0.12, abs=0.03)
    assert np.mean([person.stubble > 0 for person in people]) == pytest.approx(0.40, abs=0.045)


def test_more_melanin_is_darker_everywhere() -> None:
    person = sample_skin(rng(6, 0, Stream.ALBEDO))
    fair = absorbance(person.__class__(**(skin_record(person) | {"melanin": 0.2, "iris": 0})))
    dark = absorbance(person.__class__(**(skin_record(person) | {"melanin": 2.0, "iris": 0})))
    row = LAYER_NAMES.index("melanin")
    assert (dark[row] > fair[row]).all()
    np.testing.assert_allclose(dark[row], 10.0 * fair[row], rtol=1e-5)
