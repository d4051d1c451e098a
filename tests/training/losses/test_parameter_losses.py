"""VDC, WPDC, fWPDC and dal2d's weights: hand-computed cases, and each fast form against its definition."""

import math
from dataclasses import replace

import pytest
import torch

from training.losses.joint import scaled_to, vanilla_joint
from training.losses.landmark_coefficients import coefficient_weights, landmark_consistency, weighted_coefficient_loss
from training.losses.landmark_regression import landmark_regression
from training.losses.parameter_distance import fwpdc_weights, weighted_parameter_distance, wpdc_weights
from training.losses.shape_model import DEPTH, ShapeModel, vertices
from training.losses.vertex_distance import vertex_distance


def model_of(count: int = 7, seed: int = 0) -> ShapeModel:
    random = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=random, dtype=torch.float64)

    scale = torch.rand(62, generator=random, dtype=torch.float64) + 0.5
    return ShapeModel(50 * normal(count, 3), normal(count, 3, 50), normal(62), scale)


def similarity(angle: float, size: float) -> torch.Tensor:
    """A pose [f R | t], turned about y."""
    cosine, sine = math.cos(angle), math.sin(angle)
    rotation = torch.tensor([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]], dtype=torch.float64)
    return torch.cat([size * rotation, torch.tensor([[60.0], [55.0], [0.0]], dtype=torch.float64)], dim=1)


def pairs(model: ShapeModel, count: int = 3, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """z-scored outputs, and targets whose poses are similarities."""
    random = torch.Generator().manual_seed(seed)
    truth = torch.randn((count, 62), generator=random, dtype=torch.float64)
    for row in range(count):
        truth[row, :12] = similarity(0.3 * row - 0.2, 0.4 + 0.1 * row).flatten()
    targets = (truth - model.center) / model.scale
    return targets + 0.3 * torch.randn(targets.shape, generator=random, dtype=torch.float64), targets


def test_vertices_by_hand() -> None:
    mean = torch.tensor([[1.0, 2.0, 3.0]])
    basis = torch.zeros(1, 3, 50)
    basis[0, 1, 49] = 10.0  # the last expression lifts the point by 10 mm
    model = ShapeModel(mean, basis, torch.zeros(62), torch.ones(62))
    parameters = torch.zeros(1, 62)
    parameters[0, :12] = torch.tensor([2.0, 0, 0, 5, 0, 2.0, 0, 6, 0, 0, 2.0, 7])
    parameters[0, 61] = 0.5
    assert vertices(model, parameters).tolist() == [[[7.0, 20.0, 13.0]]]


def test_vertex_distance_by_hand() -> None:
    """A picture 3 px off to the right and 4 px down: the mean over three coordinates is 25 / 3."""
    model = replace(model_of(), center=torch.zeros(62).double(), scale=torch.ones(62).double())
    target = torch.zeros(1, 62, dtype=torch.float64)
    target[0, :12] = similarity(0.2, 0.5).flatten()
    output = target.clone()
    output[0, 3] += 3.0
    output[0, 7] -= 4.0
    assert vertex_distance(output, target, model).item() == pytest.approx(25 / 3)
    output[0, DEPTH] += 6.0
    assert vertex_distance(output, target, model).item() == pytest.approx(25 / 3)
    assert vertex_distance(output, target, model, own_depth=True).item() == pytest.approx(61 / 3)


def test_fwpdc_is_wpdc_for_similarities() -> None:
    model = model_of()
    outputs, targets = pairs(model)
    slow, fast = wpdc_weights(outputs, targets, model), fwpdc_weights(outputs, targets, model)
    torch.testing.assert_close(slow, fast, rtol=1e-6, atol=1e-9)
    for squared in (True, False):
        first = weighted_parameter_distance(outputs, targets, slow, squared)
        torch.testing.assert_close(first, weighted_parameter_distance(outputs, targets, fast, squared))


def test_what_the_authors_code_leaves_open() -> None:
    """t_z moves each of 7 vertices by its error, sqrt(7) in all; another f weighs the shape alone."""
    model = model_of()
    outputs, targets = pairs(model)
    for weights in (wpdc_weights, fwpdc_weights):
        ours, letter = (weights(outputs, targets, model, own_depth=own) for own in (False, True))
        assert not ours[:, DEPTH].any()
        error = (outputs - targets)[:, [3, DEPTH]].abs() * model.scale[[3, DEPTH]]
        torch.testing.assert_close(letter[:, DEPTH] / letter[:, 3], error[:, 1] / error[:, 0], rtol=1e-4, atol=1e-6)
    true, double = (fwpdc_weights(outputs[:1], targets[:1], model, scale) for scale in (0.4, 0.8))
    torch.testing.assert_close(true, fwpdc_weights(outputs[:1], targets[:1], model))
    shape, pose = double[:, 12:] / true[:, 12:], double[:, 3] / true[:, 3]
    torch.testing.assert_close(shape / pose, torch.full_like(shape, 2.0), rtol=1e-4, atol=1e-4)


def test_t_z_sets_no_normaliser_where_it_does_not_count() -> None:
    """The largest weight of the others is 1 however wrong t_z is, as in the authors' code, which leaves it out."""
    model = model_of()
    outputs, targets = pairs(model)
    wrong = outputs.clone()
    wrong[:, DEPTH] += 1e3
    for weights in (wpdc_weights, fwpdc_weights):
        found = weights(wrong, targets, model)
        torch.testing.assert_close(found, weights(outputs, targets, model))
        torch.testing.assert_close(found.amax(dim=1), torch.ones(len(found), dtype=found.dtype))
        assert weights(wrong, targets, model, own_depth=True)[:, DEPTH].tolist() == [1.0] * len(found)


def test_fwpdc_is_another_thing_for_other_poses() -> None:
    """With a pose that is no similarity one scale f cannot stand for the movement of the shape."""
    model = model_of()
    outputs, targets = pairs(model)
    targets = targets.clone()
    targets[:, 0] += 2.0
    slow, fast = wpdc_weights(outputs, targets, model), fwpdc_weights(outputs, targets, model)
    assert (slow - fast).abs().max() > 0.01


def test_weights_by_hand() -> None:
    """One vertex at (3, 4, 0) mm: a pose column weighs its coordinate, a translation 1, a basis vector f |a|."""
    basis = torch.zeros(1, 3, 50, dtype=torch.float64)
    basis[0, 2, 0] = 10.0
    mean = torch.tensor([[3.0, 4.0, 0.0]], dtype=torch.float64)
    model = ShapeModel(mean, basis, torch.zeros(62).double(), torch.ones(62).double())
    target = torch.zeros(1, 62, dtype=torch.float64)
    target[0, :12] = (2.0 * torch.eye(3, 4, dtype=torch.float64)).flatten()
    weights = fwpdc_weights(target + 1.0, target, model)[0]
    largest = 20.0  # f |a| = 2 x 10, but for the least weight
    expected = torch.tensor([3.0, 4.0, 0.0, 1.0] * 3, dtype=torch.float64) / largest
    expected[DEPTH] = 0.0
    torch.testing.assert_close(weights[:12], expected, rtol=1e-5, atol=1e-6)
    assert weights[12].item() == pytest.approx(1.0) and weights[13:].max() < 1e-6
    loss = weighted_parameter_distance(target + 1.0, target, weights[None])
    assert loss.item() == pytest.approx((expected.square().sum() + 1.0).item(), rel=1e-5)


def test_weights_are_held_constant() -> None:
    model = model_of()
    outputs, targets = pairs(model)
    outputs.requires_grad_()
    weights = fwpdc_weights(outputs, targets, model)
    weighted_parameter_distance(outputs, targets, weights).backward()
    expected = 2 * weights.detach().square() * (outputs - targets).detach() / len(outputs)
    torch.testing.assert_close(outputs.grad, expected)


def test_equal_parameters_cost_nothing() -> None:
    model = model_of()
    _, targets = pairs(model)
    outputs = targets.clone().requires_grad_()
    weights = fwpdc_weights(outputs, targets, model)
    assert torch.isfinite(weights).all()
    loss = weighted_parameter_distance(outputs, targets, weights) + vertex_distance(outputs, targets, model)
    loss.backward()
    assert loss.item() == 0.0 and torch.isfinite(outputs.grad).all()
    assert torch.allclose(coefficient_weights(outputs, targets, model), torch.full((3, 62), 1 / 62).double())


def test_joint_losses_by_hand() -> None:
    first, second = torch.tensor(4.0), torch.tensor(0.5, requires_grad=True)
    assert scaled_to(second, first).item() == pytest.approx(4.0)
    assert vanilla_joint(first, second, 0.25).item() == pytest.approx(0.25 * 4 + 0.75 * 4)
    (gradient,) = torch.autograd.grad(scaled_to(second, first), second)
    assert gradient.item() == pytest.approx(8.0)  # the ratio has no gradient of its own
    assert scaled_to(torch.tensor(0.0), first).item() == 0.0


def test_dal2ds_weights_sum_to_one_and_see_the_picture_alone() -> None:
    model = model_of(18)
    outputs, targets = pairs(model)
    weights = coefficient_weights(outputs, targets, model)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(3).double())
    # The third row of the pose moves points along the line of sight: not in the picture.
    assert weights[:, 8:12].max() == 0.0
    # Against the first element of the translation: an element of the scaled rotation, and the first coefficient.
    off = (outputs - targets).abs() * model.scale
    pose = model.parameters(targets)[:, :12].view(-1, 3, 4)
    shape = model.mean + torch.einsum("nik,bk->bni", model.basis, model.parameters(targets)[:, 12:])
    by_translation = off[:, 3] * 18**0.5
    by_rotation = off[:, 0] * shape[..., 0].norm(dim=1)
    by_coefficient = off[:, 12] * (model.basis[..., 0] @ pose[:, :2, :3].transpose(1, 2)).flatten(1).norm(dim=1)
    torch.testing.assert_close(weights[:, 0] / weights[:, 3], by_rotation / by_translation)
    torch.testing.assert_close(weights[:, 12] / weights[:, 3], by_coefficient / by_translation)
    by_hand = (weights * (outputs - targets).square()).sum(dim=1).mean()
    torch.testing.assert_close(weighted_coefficient_loss(outputs, targets, model), by_hand)


def test_landmark_losses_by_hand() -> None:
    target = torch.tensor([[[0.0, 0.0], [1.0, float("nan")]]])
    predicted = torch.tensor([[[3.0, 4.0], [3.0, 9.0]]], requires_grad=True)
    loss = landmark_regression(predicted, target)
    assert loss.item() == pytest.approx((9 + 16 + 4) / 3)
    loss.backward()
    assert torch.isfinite(predicted.grad).all() and predicted.grad[0, 1, 1] == 0.0
    first = torch.tensor([[[0.0, 0.0], [1.0, 1.0]]])
    second = torch.tensor([[[3.0, 4.0], [1.0, 2.0]]])
    assert landmark_consistency(first, second).item() == pytest.approx(5 + 1)
    assert landmark_consistency(first, second, torch.tensor([4.0, 2.0])).item() == pytest.approx(4 * 5 + 2 * 1)
    same = first.clone().requires_grad_()
    landmark_consistency(same, first).backward()
    assert not same.grad.any()
