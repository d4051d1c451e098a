"""The shipped recipes: each is read, and the compact ones train for a few steps on data of their own recipe."""

from pathlib import Path

import pytest

from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.recipe.load import load_recipe
from training.loop import RunOptions, train
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


@pytest.mark.parametrize("method", METHODS)
def test_compact_recipes_train(method: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    generate(load_recipe(ROOT / "recipes" / method / "compact.yaml", ("count=16",)), data, GenerateOptions(workers=0))
    path = FOLDER / method / "compact.yaml"
    changes = [f"validation={data}", "batch_size=4"]
    for name, stage in load_training_recipe(path).stages.items():
        changes += [f"stages.{name}.data={data}", f"stages.{name}.steps=1"]
        if stage.photos is not None:
            changes.append(f"stages.{name}.photos={data}")
    if method == "tddfa_v2":
        changes.append("options.look_ahead=2")
    result = train(load_training_recipe(path, tuple(changes)), tmp_path / "run", RunOptions(accelerator="cpu"))
    assert result.steps == len(load_training_recipe(path).stages)
    assert result.measures and list((tmp_path / "run" / "pictures").glob("*.png"))
