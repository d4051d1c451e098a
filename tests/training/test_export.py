"""What test_smoke.py, which exports the five compact recipes, leaves out: networks with other inputs and outputs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synthgen.predict.onnx_network import open_onnx
from tests.training.parity import same_cards, same_outputs
from training.checkpoint_network import open_checkpoint
from training.export import export_onnx
from training.loop import RunOptions, train
from training.recipe import TrainingRecipe

CASES: dict[str, tuple[str, dict[str, Any], tuple[str, ...], tuple[str, ...]]] = {
    "dal2d without landmarks": (
        "dal2d",
        {"landmark_map": False, "critic": False, "weights": [0.005, 0, 0, 0]},
        ("picture",),
        ("parameters", "landmarks"),
    ),
    "segmentation": ("densereg", {"head": "segmentation", "side": 0}, ("picture",), ("parts",)),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_onnx_equals_torch(case: str, tmp_path: Path, recipe_of: Callable[..., TrainingRecipe], faces: Path) -> None:
    method, options, inputs, outputs = CASES[case]
    recipe = recipe_of(method, faces, 1, 1e-3, options={"depth": 18, "width": 0.125, **options})
    train(recipe.model_copy(update={"validation": None}), tmp_path / "run", RunOptions(accelerator="cpu"))
    export_onnx(tmp_path / "run" / "last", tmp_path / "model.onnx")
    one, other = open_checkpoint(tmp_path / "run" / "last"), open_onnx(tmp_path / "model.onnx")
    assert one.card.inputs == inputs and one.card.outputs == outputs
    same_cards(one.card, other.card)
    same_outputs(one, other)
