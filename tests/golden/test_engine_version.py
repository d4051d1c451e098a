"""What equal recipes give must not change unnoticed: when it does, ENGINE_VERSION goes up and the numbers below anew.

The numbers are summaries with a tolerance, not hashes of bytes, because bytes are promised within one CPU family only.
Regenerate them with `python -m tests.golden.test_engine_version` from the root of the checkout.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthgen.core.conventions import ENGINE_VERSION
from synthgen.recipe.load import parse_recipe
from synthgen.render.frame import open_renderer

GOLDEN = Path(__file__).with_name("summaries.json")
SAMPLES = 4
COMMON = """
seed: 5
count: 32
size: [64, 64]
background: {kind: procedural}
occluders: {count: 1}
sensor: {noise: 2}
"""
RECIPES = {"images": "kind: images\nfaces: 2" + COMMON, "pairs": "kind: pairs" + COMMON}


def summaries() -> dict[str, Any]:
    """Engine version, and for the first samples of two recipes the finite mean and deviation of every array."""
    found: dict[str, Any] = {"engine_version": ENGINE_VERSION}
    for name, text in RECIPES.items():
        for sample in open_renderer(parse_recipe(text))(0)[:SAMPLES]:
            for label, array in sample.arrays.items():
                values = array.astype(np.float64)
                finite = values[np.isfinite(values)]
                summary = [float(finite.mean()), float(finite.std())] if len(finite) else [0.0, 0.0]
                found[f"{name}/{sample.index}/{label}"] = summary
    return found


def test_equal_recipes_give_what_they_gave() -> None:
    golden, found = json.loads(GOLDEN.read_text()), summaries()
    assert golden["engine_version"] == ENGINE_VERSION, "ENGINE_VERSION went up: regenerate the golden summaries"
    assert golden.keys() == found.keys()
    for key in found.keys() - {"engine_version"}:
        message = f"{key} changed: raise core.conventions.ENGINE_VERSION and regenerate tests/golden/summaries.json"
        assert found[key] == pytest.approx(golden[key], rel=2e-3, abs=2e-3), message


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(summaries(), indent=0, sort_keys=True) + "\n")
