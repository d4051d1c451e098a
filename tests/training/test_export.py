"""ONNX files give what the checkpoints give."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from training.export import deployed, export_onnx
from training.loop import RunOptions, train
from training.recipe import TrainingRecipe
from training.restore import restore

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "dfc": ("pairs", {"widths": [4, 4, 4, 4], "flow_scale": 4.0}),
    "densereg": ("faces", {"depth": 18, "bins": 3, "side": 0}),
    "dal2d": ("faces", {"depth": 18, "critic": False, "consistency": False}),
    "tddfa_v2": ("faces", {"width": 0.25, "loss": "fwpdc", "vertices": 80}),
    "anisotropic": ("faces", {"depth": 18, "balance": "none"}),
}


@pytest.mark.parametrize("method", sorted(CASES))
def test_onnx_equals_torch(
    method: str, tmp_path: Path, recipe_of: Callable[..., TrainingRecipe], request: pytest.FixtureRequest
) -> None:
    import onnx
    import onnxruntime

    data, options = CASES[method]
    folder = request.getfixturevalue(data)
    train(recipe_of(method, folder, 2, 1e-3, options=options), tmp_path / "run", RunOptions(accelerator="cpu"))
    export_onnx(tmp_path / "run" / "last", tmp_path / "model.onnx")
    module, inputs, names, outputs = deployed(restore(tmp_path / "run" / "last"))
    random = torch.Generator().manual_seed(0)
    given = [torch.randn((3, *one.shape[1:]), generator=random) for one in inputs]
    with torch.no_grad():
        expected = module(*given)
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    found = session.run(outputs, {name: one.numpy() for name, one in zip(names, given, strict=True)})
    for one, other in zip(expected, found, strict=True):
        assert np.abs(one.numpy() - other).max() < 1e-4 * max(float(one.abs().max()), 1.0)
    facts = json.loads(onnx.load(str(tmp_path / "model.onnx")).metadata_props[0].value)
    assert facts["method"] == method and facts["size"] == [32, 32] if data == "pairs" else [64, 64]
