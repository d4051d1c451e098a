"""The shipped recipes: each is read (test_smoke.py trains the compact ones)."""

from pathlib import Path

import pytest

from training.methods.registry import open_method
from training.recipe import load_training_recipe

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "training" / "recipes"
METHODS = ("anisotropic", "dal2d", "densereg", "dfc", "tddfa_v2")


def test_each_method_has_two() -> None:
    assert sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.yaml")) == [
        f"{method}/{name}.yaml" for method in METHODS for name in ("compact", "paper")
    ]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["compact", "paper"])
def test_they_are_valid_and_say_what_they_are(method: str, name: str) -> None:
    path = FOLDER / method / f"{name}.yaml"
    recipe = load_training_recipe(path)
    assert recipe.method == method
    for stage in recipe.stages.values():
        open_method(method, recipe.stage_options(stage))
    text = path.read_text(encoding="utf-8")
    for field in ("# Purpose:", "# Command: python -m training train training/recipes/", "# Needs:"):
        assert field in text
