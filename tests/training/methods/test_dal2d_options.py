"""dal2d's switches: what each leaves out, and what the critic's opinion is."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from synthgen.core.errors import RecipeError
from training.data import PhotosOf, open_training_dataset, validation_batches
from training.landmark_maps import GROUPS, landmark_map, landmark_pixels, landmark_weights, sparse_landmarks
from training.method import Batch
from training.methods.dal2d import Dal2d

BASE = {"depth": 18, "landmark_map": False, "critic": False, "weights": [0.005, 0, 0, 0]}


def begun(faces: Path, **options: Any) -> tuple[Dal2d, torch.nn.Module, Batch]:
    method = Dal2d({"depth": 18, "width": 0.125, **options})
    dataset = open_training_dataset(method, str(faces))
    method.prepare(dataset)
    torch.manual_seed(0)
    return method, method.build(), next(validation_batches(method, dataset, 4))


def test_variants_of_figure_10(faces: Path) -> None:
    expected = {
        "base": (BASE, {"total", "coefficients", "consistency_2d"}),
        "sc": (BASE | {"critic": True, "weights": [0.005, 0, 0, 0.005]}, {"consistency_2d", "critic"}),
        "ss": ({"critic": False}, {"consistency_2d", "consistency_3d", "cycle"}),
        "ss+sc": ({}, {"consistency_2d", "consistency_3d", "cycle", "critic"}),
    }
    for name, (options, losses) in expected.items():
        method, network, batch = begun(faces, **options)
        with torch.no_grad():
            found = method.losses(network, batch)
        assert set(found) == losses | {"total", "coefficients"}, name
        weights = dict(
            zip(("consistency_2d", "consistency_3d", "cycle", "critic"), method.options.weights, strict=True)
        )
        total = found["coefficients"] + sum(weights[key] * found[key] for key in weights if key in found)
        assert found["total"].item() == pytest.approx(total.item(), rel=1e-5), name
        channels = next(network.regressor.parameters()).shape[1]
        assert channels == (4 if method.options.landmark_map else 3), name


def test_a_second_pass_needs_the_heat_map() -> None:
    with pytest.raises(RecipeError, match="dal2d: options: without landmark_map the second pass"):
        Dal2d({"landmark_map": False})


@pytest.mark.parametrize(("kind", "expected"), [("minimax", -math.log(4)), ("non_saturating", -math.log(0.75))])
def test_what_the_regressor_is_told(faces: Path, kind: str, expected: float) -> None:
    """A critic that believes each pair with probability 3/4: log(1 - C), or -log(C)."""
    method, network, batch = begun(faces, critic_loss=kind)
    last = network.critic[-1]
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.constant_(last.bias, math.log(3))
    with torch.no_grad():
        assert method.losses(network, batch)["critic"].item() == pytest.approx(expected, rel=1e-5)
        measures = method.measures(network, batch)
    assert measures["critic_accuracy_true"].value == 1.0 and measures["critic_accuracy_false"].value == 0.0
    assert measures["critic_accuracy"].value == 0.5


def test_the_critic_climbs_and_the_regressor_descends(faces: Path) -> None:
    """max over the critic, min over the regressor, of log C(true) + log(1 - C(false)): the gradients have these signs,
    and neither side moves the other."""
    method, network, batch = begun(faces, weights=[0.0, 0.0, 0.0, 1.0], consistency=False)
    judged = method._critic_losses(network, batch)
    judged["total"].backward()
    assert all(parameter.grad is None for parameter in network.regressor.parameters())
    assert all(parameter.grad is not None for parameter in network.critic.parameters())
    with torch.no_grad():
        code = network("encode", batch["picture"])
        true = torch.sigmoid(network("judge", code, batch["parameters"]))
        false = torch.sigmoid(network("judge", code, method.regress(network, batch["picture"], batch["landmarks"])))
    value = true.log().mean() + (1 - false).log().mean()
    assert judged["total"].item() == pytest.approx(-value.item(), rel=1e-4)
    told = method.losses(network, batch)
    assert (told["total"] - told["coefficients"]).item() == pytest.approx((1 - false).log().mean().item(), rel=1e-4)


def test_fewer_photos_are_some_of_more(faces: Path) -> None:
    method, _, _ = begun(faces, **BASE)
    dataset = open_training_dataset(method, str(faces))
    few, more = (set(PhotosOf(method, most).chosen(dataset, 5)) for most in (3, 6))
    assert len(few) == 3 and len(more) == 6 and few < more
    assert PhotosOf(method, 8).chosen(dataset, 5) is None


def test_masks_and_maps_by_hand() -> None:
    weights = landmark_weights((2.0, 1.0, 0.0))
    assert weights.mean().item() == pytest.approx(1.0)
    assert (weights[np.array(GROUPS) == 4] / weights[np.array(GROUPS) == 2].mean()).tolist() == pytest.approx([2.0] * 5)
    assert not weights[np.array(GROUPS) == 1].any()
    assert landmark_weights((1.0, 1.0, 1.0)).tolist() == [1.0] * 18
    points = torch.tensor([[[1.2, 2.7], [-3.0, 1.0]], [[3.99, 0.0], [0.5, 0.5]]])
    planes = landmark_pixels(points, (4, 5))
    assert planes.shape == (2, 1, 4, 5)
    assert (planes[0] == 1).nonzero().tolist() == [[0, 2, 1]]
    assert (planes[1] == 1).nonzero().tolist() == [[0, 0, 0], [0, 0, 3]]
    drawn = landmark_map(torch.tensor([[[2.5, 1.5]]]), (4, 5), 2.0)
    assert drawn[0, 0, 1, 2].item() == 1.0
    assert drawn[0, 0, 1, 4].item() == pytest.approx(2 * math.exp(-0.5) - 1)
    landmarks = torch.arange(136.0).view(1, 68, 2)
    assert sparse_landmarks(landmarks)[0, 16].tolist() == ((landmarks[0, 48] + landmarks[0, 54]) / 2).tolist()
    assert (
        sparse_landmarks(landmarks, lips=True)[0, 16].tolist() == ((landmarks[0, 62] + landmarks[0, 66]) / 2).tolist()
    )
