"""Commands beside the protocols."""

from pathlib import Path
from typing import Annotated

import typer

RECIPE = Path("recipes/benchmark.yaml")


def make_sweeps(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="New folder.")],
    recipe: Annotated[Path, typer.Option("--recipe", metavar="FILE.yaml", help="Whose faces are shown.")] = RECIPE,
    faces: Annotated[int, typer.Option("--faces", min=1, max=10_000, help="Faces at every level.")] = 32,
) -> None:
    """Render the pictures that the protocol `sweeps` scores: yaw, occluded features, light, box jitter."""
    from eval.sweep_set import write_sweeps
    from synthgen.recipe.load import load_recipe

    count = write_sweeps(load_recipe(recipe), out, faces)
    print(f"{out}: {count} pictures")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("make-sweeps")(make_sweeps)
