"""Commands, options, folders and checkpoints that cannot be used: one message each, before any work."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from synthgen.core.errors import DatasetError, RecipeError, UsageError
from training.__main__ import main
from training.checkpoint import load_checkpoint, recovered, save_checkpoint
from training.loop import RunOptions, train
from training.methods.registry import open_method
from training.recipe import TrainingRecipe
from training.restore import restore

WORDS: dict[str, tuple[list[str], str]] = {
    "no recipe": (["train"], "Missing argument"),
    "no folder": (["train", "recipe.yaml"], "Missing option"),
    "a recipe alone": (["recipe.yaml"], "Missing option"),  # is one to be trained
    "command": (["trian"], "No such command 'trian'"),
    "option": (["export", "run/best", "-o", "a.onnx", "--opset", "9"], "No such option"),
    "value": (["train", "recipe.yaml", "-o", "run", "--devices", "two"], "Invalid value for '--devices'"),
    "least": (["cascade", "data", "-o", "run", "--steps", "2"], "Invalid value for '--steps'"),
}


@pytest.mark.parametrize("case", list(WORDS))
def test_words_that_are_none(case: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    words, said = WORDS[case]
    monkeypatch.setattr("sys.argv", ["training", *words])
    assert main() == UsageError.exit_code and said in capsys.readouterr().err


def test_devices_and_folders_that_are_none(tmp_path: Path, recipe_of: Callable[..., TrainingRecipe]) -> None:
    recipe = recipe_of("dfc", tmp_path / "nowhere", 1, 1e-3)
    with pytest.raises(UsageError, match="--accelerator abacus, --devices 1, .*this machine cannot"):
        train(recipe, tmp_path / "run", RunOptions(accelerator="abacus"))
    (tmp_path / "file").write_text("a file")
    with pytest.raises(UsageError, match="file cannot be a folder for the run"):
        train(recipe, tmp_path / "file", RunOptions(accelerator="cpu"))


@pytest.mark.parametrize(
    ("method", "options", "said"),
    [
        ("densereg", {"scales": []}, "options.scales"),
        ("densereg", {"scales": [1.0, 0.0]}, "options.scales.1"),
        ("densereg", {"weight": -1.0}, "options.weight"),
        ("dfc", {"widths": [4, 4, 4, 0]}, "options.widths.3"),
        ("dal2d", {"mask": [0.0, 0.0, 0.0]}, "mask: one of the three weights"),
        ("anisotropic", {"wing": [10.0, 0.0]}, "options.wing.1"),
        ("anisotropic", {"corners": [68]}, "expected points of ibug68, 0 to 67"),
    ],
)
def test_options_that_lead_nowhere(method: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        open_method(method, options)


def test_checkpoints_of_another_version(tmp_path: Path, recipe_of: Callable[..., TrainingRecipe]) -> None:
    recipe = recipe_of("dfc", tmp_path / "nowhere", 1, 1e-3).model_dump(mode="json")
    options = open_method("dfc", {}).facts()
    for number, (state, said) in enumerate(
        (
            ({"recipe": {**recipe, "wavelets": 3}, "method": options}, "another version of training.* wavelets: Extra"),
            ({"method": options}, "another version of training.* no 'recipe'"),
            ({"recipe": recipe}, "another version of training.* no 'method'"),
            ({"recipe": recipe, "method": {"options": {"zoom": 2}}}, "another version of training.* options.zoom"),
            ({"recipe": recipe, "method": options}, "was trained on .*nowhere, whose model and statistics it needs"),
        )
    ):
        folder = tmp_path / str(number)
        save_checkpoint(folder, {"weight": torch.zeros(2)}, {}, state)
        with pytest.raises(DatasetError, match=said):
            restore(folder)


def test_folders_that_hold_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "weights.safetensors").write_bytes(b"")
    for name, missing in (
        ("nothing", "weights.safetensors, optimizers"),
        ("file", "weights.safetensors, optimizers"),
        ("run", "no optimizers.safetensors, state.json"),
    ):
        with pytest.raises(DatasetError, match=f"is not a checkpoint: .*{missing}"):
            restore(tmp_path / name)


def test_saving_that_was_stopped_in_between(tmp_path: Path) -> None:
    """Leftovers of a killed process are in nobody's way, and the checkpoint before is found."""
    last, old, new = tmp_path / "last", tmp_path / ".last.old", tmp_path / ".last.new"
    save_checkpoint(last, {"weight": torch.zeros(2)}, {}, {"step": 1})
    for leftover in (old, new):
        leftover.mkdir()
        (leftover / "weights.safetensors").write_bytes(b"half of it")
    save_checkpoint(last, {"weight": torch.ones(2)}, {}, {"step": 2})
    assert [path.name for path in tmp_path.iterdir()] == ["last"] and load_checkpoint(last)[2] == {"step": 2}
    last.rename(old)
    assert recovered(last) and not old.exists() and load_checkpoint(last)[2] == {"step": 2}
    assert not recovered(tmp_path / "never")
