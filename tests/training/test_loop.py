"""The loop: resuming, what it refuses, and that a loss that is not finite stops it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from synthgen.core.errors import DatasetError, FingerprintError, LabelError, RecipeError, UsageError
from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.recipe.load import parse_recipe
from training import loop as loop_module
from training.data import open_training_dataset, validation_batches
from training.journal import read_log
from training.loop import RunOptions, train
from training.methods.registry import open_method
from training.methods.tddfa_v2 import TddfaV2
from training.rate import learning_rate
from training.recipe import Optimizer, TrainingRecipe, load_training_recipe

CPU = RunOptions(accelerator="cpu")
NARROW = {"depth": 18, "width": 0.125}
SMALL = {"width": 0.25, "loss": "fwpdc", "vertices": 80}


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "last" / "weights.safetensors")


def test_a_finished_run_tells_its_measures_again(
    tmp_path: Path, recipe_of: Callable[..., TrainingRecipe], faces: Path
) -> None:
    recipe = recipe_of("tddfa_v2", faces, 2, 1e-3, options=SMALL, batch_size=4).model_copy(
        update={"validation": str(faces)}
    )
    first = train(recipe, tmp_path, CPU)
    again = train(recipe, tmp_path, RunOptions(accelerator="cpu", resume=True))
    assert again.measures == first.measures and "nme" in first.measures
    assert again.steps == first.steps == 2


@pytest.mark.parametrize("stop", [3, 5, 8])
def test_a_resumed_run_gives_the_weights_of_an_undisturbed_one(
    stop: int, tmp_path: Path, recipe_of: Callable[..., TrainingRecipe], faces: Path
) -> None:
    """Two stages of five steps, batches of four of eight samples, so that epochs end in between; stopped in stage 1, at
    its end, and in stage 2."""
    recipe = recipe_of("tddfa_v2", faces, 5, 1e-3, options=SMALL, batch_size=4)
    stage = recipe.stages["only"]
    second = stage.model_copy(update={"options": {"loss": "vdc"}})
    recipe = recipe.model_copy(update={"stages": {"first": stage, "second": second}})
    train(recipe, tmp_path / "whole", CPU)
    train(recipe, tmp_path / "parts", RunOptions(accelerator="cpu", most_steps=stop))
    train(recipe, tmp_path / "parts", RunOptions(accelerator="cpu", resume=True))
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    for name, tensor in whole.items():
        assert torch.equal(tensor, parts[name]), name


def test_the_parts_of_a_batch_add_up(tmp_path: Path, recipe_of: Callable[..., TrainingRecipe], pairs: Path) -> None:
    """Without batch normalisation, two parts of four samples move the weights as eight at once do."""
    options = {"widths": [4, 4, 4, 4]}
    found = []
    for parts in (1, 2):
        recipe = recipe_of("dfc", pairs, 3, 1e-2, options=options, accumulate=parts)
        recipe = recipe.model_copy(
            update={
                "stages": {
                    "only": recipe.stages["only"].model_copy(update={"optimizer": Optimizer(learning_rate=1e-3)})
                }
            }
        )
        train(recipe, tmp_path / str(parts), CPU)
        found.append(weights(tmp_path / str(parts)))
    for name, tensor in found[0].items():
        torch.testing.assert_close(tensor, found[1][name], rtol=1e-4, atol=1e-6)


def test_dfcs_second_stage_has_two_encoders(
    tmp_path: Path, recipe_of: Callable[..., TrainingRecipe], pairs: Path
) -> None:
    recipe = recipe_of("dfc", pairs, 2, 1e-2, options={"widths": [4, 4, 4, 4]})
    stage = recipe.stages["only"]
    second = stage.model_copy(update={"options": {"shared": False}})
    recipe = recipe.model_copy(update={"stages": {"pairs": stage, "photos": second}})
    train(recipe, tmp_path / "parts", RunOptions(accelerator="cpu", most_steps=3))
    train(recipe, tmp_path / "parts", RunOptions(accelerator="cpu", resume=True))
    names = {name.split(".")[0] for name in weights(tmp_path / "parts")}
    assert names == {"encoder", "target_encoder", "flow", "matchability"}


def test_photos_lead_to_the_mean_face(tmp_path: Path, pairs_then_photos: TrainingRecipe, photos: Path) -> None:
    """dfc's fine-tuning: a dataset of photos with flow to the mean face, which `template.npz` holds, after pairs."""
    result = train(pairs_then_photos.model_copy(update={"validation": str(photos)}), tmp_path / "run", CPU)
    assert result.steps == 2 and result.measures["flow_error_px"] > 0
    method = loop_module.open_method("dfc", {})
    dataset = open_training_dataset(method, str(photos))
    target = method.item(dataset[0], None)["target"]
    assert torch.equal(
        (target * 128 + 127.5).round().byte(), torch.from_numpy(dataset.template.mean_face).permute(2, 0, 1)
    )


def test_looking_ahead_takes_the_better_loss(
    tmp_path: Path, recipe_of: Callable[..., TrainingRecipe], faces: Path
) -> None:
    options = {**SMALL, "loss": "meta", "look_ahead": 2, "landmark_head": False}
    recipe = recipe_of("tddfa_v2", faces, 3, 1e-3, options=options, batch_size=4)
    train(recipe, tmp_path / "run", CPU)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "chose_vdc" in line]
    assert len(steps) == 3
    for step in steps:
        assert step["chose_vdc"] == float(step["ahead_vdc"] < step["ahead_fwpdc"])


@pytest.mark.parametrize("size", ["own", "fwpdc"])
def test_looking_ahead_survives_a_loss_that_diverges(
    size: str, tmp_path: Path, recipe_of: Callable[..., TrainingRecipe], faces: Path
) -> None:
    """VDC in px^2 diverges by SGD at 0.02 (fWPDC does not): it loses every round. Scaled to fWPDC it is finite."""
    options = {**SMALL, "loss": "meta", "look_ahead": 6, "landmark_head": False, "vdc_size": size}
    optimizer = {"kind": "sgd", "learning_rate": 0.02, "momentum": 0.9}
    stage = {"optimizer": optimizer}
    recipe = recipe_of("tddfa_v2", faces, 2, 1e-3, options=options, batch_size=4, stage=stage)
    result = train(recipe, tmp_path / "run", CPU)
    steps = [line for line in read_log(tmp_path / "run" / "log.jsonl") if "chose_vdc" in line]
    assert len(steps) == 2 and np.isfinite(result.measures["nme"])
    assert all(("ahead_vdc" in step) == (size == "fwpdc") for step in steps)
    assert size == "fwpdc" or not any(step["chose_vdc"] for step in steps)


def test_vdc_in_the_size_of_fwpdc(recipe_of: Callable[..., TrainingRecipe], faces: Path) -> None:
    """The gradient of VDC, times the ratio of both values; without looking ahead nothing is scaled."""
    found = {}
    for size in ("own", "fwpdc"):
        torch.manual_seed(0)
        method = open_method("tddfa_v2", {**SMALL, "loss": "meta", "landmark_head": False, "vdc_size": size})
        assert isinstance(method, TddfaV2)
        dataset = open_training_dataset(method, str(faces))
        method.prepare(dataset)
        network = method.build().eval()
        batch = next(validation_batches(method, dataset, 4))
        losses = method.losses_by("vdc", network, batch)
        losses["total"].backward()
        gradient = torch.cat([weight.grad.flatten() for weight in network.parameters() if weight.grad is not None])
        found[size] = losses, gradient, method.losses_by("fwpdc", network, batch)["total"]
    (own, gradient, fwpdc), (scaled, other, _) = found["own"], found["fwpdc"]
    assert scaled["total"].item() == pytest.approx(fwpdc.item(), rel=1e-5)
    assert own["total"].item() == own["vdc"].item() == pytest.approx(scaled["vdc"].item())
    ratio = (fwpdc / own["total"]).item()
    torch.testing.assert_close(other, gradient * ratio, rtol=1e-3, atol=1e-6 * float(other.abs().max()))


def test_photos_with_landmarks_alone_and_the_critic(
    tmp_path: Path, recipe_of: Callable[..., TrainingRecipe], faces: Path
) -> None:
    stage = {"photos": str(faces), "photos_share": 0.5}
    recipe = recipe_of("dal2d", faces, 2, 1e-4, options=NARROW, batch_size=4, stage=stage)
    train(recipe, tmp_path / "run", RunOptions(accelerator="cpu", most_steps=1))
    train(recipe, tmp_path / "run", RunOptions(accelerator="cpu", resume=True))
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert {"coefficients", "cycle", "critic", "accuracy_true", "accuracy_false"} <= set(lines[0])
    optimizers = load_file(tmp_path / "run" / "last" / "optimizers.safetensors")
    assert {name.split("/")[0] for name in optimizers} == {"main", "critic"}


def test_a_loss_that_is_not_finite_saves_its_batch(
    tmp_path: Path, recipe_of: Callable[..., TrainingRecipe], faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_of("tddfa_v2", faces, 3, 1e-3, options=SMALL, accumulate=2)
    real = loop_module.open_method

    def broken(name: str, options: Any) -> Any:
        method = real(name, options)
        losses = method.losses
        method.losses = lambda network, batch: {
            key: value * (float("nan") if key == "total" else 1.0) for key, value in losses(network, batch).items()
        }
        return method

    monkeypatch.setattr(loop_module, "open_method", broken)
    with pytest.raises(LabelError, match=r"step 1: a loss is not finite \(total nan"):
        train(recipe, tmp_path / "run", CPU)
    batch = load_file(tmp_path / "run" / "bad_batch.safetensors")
    assert batch["picture"].shape == (8, 3, 64, 64) and set(batch["position"].tolist()) == set(range(8))  # both parts


def test_what_does_not_fit_is_told(
    tmp_path: Path, recipe_of: Callable[..., TrainingRecipe], faces: Path, pairs: Path
) -> None:
    with pytest.raises(DatasetError, match=r"no label flow, matchability, which dfc needs; recipes/dfc/"):
        train(recipe_of("dfc", faces, 1, 1e-3), tmp_path / "a", CPU)
    with pytest.raises(DatasetError, match="no label image, parameters_62, landmarks_2d"):
        train(recipe_of("tddfa_v2", pairs, 1, 1e-3), tmp_path / "b", CPU)
    with pytest.raises(DatasetError, match="8 samples to train on, fewer than a batch of 9"):
        train(recipe_of("tddfa_v2", faces, 1, 1e-3, options=SMALL, batch_size=9), tmp_path / "c", CPU)
    with pytest.raises(RecipeError, match=r"tddfa_v2: options.widht: Extra inputs"):
        train(recipe_of("tddfa_v2", faces, 1, 1e-3, options={"widht": 1.0}), tmp_path / "d", CPU)
    with pytest.raises(RecipeError, match="tddfa_v2 takes no photos"):
        train(recipe_of("tddfa_v2", faces, 1, 1e-3, options=SMALL, stage={"photos": str(faces)}), tmp_path / "e", CPU)
    with pytest.raises(RecipeError, match="tddfa_v2: options.width is the same in all stages"):
        changed = recipe_of("tddfa_v2", faces, 1, 1e-3, options=SMALL, stage={"options": {"width": 0.5}})
        train(changed, tmp_path / "g", CPU)
    with pytest.raises(UsageError, match="cannot be divided"):
        train(recipe_of("tddfa_v2", faces, 1, 1e-3, options=SMALL, batch_size=3, accumulate=2), tmp_path / "f", CPU)


def test_perspective_faces_have_no_parameters(tmp_path: Path, recipe_of: Callable[..., TrainingRecipe]) -> None:
    recipe = parse_recipe("kind: images\ncount: 4\nsize: [64, 64]\nlabels: [image, parameters_62, landmarks_2d]\n")
    generate(recipe, tmp_path / "data", GenerateOptions(workers=0))
    with pytest.raises(UsageError, match="scaled_orthographic"):
        train(recipe_of("tddfa_v2", tmp_path / "data", 1, 1e-3, options=SMALL, batch_size=4), tmp_path / "run", CPU)


def test_folders_of_other_runs_are_not_overwritten(
    tmp_path: Path, recipe_of: Callable[..., TrainingRecipe], faces: Path
) -> None:
    recipe = recipe_of("tddfa_v2", faces, 1, 1e-3, options=SMALL)
    train(recipe, tmp_path / "run", CPU)
    with pytest.raises(UsageError, match="go on with --resume"):
        train(recipe, tmp_path / "run", CPU)
    other = recipe.model_copy(update={"seed": 1})
    with pytest.raises(FingerprintError, match="another recipe"):
        train(other, tmp_path / "run", RunOptions(accelerator="cpu", resume=True))
    (tmp_path / "run" / "last" / "weights.safetensors").write_bytes(b"no tensors")
    with pytest.raises(DatasetError, match="damaged"):
        train(recipe, tmp_path / "run", RunOptions(accelerator="cpu", resume=True))


def test_rates_by_hand() -> None:
    def rates(steps: int = 4, **changes: Any) -> list[float]:
        optimizer = Optimizer.model_validate({"learning_rate": 8.0, **changes})
        return [learning_rate(optimizer, step, steps) for step in range(steps)]

    assert rates() == [8.0] * 4
    assert rates(schedule="polynomial", power=1.0) == [8.0, 6.0, 4.0, 2.0]
    assert rates(schedule="steps", milestones=[0.5, 0.75], decay=0.5) == [8.0, 8.0, 4.0, 2.0]
    assert rates(schedule="exponential", decay=0.25) == pytest.approx([8.0, 8 * 0.25**0.25, 4.0, 8 * 0.25**0.75])
    assert rates(warm_up=3) == pytest.approx([2.0, 4.0, 6.0, 8.0])
    warm = rates(schedule="polynomial", power=1.0, warm_up=2, warm_up_share=0.1)
    assert warm == pytest.approx([0.8, 0.8, 8.0, 4.0])


def test_recipes_are_read_strictly(tmp_path: Path) -> None:
    base, child = tmp_path / "base.yaml", tmp_path / "child.yaml"
    base.write_text(
        "method: dfc\nbatch_size: 12\nstages:\n  pairs: {data: out/a, steps: 5, optimizer: {learning_rate: 1e-4}}\n"
    )
    child.write_text("extends: base.yaml\nstages: {pairs: {steps: 7}}\n")
    recipe = load_training_recipe(child, ("stages.pairs.optimizer.learning_rate=0.5",))
    assert recipe.stages["pairs"].steps == 7 and recipe.stages["pairs"].optimizer.learning_rate == 0.5
    assert recipe.stages["pairs"].data == "out/a"
    child.write_text("extends: base.yaml\nbatch_sise: 3\n")
    with pytest.raises(RecipeError, match="batch_sise"):
        load_training_recipe(child)
