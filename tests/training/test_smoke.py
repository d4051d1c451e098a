"""`make train-smoke`: each compact recipe from its data to its ONNX file, in a few steps."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.recipe.load import load_recipe
from training.__main__ import main
from training.export import deployed
from training.loop import evaluate
from training.recipe import TrainingRecipe, load_training_recipe
from training.restore import restore

ROOT = Path(__file__).resolve().parents[2]
METHODS = ("anisotropic", "dal2d", "densereg", "dfc", "tddfa_v2")
COUNT, BATCH = 32, 8


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
    import onnxruntime

    data, run = tmp_path / "data", tmp_path / "run"
    recipe = load_recipe(ROOT / "recipes" / method / "compact.yaml", (f"count={COUNT}",))
    generate(recipe, data, GenerateOptions(workers=0))

    assert command(monkeypatch, "train", *tiny(method, data), "-o", str(run), "--accelerator", "cpu") == 0
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    stages = TrainingRecipe.model_validate(json.loads((run / "last" / "state.json").read_text())["recipe"]).stages
    assert len([line for line in lines if "step_s" in line]) == 2 * len(stages)
    assert list((run / "pictures").glob("*.png")) or method == "densereg"
    trained = capsys.readouterr()
    assert "samples/s" not in trained.err  # no bar without a terminal

    # Reloaded, the checkpoint measures what training measured last.
    assert command(monkeypatch, "evaluate", str(run / "last"), str(data)) == 0
    assert capsys.readouterr().out.splitlines() == trained.out.splitlines()[:-1]
    restored = restore(run / "last")
    measures, _ = evaluate(restored.method, restored.network, str(data), torch.device("cpu"))
    last = [line["evaluation"] for line in lines if "evaluation" in line][-1]
    for name, measure in measures.items():
        assert measure.value == pytest.approx(last[name], rel=1e-5, nan_ok=True), name

    assert command(monkeypatch, "export", str(run / "last"), "-o", str(tmp_path / "model.onnx")) == 0
    module, inputs, names, outputs = deployed(restored)
    given = [torch.randn((2, *one.shape[1:]), generator=torch.Generator().manual_seed(0)) for one in inputs]
    with torch.no_grad():
        expected = module(*given)
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    found = session.run(outputs, {name: one.numpy() for name, one in zip(names, given, strict=True)})
    for one, other in zip(expected, found, strict=True):
        assert np.abs(one.numpy() - other).max() < 1e-4 * max(float(one.abs().max()), 1.0)
