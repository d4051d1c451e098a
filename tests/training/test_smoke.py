"""`make train-smoke`: each compact recipe from its data to its ONNX file, in a few steps."""

import json
from pathlib import Path

import pytest

from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.predict.onnx_network import open_onnx
from synthgen.recipe.load import load_recipe
from tests.training.parity import same_cards, same_outputs
from training.__main__ import main
from training.checkpoint_network import open_checkpoint
from training.recipe import TrainingRecipe, load_training_recipe

ROOT = Path(__file__).resolve().parents[2]
METHODS = ("anisotropic", "dal2d", "densereg", "dfc", "tddfa_v2")
COUNT, BATCH = 8, 4
OUTPUTS = {
    "dfc": ("flow", "matchability"),
    "densereg": ("bin_u", "residual_u", "bin_v", "residual_v", "uv"),
    "dal2d": ("parameters", "landmarks"),
    "tddfa_v2": ("parameters", "landmarks", "landmark_head"),
    "anisotropic": ("landmarks",),
}


def tiny(method: str, data: Path) -> list[str]:
    """What makes a compact recipe tiny: its data, two steps for each stage, and small batches."""
    path = ROOT / "training" / "recipes" / method / "compact.yaml"
    changes = [f"validation={data}", f"batch_size={BATCH}"]
    for name, stage in load_training_recipe(path).stages.items():
        changes += [f"stages.{name}.data={data}", f"stages.{name}.steps=2"]
        if stage.photos is not None:
            changes.append(f"stages.{name}.photos={data}")
    if method == "tddfa_v2":
        changes.append("options.look_ahead=2")
    return [str(path), *(part for change in changes for part in ("--set", change))]


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["training", *arguments])
    return main()


@pytest.mark.parametrize("method", METHODS)
def test_from_data_to_onnx(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, run, file = tmp_path / "data", tmp_path / "run", tmp_path / "model.onnx"
    recipe = load_recipe(ROOT / "recipes" / method / "compact.yaml", (f"count={COUNT}",))
    generate(recipe, data, GenerateOptions(workers=0))

    assert command(monkeypatch, "train", *tiny(method, data), "-o", str(run), "--accelerator", "cpu") == 0
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    stages = TrainingRecipe.model_validate(json.loads((run / "last" / "state.json").read_text())["recipe"]).stages
    assert len([line for line in lines if "step_s" in line]) == 2 * len(stages)
    assert list((run / "pictures").glob("*.png"))
    trained = capsys.readouterr()
    assert "samples/s" not in trained.err  # no bar without a terminal

    # Reloaded, the checkpoint measures what training measured last.
    assert command(monkeypatch, "evaluate", str(run / "last"), str(data)) == 0
    assert capsys.readouterr().out.splitlines() == trained.out.splitlines()[:-1]

    assert command(monkeypatch, "export", str(run / "last"), "-o", str(file)) == 0
    one, other = open_checkpoint(run / "last"), open_onnx(file)
    assert one.card.method == method and one.card.outputs == OUTPUTS[method]
    same_cards(one.card, other.card)
    same_outputs(one, other)
