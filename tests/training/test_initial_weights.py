"""Files with exactly the names of torchvision's resnets and of 3DDFA_V2's mobilenet, and what is done with them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from synthgen.core.errors import DatasetError, RecipeError
from training.initial_weights import load_initial_weights, mapped_name
from training.loop import RunOptions, train
from training.networks.mobilenet_v1 import MobileNetV1
from training.networks.resnet import ResNet
from training.networks.self_critic_net import SelfCriticNet
from training.recipe import TrainingRecipe, load_training_recipe

Weights = dict[str, torch.Tensor]


def batch_norm(name: str, channels: int) -> Weights:
    random = {f"{name}.{part}": torch.rand(channels) for part in ("weight", "bias", "running_mean", "running_var")}
    return {**random, f"{name}.num_batches_tracked": torch.tensor(7)}


def torchvision_resnet(counts: tuple[int, ...], bottleneck: bool) -> Weights:
    """state_dict() of torchvision.models.resnet18 or 50, written from its source."""
    made: Weights = {"conv1.weight": torch.randn(64, 3, 7, 7), **batch_norm("bn1", 64)}
    before = 64
    for layer, (planes, count) in enumerate(zip((64, 128, 256, 512), counts, strict=True), start=1):
        out = 4 * planes if bottleneck else planes
        for block in range(count):
            kernels = [(before, planes, 1), (planes, planes, 3), (planes, out, 1)]
            if not bottleneck:
                kernels = [(before, planes, 3), (planes, planes, 3)]
            name = f"layer{layer}.{block}"
            for number, (first, last, side) in enumerate(kernels, start=1):
                made[f"{name}.conv{number}.weight"] = torch.randn(last, first, side, side)
                made |= batch_norm(f"{name}.bn{number}", last)
            if block == 0 and before != out:
                made[f"{name}.downsample.0.weight"] = torch.randn(out, before, 1, 1)
                made |= batch_norm(f"{name}.downsample.1", out)
            before = out
    return {**made, "fc.weight": torch.randn(1000, before), "fc.bias": torch.randn(1000)}


def tddfa_mobilenet(width: float, last: str = "fc") -> Weights:
    """state_dict() of 3DDFA_V2's mobilenet, written from its source."""

    def wide(channels: int) -> int:
        return int(channels * width)

    made: Weights = {"conv1.weight": torch.randn(wide(32), 3, 3, 3), **batch_norm("bn1", wide(32))}
    rows = [("2_1", 32, 64), ("2_2", 64, 128), ("3_1", 128, 128), ("3_2", 128, 256), ("4_1", 256, 256)]
    rows += [("4_2", 256, 512), *[(f"5_{n}", 512, 512) for n in range(1, 6)], ("5_6", 512, 1024), ("6", 1024, 1024)]
    for name, before, after in rows:
        made[f"dw{name}.conv_dw.weight"] = torch.randn(wide(before), 1, 3, 3)
        made |= batch_norm(f"dw{name}.bn_dw", wide(before))
        made[f"dw{name}.conv_sep.weight"] = torch.randn(wide(after), wide(before), 1, 1)
        made |= batch_norm(f"dw{name}.bn_sep", wide(after))
    return {**made, f"{last}.weight": torch.randn(62, wide(1024)), f"{last}.bias": torch.randn(62)}


def in_order(weights: Weights) -> list[torch.Tensor]:
    """Tensors as the networks are gone through, whatever they are called."""
    return list(weights.values())


@pytest.mark.parametrize(("depth", "counts"), [(18, (2, 2, 2, 2)), (50, (3, 4, 6, 3))])
def test_torchvisions_resnets(depth: Any, counts: tuple[int, ...]) -> None:
    """Every tensor but the classes goes to the layer at the same place, with nothing left over on either side."""
    weights = torchvision_resnet(counts, depth == 50)
    network = ResNet({"landmarks": 136}, depth)
    report = load_initial_weights(network, weights, "file", ("torchvision_resnet",))
    assert set(report.skipped) == {"fc.weight", "fc.bias"}
    assert report.untouched == ["heads.linear.0.weight", "heads.linear.0.bias"]
    own = network.state_dict()
    foreign = [tensor for name, tensor in weights.items() if not name.startswith("fc.")]
    for mine, theirs in zip(in_order(own), foreign, strict=False):
        assert torch.equal(mine, theirs)


def test_a_regressor_with_a_heat_map_takes_the_colours() -> None:
    weights = torchvision_resnet((2, 2, 2, 2), False)
    network = SelfCriticNet(18)
    maps = ("torchvision_resnet", {"^trunk": "regressor.trunk"})
    report = load_initial_weights(network, weights, "file", maps)
    assert report.widened == ["conv1.weight"] and len(report.loaded) == len(weights) - 2
    first = network.state_dict()["regressor.trunk.stages.0.0.weight"]
    assert torch.equal(first[:, :3], weights["conv1.weight"]) and not first[:, 3].any()


@pytest.mark.parametrize("last", ["fc", "fc_param"])
def test_3ddfa_v2s_mobilenet(last: str) -> None:
    weights = tddfa_mobilenet(0.5, last)
    network = MobileNetV1({"parameters": 62, "landmarks": 136}, 0.5)
    report = load_initial_weights(network, weights, "file", ("tddfa_v2_mobilenet",))
    assert not report.skipped and report.untouched == ["heads.linear.1.weight", "heads.linear.1.bias"]
    for mine, theirs in zip(in_order(network.state_dict()), in_order(weights), strict=False):
        assert torch.equal(mine, theirs)
    parallel = {f"module.{name}": tensor for name, tensor in weights.items()}
    assert len(load_initial_weights(network, parallel, "file", ("tddfa_v2_mobilenet",)).loaded) == len(weights)


def test_shapes_that_differ_are_refused_unless_of_heads() -> None:
    weights = tddfa_mobilenet(0.25)
    with pytest.raises(DatasetError, match=r"file: conv1.weight has shape \(8, 3, 3, 3\), but features.0.0.weight of"):
        load_initial_weights(MobileNetV1({"parameters": 62}, 0.5), weights, "file", ("tddfa_v2_mobilenet",))
    report = load_initial_weights(MobileNetV1({"parameters": 12}, 0.25), weights, "file", ("tddfa_v2_mobilenet",))
    assert report.skipped["fc.weight"] == "heads.linear.0.weight is a head of shape (12, 256), not (62, 256)"


def test_rules_by_hand() -> None:
    rules = {r"^body\.": "trunk.", r"\.c(\d)\.": r".layers.\1.", r"^aux": None}
    assert mapped_name("body.1.c2.weight", (rules,)) == "trunk.1.layers.2.weight"
    assert mapped_name("aux.weight", (rules,)) == ""
    layer = nn.Sequential(nn.Linear(2, 2))
    same = {"a.weight": torch.ones(2, 2), "b.weight": torch.ones(2, 2)}
    with pytest.raises(DatasetError, match="a.weight and b.weight both map to 0.weight"):
        load_initial_weights(layer, same, "file", ({"^[ab]": "0"},))
    with pytest.raises(DatasetError, match=r"none of its 2 tensors has a name of the network's; it has a.weight"):
        load_initial_weights(layer, same, "file")


def test_a_run_begins_with_them_and_tells(
    tmp_path: Path, faces: Path, recipe_of: Callable[..., TrainingRecipe], capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mobilenet.safetensors"
    weights = tddfa_mobilenet(0.25)
    save_file(weights, file)
    options = {"width": 0.25, "loss": "fwpdc", "vertices": 80}
    changes = {"init_from": str(file), "init_map": ["tddfa_v2_mobilenet", {"^heads": None}]}
    recipe = recipe_of("tddfa_v2", faces, 1, 1e-9, options=options, **changes)
    recipe = recipe.model_copy(update={"validation": None})
    result = train(recipe, tmp_path / "run", RunOptions(accelerator="cpu", most_steps=0))
    found = result.network.state_dict()
    assert torch.equal(found["features.0.0.weight"], weights["conv1.weight"])
    told = json.loads((tmp_path / "run" / "init.json").read_text())
    assert told["skipped"]["fc.weight"] == "left out by the map" and len(told["loaded"]) == len(weights) - 2
    assert "tensors loaded, 2 skipped, 4 left as they were" in capsys.readouterr().err


def test_recipes_name_maps_and_leave_out_stages(tmp_path: Path) -> None:
    base, child = tmp_path / "base.yaml", tmp_path / "child.yaml"
    stage = "{data: out/a, steps: 5, optimizer: {learning_rate: 1e-4}}"
    base.write_text(f"method: dfc\nbatch_size: 12\nstages:\n  pairs: {stage}\n  photos: {stage}\n")
    child.write_text("extends: base.yaml\ninit_map: torchvision_resnet\nstages: {pairs: null}\n")
    recipe = load_training_recipe(child)
    assert list(recipe.stages) == ["photos"] and recipe.init_map == ("torchvision_resnet",)
    child.write_text("extends: base.yaml\ninit_map: {'^(': x}\n")
    with pytest.raises(RecipeError, match="init_map.*is no rule"):
        load_training_recipe(child)
