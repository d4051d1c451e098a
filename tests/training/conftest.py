"""Eight samples of each kind that the methods train on, made once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.recipe.load import parse_recipe
from synthgen.recipe.schema import Recipe
from tests.fittings.ground_truth_fixtures import write_set
from training.recipe import TrainingRecipe

ORTHOGRAPHIC = "camera: {projection: scaled_orthographic}\n"
LABELS = "labels: [image, uv, parts, depth_unit, parameters_62, landmarks_2d, landmarks_2d_contour]\n"
COMMON = "count: 8\nseed: 1\nshard_size: 4\n"


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures of 64 x 64 px with every label that a method needs."""
    folder = tmp_path_factory.mktemp("training") / "faces"
    recipe = parse_recipe("kind: images\nsize: [64, 64]\n" + COMMON + ORTHOGRAPHIC + LABELS)
    generate(recipe, folder, GenerateOptions(workers=0))
    return folder


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pairs of 32 x 32 px."""
    folder = tmp_path_factory.mktemp("training") / "pairs"
    generate(parse_recipe("kind: pairs\nsize: [32, 32]\n" + COMMON), folder, GenerateOptions(workers=0))
    return folder


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of 32 x 32 px with flow to the mean face."""
    folder = tmp_path_factory.mktemp("training")
    write_set(folder)
    content = {
        "kind": "fittings",
        "size": [32, 32],
        "fittings": {"path": str(folder / "fittings.npz")},
        "crop": {"rule": "landmark_box"},
        "labels": ["image", "flow", "matchability"],
    }
    generate(Recipe.model_validate(content), folder / "photos", GenerateOptions(workers=0))
    return folder / "photos"


@pytest.fixture
def pairs_then_photos(recipe_of: Callable[..., TrainingRecipe], pairs: Path, photos: Path) -> TrainingRecipe:
    """dfc's two stages, of a step each."""
    recipe = recipe_of("dfc", pairs, 1, 1e-3, options={"widths": [4, 4, 4, 4]}, batch_size=2)
    first = recipe.stages["only"]
    second = first.model_copy(update={"data": str(photos), "options": {"shared": False}})
    return recipe.model_copy(update={"stages": {"pairs": first, "photos": second}})


@pytest.fixture
def recipe_of() -> Callable[..., TrainingRecipe]:
    """A recipe of one stage."""

    def make(method: str, data: Path, steps: int, rate: float, **changes: Any) -> TrainingRecipe:
        stage = {"data": str(data), "steps": steps, "optimizer": {"kind": "adam", "learning_rate": rate}}
        stage |= changes.pop("stage", {})
        content = {
            "method": method,
            "batch_size": 8,
            "validation": str(data),
            "evaluate_every": 10_000,
            "keep_every": 10_000,
            "stages": {"only": stage},
        }
        return TrainingRecipe.model_validate(content | changes)

    return make


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
