"""The anisotropic loss against explicit covariances, and wing losses by hand."""

import math

import numpy as np
import pytest
import torch

from training.losses.adaptive_wing import adaptive_wing_loss
from training.losses.anisotropic import along_and_across, anisotropic_loss, anisotropic_weights, curve_tangents
from training.losses.landmark_curves import SCHEMES, CurveScheme
from training.losses.landmark_distance import landmark_distance
from training.losses.wing import wing_loss

LINE = CurveScheme(4, ((0, 1, 2),), (2,))


def points() -> torch.Tensor:
    """A level curve of three points, the last one a corner, and a point on no curve."""
    return torch.tensor([[[0.0, 0.0], [10.0, 0.0], [20.0, 0.0], [5.0, 30.0]]], dtype=torch.float64)


def test_weights_by_hand() -> None:
    """Along the curve 1 / 25, across it 1 / 9; corners and free points 1 in both directions (CONVENTIONS I)."""
    weights = anisotropic_weights(points(), LINE)[0]
    along = torch.tensor([[1 / 25, 0.0], [0.0, 1 / 9]], dtype=torch.float64)
    identity = torch.eye(2, dtype=torch.float64)
    torch.testing.assert_close(weights, torch.stack([along, along, identity, identity]))
    moved = points()
    moved[0, 0, 0] += 5.0  # one standard deviation along the curve
    moved[0, 1, 1] += 3.0  # one across it
    moved[0, 3] += torch.tensor([3.0, 4.0])
    assert anisotropic_loss(moved, points(), LINE).item() == pytest.approx(1.0 + 1.0 + 25.0)


def test_along_and_across_by_hand() -> None:
    """A curve to the right, whose middle point is off by (3, 4); its ends are corners."""
    scheme = CurveScheme(points=3, curves=((0, 1, 2),), corners=(0, 2))
    landmarks = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]])
    along, across = along_and_across(torch.tensor([[[3.0, 4.0]] * 3]), landmarks, scheme)
    assert along[0, 1].item() == pytest.approx(3.0) and across[0, 1].item() == pytest.approx(4.0)
    assert torch.isnan(along[0, [0, 2]]).all() and torch.isnan(across[0, [0, 2]]).all()


@pytest.mark.parametrize("name", sorted(SCHEMES))
def test_the_loss_is_a_mahalanobis_distance(name: str) -> None:
    """Against inverted covariances, built point by point with NumPy."""
    scheme = SCHEMES[name]
    random = np.random.default_rng(3)
    target, predicted = random.normal(size=(2, 2, scheme.points, 2)) * 20
    total = 0.0
    for sample in range(2):
        covariance = np.tile(np.eye(2), (scheme.points, 1, 1))
        for curve in scheme.curves:
            for place, number in enumerate(curve):
                before, after = curve[max(place - 1, 0)], curve[min(place + 1, len(curve) - 1)]
                tangent = target[sample, after] - target[sample, before]
                tangent /= np.linalg.norm(tangent)
                outer = np.outer(tangent, tangent)
                covariance[number] = 25.0 * outer + 9.0 * (np.eye(2) - outer)
        covariance[list(scheme.corners)] = np.eye(2)
        for number in range(scheme.points):
            difference = predicted[sample, number] - target[sample, number]
            total += difference @ np.linalg.inv(covariance[number]) @ difference
    found = anisotropic_loss(torch.from_numpy(predicted), torch.from_numpy(target), scheme)
    assert found.item() == pytest.approx(total / 2)


def test_schemes_name_each_point() -> None:
    for name, scheme in SCHEMES.items():
        named = {number for curve in scheme.curves for number in curve} | set(scheme.corners)
        assert named <= set(range(scheme.points)), name
        missing = set(range(scheme.points)) - named
        assert not missing, (name, missing)
        ends = [number for curve in scheme.curves for number in (curve[0], curve[-1])]
        shared = {number for number in ends if ends.count(number) > 1}
        on_two = shared - set(scheme.corners)
        # Only the ends of WFLW's upper brows begin two curves without being corners.
        assert on_two <= {33, 42}, name


def test_tangents_turn_with_the_face() -> None:
    scheme = SCHEMES["ibug68"]
    random = torch.Generator().manual_seed(0)
    target = torch.randn((1, 68, 2), generator=random, dtype=torch.float64) * 30
    turn = torch.tensor([[math.cos(0.7), -math.sin(0.7)], [math.sin(0.7), math.cos(0.7)]], dtype=torch.float64)
    turned = curve_tangents(target @ turn.T, scheme)
    torch.testing.assert_close(turned, curve_tangents(target, scheme) @ turn.T)
    predicted = target + torch.randn(target.shape, generator=random, dtype=torch.float64)
    plain = anisotropic_loss(predicted, target, scheme)
    torch.testing.assert_close(anisotropic_loss(predicted @ turn.T, target @ turn.T, scheme), plain)


def test_points_that_coincide_give_numbers() -> None:
    target = torch.zeros(1, 68, 2)
    predicted = torch.ones(1, 68, 2, requires_grad=True)
    loss = anisotropic_loss(predicted, target, SCHEMES["ibug68"])
    loss.backward()
    assert loss.item() == pytest.approx(2 * 68) and torch.isfinite(predicted.grad).all()


def test_wing_by_hand() -> None:
    zero = torch.zeros(1)
    assert wing_loss(torch.tensor([2.0]), zero).item() == pytest.approx(10 * math.log(2))
    offset = 10 - 10 * math.log(6)
    assert wing_loss(torch.tensor([25.0]), zero).item() == pytest.approx(25 - offset)
    near, beyond = (wing_loss(torch.tensor([10.0 + step]), zero).item() for step in (-1e-4, 1e-4))
    assert near == pytest.approx(beyond, abs=1e-3)


@pytest.mark.parametrize("truth", [0.0, 0.4, 1.0])
def test_adaptive_wing_meets_in_value_and_slope(truth: float) -> None:
    target = torch.tensor([truth], dtype=torch.float64)

    def at(error: float) -> tuple[float, float]:
        predicted = (target + error).requires_grad_()
        loss = adaptive_wing_loss(predicted, target)
        (slope,) = torch.autograd.grad(loss, predicted)
        return loss.item(), slope.item()

    (near, near_slope), (beyond, beyond_slope) = at(0.5 - 1e-7), at(0.5 + 1e-7)
    assert near == pytest.approx(beyond, abs=1e-4) and near_slope == pytest.approx(beyond_slope, rel=1e-4)
    assert at(0.2)[0] == pytest.approx(14 * math.log1p(0.2 ** (2.1 - truth)))
    assert math.isfinite(at(0.0)[1])


def test_isotropic_losses_by_hand() -> None:
    """Errors of 0.5 and 3 px: |x|, x^2, and half the square up to 1 px, |x| - 0.5 beyond."""
    zero, found = torch.zeros(1, 1, 2), torch.tensor([[[0.5, -3.0]]])
    assert landmark_distance("l1", found, zero).item() == pytest.approx((0.5 + 3.0) / 2)
    assert landmark_distance("l2", found, zero).item() == pytest.approx((0.25 + 9.0) / 2)
    assert landmark_distance("smooth_l1", found, zero).item() == pytest.approx((0.125 + 2.5) / 2)
    offset = 1.0 - math.log(3.0)
    expected = (math.log(2.0) + 3.0 - offset) / 2
    assert landmark_distance("wing", found, zero, (1.0, 0.5)).item() == pytest.approx(expected)


def test_directions_of_another_shape() -> None:
    """A level curve by the mean, whatever the picture's own points do."""
    upright = points().flip(-1)
    predicted = upright + torch.tensor([5.0, 3.0], dtype=torch.float64)
    found = anisotropic_loss(predicted, upright, LINE, curves=points())
    assert found.item() == pytest.approx(2 * (1.0 + 1.0) + 2 * 34.0)


def test_bright_pixels_of_a_map_count_more() -> None:
    """One bright pixel in a map of 5 x 5: it and its eight neighbours eleven times, the others once."""
    target = torch.zeros(1, 1, 5, 5)
    target[0, 0, 2, 2] = 1.0
    one = adaptive_wing_loss(target + 0.25, target, weight=10.0)
    centre = 14 * math.log1p(0.25**1.1)
    other = 14 * math.log1p(0.25**2.1)
    assert one.item() == pytest.approx((11 * centre + 8 * 11 * other + 16 * other) / 25, rel=1e-5)
