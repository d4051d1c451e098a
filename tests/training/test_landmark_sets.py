"""98 and 19 landmarks of the 68: what public conversions send them back to, and points by hand."""

import numpy as np
import pytest
import torch

from synthgen.fittings.landmark_schemes import ibug68_from_wflw98
from training.landmark_sets import LANDMARK_SETS
from training.losses.landmark_curves import SCHEMES
from training.networks.heatmap_net import brightest


def face() -> np.ndarray:
    """68 points, brows straight above the eyes."""
    points = np.random.default_rng(0).uniform(0, 100, (68, 2))
    for brows, eye in (((18, 19, 20, 21), slice(36, 42)), ((22, 23, 24, 25), slice(42, 48))):
        points[list(brows), 0] = points[eye, 0].mean()
    return points


def test_wflw_is_what_public_code_sends_to_the_68() -> None:
    points = face()
    np.testing.assert_allclose(ibug68_from_wflw98(LANDMARK_SETS[98].of(points)), points, atol=1e-4)


def test_a_jaw_on_a_parabola_stays_on_it() -> None:
    points = face()
    x = np.arange(17.0)
    points[:17] = np.stack([x, 0.3 * x**2 - 2 * x], axis=-1)
    jaw = LANDMARK_SETS[98].of(points)[:33]
    inner = jaw[2:31]
    np.testing.assert_allclose(inner[:, 0], np.arange(2, 31) / 2, atol=1e-5)
    np.testing.assert_allclose(inner[:, 1], 0.3 * inner[:, 0] ** 2 - 2 * inner[:, 0], atol=1e-4)


def test_aflw_by_hand() -> None:
    points = face()
    found = LANDMARK_SETS[19].of(points)
    np.testing.assert_allclose(found[[0, 6, 8, 13, 18]], points[[17, 36, 39, 30, 8]], rtol=1e-6)
    np.testing.assert_allclose(found[7], points[36:42].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found[16], points[60:68].mean(axis=0), rtol=1e-6)


def test_sets_fit_their_curves() -> None:
    for chosen in LANDMARK_SETS.values():
        assert SCHEMES[chosen.name].points == chosen.points
        np.testing.assert_allclose(chosen.weights.sum(axis=1), 1.0)
        assert chosen.eyes[0] in SCHEMES[chosen.name].corners and chosen.eyes[1] in SCHEMES[chosen.name].corners
    assert LANDMARK_SETS[68].of(face()) == pytest.approx(face())


def test_the_brightest_of_a_map_by_hand() -> None:
    maps = torch.zeros(1, 2, 8, 12)
    maps[0, 0, 3, 5], maps[0, 0, 3, 6] = 0.75, 0.25
    maps[0, 1, 7, 0], maps[0, 1, 0, 11] = 1.0, 0.9  # the second one is far away, and counts nothing
    torch.testing.assert_close(brightest(maps), torch.tensor([[[5.75, 3.5], [0.5, 7.5]]]))
