"""`synthgen validate`: is this recipe right?"""

from pathlib import Path
from typing import Annotated

import typer

from synthgen.cli.console import put
from synthgen.cli.options import SetOption
from synthgen.core.errors import UsageError


def validate(
    recipe: Annotated[
        Path | None, typer.Argument(metavar="RECIPE", help="Recipe file (YAML).", show_default=False)
    ] = None,
    overrides: SetOption = None,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Print every entry, defaults included, as JSON.")
    ] = False,
    json_schema: Annotated[
        bool, typer.Option("--json-schema", help="Print the JSON schema of recipes, for completion in editors.")
    ] = False,
) -> None:
    """Check a recipe, every problem at once.

    Problems are printed with file, line and column. Nothing is rendered.

    \b
    Examples:
      synthgen validate recipes/demo.yaml
      synthgen validate recipes/demo.yaml --set pose.yaw_deg=30 --resolved
      synthgen validate --json-schema > recipe.schema.json
    """
    import json

    from synthgen.recipe.load import load_recipe

    if json_schema:
        from synthgen.recipe.json_schema import recipe_json_schema

        put(json.dumps(recipe_json_schema(), indent=1))
        return
    if recipe is None:
        raise UsageError("validate needs a recipe file, for example: synthgen validate recipes/demo.yaml")
    loaded = load_recipe(recipe, overrides or ())
    if resolved:
        put(json.dumps(loaded.model_dump(mode="json"), indent=1))
        return
    height, width = loaded.size
    count = "all" if loaded.count is None else loaded.count
    labels = ", ".join(loaded.labels)
    put(f"{recipe}: valid; {count} {loaded.kind} of {height} x {width}, labels {labels}")
