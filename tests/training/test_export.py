"""ONNX files give what the checkpoints give, and carry what is needed to use them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthgen.predict.onnx_network import open_onnx
from training.checkpoint_network import open_checkpoint
from training.export import export_onnx
from training.loop import RunOptions, train
from training.recipe import TrainingRecipe

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "dfc": ("pairs", {"widths": [4, 4, 4, 4], "flow_scale": 4.0}),
    "densereg": ("faces", {"depth": 18, "bins": 3, "side": 0}),
    "dal2d": ("faces", {"depth": 18, "critic": False, "consistency": False}),
    "tddfa_v2": ("faces", {"width": 0.25, "loss": "fwpdc", "vertices": 80}),
    "anisotropic": ("faces", {"depth": 18, "balance": "none"}),
}
OUTPUTS = {
    "dfc": ("flow", "matchability"),
    "densereg": ("bin_u", "residual_u", "bin_v", "residual_v", "uv"),
    "dal2d": ("parameters", "landmarks"),
    "tddfa_v2": ("parameters", "landmarks", "landmark_head"),
    "anisotropic": ("landmarks",),
}


@pytest.mark.parametrize("method", sorted(CASES))
def test_onnx_equals_torch(
    method: str, tmp_path: Path, recipe_of: Callable[..., TrainingRecipe], request: pytest.FixtureRequest
) -> None:
    data, options = CASES[method]
    folder = request.getfixturevalue(data)
    train(recipe_of(method, folder, 2, 1e-3, options=options), tmp_path / "run", RunOptions(accelerator="cpu"))
    export_onnx(tmp_path / "run" / "last", tmp_path / "model.onnx")
    one, other = open_checkpoint(tmp_path / "run" / "last"), open_onnx(tmp_path / "model.onnx")
    card = one.card
    assert card.method == method and card.size == ((32, 32) if data == "pairs" else (64, 64))
    assert card.outputs == OUTPUTS[method]
    for name in ("method", "size", "share", "inputs", "outputs", "options", "model", "model_name"):
        assert getattr(other.card, name) == getattr(card, name)
    assert other.card.arrays.keys() == card.arrays.keys()
    for name, array in card.arrays.items():
        np.testing.assert_array_equal(other.card.arrays[name], array)
    random = np.random.default_rng(0)
    shape = {"given_landmarks": (3, 68, 2)}
    given = {
        name: random.standard_normal(shape.get(name, (3, 3, *card.size))).astype(np.float32) for name in card.inputs
    }
    expected, found = one.run(given), other.run(given)
    for name in card.outputs:
        scale = max(float(np.nanmax(np.abs(expected[name]), initial=0.0)), 1.0)
        if name == "uv":  # jumps where two bins are equally likely
            same = np.isclose(expected[name], found[name], atol=1e-4, equal_nan=True)
            assert same.mean() > 0.999
        else:
            assert np.abs(expected[name] - found[name]).max() < 1e-4 * scale
