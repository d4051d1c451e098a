"""The recipe that a dataset carries: written by us, which says nothing about who changed it since."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from synthgen.core.errors import RecipeError
from synthgen.recipe.schema import Recipe


def stored_recipe(content: Mapping[str, Any], where: str) -> Recipe:
    """The recipe in the resolved form of dataset.json. Raises RecipeError, naming `where`, for anything else."""
    try:
        return Recipe.model_validate(dict(content))
    except (ValidationError, RecursionError) as error:
        problems = error.errors(include_url=False) if isinstance(error, ValidationError) else []
        lines = [f"{where}: {'.'.join(map(str, item['loc']))}: {item['msg']}"[:500] for item in problems]
        raise RecipeError(lines or [f"{where}: the recipe is nested too deeply"]) from None
