"""Numbers drawn again from a dataset's recipe, for the columns of its report that have no closed form."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import AssetError, ModelError
from synthgen.report.expected_columns import Drawn

if TYPE_CHECKING:
    from synthgen.recipe.schema import Recipe

DRAWS = 4096
SEED = 20_250
Numbers = dict[str, NDArray[np.float64]]


def draw_from_recipe(resolved: Mapping[str, Any]) -> Drawn:
    """What the sampler gives for a recipe (as dataset.json stores it) when asked 4096 times more.

    Columns that follow from photos or from a model that is not there are left out, with the reason.
    """
    from pydantic import ValidationError

    from synthgen.recipe.schema import Recipe

    try:
        recipe = Recipe.model_validate(resolved)
    except ValidationError:
        return Drawn(reasons=("The recipe is of another version of synthgen, so fewer parameters are compared.",))
    if recipe.kind == "video":
        return Drawn(_steps(recipe), draws=DRAWS)
    if recipe.kind == "fittings":
        return Drawn()
    try:
        numbers = _head(recipe)
        reasons: tuple[str, ...] = ()
    except (ModelError, AssetError, OSError) as error:
        numbers, reasons = {}, (f"Scale and expression are not compared: {error}",)
    return Drawn(numbers | _skin(recipe), _lights(recipe), DRAWS, reasons)


def _head(recipe: "Recipe") -> Numbers:
    """Scale and expression, which depend on the model."""
    from synthgen.morphable.open_model import open_model
    from synthgen.sampling.expression import sample_expression
    from synthgen.sampling.placement import mean_face_box

    model = open_model(recipe.model)
    random = np.random.default_rng(SEED)
    scale = recipe.pose.scale.sample(random, DRAWS) * recipe.size[0] / mean_face_box(model).side
    expressions = [sample_expression(recipe.expression, model, random) for _ in range(DRAWS)]
    return {"scale_px_per_mm": scale, "expression": np.concatenate(expressions)}


def _skin(recipe: "Recipe") -> Numbers:
    from synthgen.recipe.sections import ProceduralAlbedo
    from synthgen.sampling.albedo import sample_skin, skin_record

    if not isinstance(recipe.albedo, ProceduralAlbedo):
        return {}
    random = np.random.default_rng(SEED + 1)
    records = [skin_record(sample_skin(random)) for _ in range(DRAWS)]
    return {f"skin_{name}": np.array([record[name] for record in records]) for name in records[0]}


def _lights(recipe: "Recipe") -> dict[str, dict[str, float]]:
    """The built-in environments; those of files are not read for a report."""
    from synthgen.asset_io.builtin_lights import builtin_lights
    from synthgen.recipe.load import BUILTIN

    if recipe.light.source != BUILTIN:
        return {}
    names = list(builtin_lights())
    return {"light": dict.fromkeys(names, 1 / len(names))}


def _steps(recipe: "Recipe") -> Numbers:
    """The steps of clips, noise and blur; all frames of a clip together, as the table holds them."""
    from synthgen.motion.motion_path import motion_record, sample_motion

    seed = recipe.seed ^ 1  # what is compared must not be the same numbers
    records = [motion_record(sample_motion(recipe.video, seed, index), 5) for index in range(DRAWS)]
    return {name: np.array([record[name] for record in records]).ravel() for name in records[0]}
