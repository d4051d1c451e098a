"""`synthgen assets check`: can every file that a recipe names be used?"""

import json
import sys

import typer

from synthgen.cli.console import put, say
from synthgen.cli.options import JsonOption, RecipeArgument, SetOption


def check(recipe: RecipeArgument, overrides: SetOption = None, as_json: JsonOption = False) -> None:
    """Open every file that a recipe names.

    Model, lights, backgrounds, textures, cut-outs, annotations, fittings and their photos are read and decoded once.
    Each one that cannot be used is listed with the reason; exit code 1 if there is any. A run with such a file in a
    folder of backgrounds, textures or cut-outs shows other ones in its place; any other bad file stops it at its start.

    \b
    Examples:
      synthgen assets check recipes/demo.yaml
      synthgen assets check recipes/dfc/pretrain_coco.yaml --json > assets.json
    """
    from synthgen.pipeline.asset_check import check_assets
    from synthgen.recipe.load import load_recipe

    report = check_assets(load_recipe(recipe, overrides or ()), _tell if sys.stderr.isatty() else None)
    if as_json:
        bad = [found._asdict() for found in report.bad]
        put(json.dumps({"recipe": str(recipe), "looked_at": report.looked_at, "bad": bad}, indent=1))
    else:
        for found in report.bad:
            put(f"{found.kind}  {found.file}: {found.reason}")
        for kind, count in report.looked_at.items():
            wrong = sum(found.kind == kind for found in report.bad)
            put(f"{kind}: {count} looked at, {wrong} cannot be used")
        if not report.looked_at:
            put("the recipe names no files")
    if report.bad:
        raise typer.Exit(1)


def _tell(kind: str, number: int) -> None:
    if number % 1000 == 0:
        say(f"{kind}: {number} looked at")
