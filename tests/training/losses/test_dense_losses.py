"""dfc's and densereg's losses: hand-computed pixels, and the way from values to bins and back."""

import math

import pytest
import torch

from training.losses.flow_matchability import flow_matchability_loss
from training.losses.quantised_regression import (
    IGNORED,
    Quantised,
    dequantise,
    mean_cross_entropy,
    quantise,
    quantised_regression_loss,
)


def test_flow_counts_where_pixels_match() -> None:
    flow = torch.zeros(1, 2, 1, 3)
    truth = torch.tensor([[[[3.0, 6.0, float("nan")]], [[4.0, 8.0, float("nan")]]]])
    matchable = torch.tensor([[[True, False, False]]])
    logits = torch.tensor([[[[0.0, 0.0, 2.0]], [[0.0, 0.0, 0.0]]]])
    found = flow_matchability_loss(flow, logits, truth, matchable, weight=0.5)
    assert found.flow.item() == pytest.approx(25 / 3)
    entropy = (math.log(2) + math.log(2) + math.log1p(math.exp(-2))) / 3
    assert found.matchability.item() == pytest.approx(entropy)
    assert found.total.item() == pytest.approx(25 / 3 + 0.5 * entropy)
    length = flow_matchability_loss(flow, logits, truth, matchable, weight=0.5, squared=False)
    assert length.flow.item() == pytest.approx(5 / 3, abs=0.004)
    assert length.matchability.item() == found.matchability.item()


@pytest.mark.parametrize("squared", [True, False])
def test_unused_pixels_count_nothing_and_nan_gives_no_gradient(squared: bool) -> None:
    flow = torch.zeros(1, 2, 1, 2, requires_grad=True)
    logits = torch.zeros(1, 2, 1, 2, requires_grad=True)
    truth = torch.full((1, 2, 1, 2), float("nan"))
    truth[..., 0] = 2.0
    matchable = torch.tensor([[[True, False]]])
    used = torch.tensor([[[True, False]]])
    found = flow_matchability_loss(flow, logits, truth, matchable, used=used, squared=squared)
    assert found.flow.item() == pytest.approx(8.0 if squared else math.sqrt(8.0), abs=0.01)
    assert found.matchability.item() == pytest.approx(math.log(2))
    found.total.backward()
    assert torch.isfinite(flow.grad).all() and not flow.grad[..., 1].any()
    assert logits.grad[..., 0].abs().sum() > 0 and not logits.grad[..., 1].any()


@pytest.mark.parametrize("bins", [1, 5, 10, 40])
def test_values_survive_bins(bins: int) -> None:
    values = torch.linspace(0.0, 1.0, 301, dtype=torch.float64).reshape(1, 7, 43)
    values[0, 3, 5:9] = float("nan")
    target = quantise(values, bins)
    assert target.bin.min() == 0 and target.bin.max() == bins
    face = torch.isfinite(values)
    assert ((target.bin == 0) == ~face).all()
    assert (target.residual >= 0).all() and (target.residual <= 1).all()
    logits = torch.nn.functional.one_hot(target.bin, bins + 1).permute(0, 3, 1, 2).double()
    residuals = target.residual[:, None].expand(1, bins, 7, 43)
    torch.testing.assert_close(dequantise(logits, residuals), values, equal_nan=True)
    middles = dequantise(logits, residuals, centres=True)
    assert (middles - values)[face].abs().max() <= 0.5 / bins + 1e-12


def test_bins_by_hand() -> None:
    values = torch.tensor([[[0.0, 0.25, 0.999, 1.0, float("nan"), 0.5]]], dtype=torch.float64)
    ignored = torch.tensor([[[False, False, False, False, False, True]]])
    target = quantise(values, 4, ignored)
    assert target.bin.tolist() == [[[1, 2, 4, 4, 0, IGNORED]]]
    assert target.residual[0, 0, :4].tolist() == pytest.approx([0.0, 0.0, 0.996, 1.0])


def test_only_the_responsible_regressor_is_penalised() -> None:
    target = Quantised(torch.tensor([[[2, 0, IGNORED]]]), torch.tensor([[[0.5, 0.0, 0.9]]]))
    logits = torch.zeros(1, 3, 1, 3, requires_grad=True)
    residuals = torch.zeros(1, 2, 1, 3, requires_grad=True)
    found = quantised_regression_loss(logits, residuals, target, weight=40.0)
    assert found.classification.item() == pytest.approx(math.log(3))
    assert found.regression.item() == pytest.approx(0.5 * 0.25)  # smooth L1 of one pixel
    assert found.total.item() == pytest.approx(math.log(3) + 5.0)
    found.total.backward()
    touched = residuals.grad.nonzero().tolist()
    assert touched == [[0, 1, 0, 0]]
    assert not logits.grad[..., 2].any()


def test_pictures_without_a_face_have_a_loss() -> None:
    target = quantise(torch.full((1, 2, 2), float("nan")), 10)
    found = quantised_regression_loss(torch.zeros(1, 11, 2, 2), torch.zeros(1, 10, 2, 2), target)
    assert found.regression.item() == 0.0 and found.total.item() == pytest.approx(math.log(11))


def test_smooth_l1_of_a_residual_by_hand() -> None:
    """One pixel of ten bins whose residual is 0.8 of a bin off: by bin, by coordinate, and with sigma 3."""
    target = quantise(torch.tensor([[[0.35]]]), 10)
    logits, residuals = torch.zeros(1, 11, 1, 1), torch.zeros(1, 10, 1, 1)
    residuals[0, 3] = 0.5 + 0.8
    plain = quantised_regression_loss(logits, residuals, target, 40.0)
    assert plain.classification.item() == pytest.approx(math.log(11))
    assert plain.regression.item() == pytest.approx(0.5 * 0.8**2, rel=1e-4)
    by_coordinate = quantised_regression_loss(logits, residuals, target, 40.0, by_coordinate=True)
    assert by_coordinate.regression.item() == pytest.approx(0.5 * 0.08**2, rel=1e-3)
    steep = quantised_regression_loss(logits, residuals, target, 40.0, sigma=3.0)
    assert steep.regression.item() == pytest.approx(0.8 - 0.5 / 9, rel=1e-4)
    assert plain.total.item() == pytest.approx(math.log(11) + 40 * 0.5 * 0.8**2, rel=1e-4)


def test_entropy_without_ignored_pixels() -> None:
    logits = torch.zeros(1, 2, 1, 3)
    logits[0, 1, 0, 2] = 100.0
    classes = torch.tensor([[[0, 1, IGNORED]]])
    assert mean_cross_entropy(logits, classes).item() == pytest.approx(math.log(2))
