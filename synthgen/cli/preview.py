"""`synthgen preview`: a few samples of a recipe as a picture."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthgen.cli.console import put
from synthgen.cli.options import Device, DeviceOption, RecipeArgument, SetOption, choose_device

if TYPE_CHECKING:
    from synthgen.recipe.schema import Recipe

MOST_SAMPLES = 64


def preview(
    recipe: RecipeArgument,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE.png", help="Picture to write.")] = Path("sheet.png"),
    count: Annotated[int, typer.Option("-n", min=1, max=MOST_SAMPLES, help="How many samples.")] = 16,
    overrides: SetOption = None,
    device: DeviceOption = Device.CPU,
) -> None:
    """Draw the first samples of a recipe.

    The picture shows them with their labels. No dataset is made.

    \b
    Examples:
      synthgen preview recipes/demo.yaml -o sheet.png
      synthgen preview recipes/demo.yaml -n 8 --set background.kind=gray
    """
    from synthgen.recipe.load import load_recipe
    from synthgen.report.contact_sheet import contact_sheet

    loaded = load_recipe(recipe, overrides or ())
    samples = first_samples(loaded, count, choose_device(device))
    contact_sheet(samples, out)
    put(str(out))


def first_samples(recipe: "Recipe", count: int, device: str) -> list[dict[str, Any]]:
    """Arrays of samples 0 .. count-1 with the labels that a contact sheet shows."""
    from synthgen.core.conventions import BLOCK
    from synthgen.pipeline.renderers import open_renderer
    from synthgen.report.contact_sheet import sheet_labels

    renderer = open_renderer(recipe, device)
    blocks = range(-(-count // BLOCK))
    samples = [sample for block in blocks for sample in renderer.render(block, sheet_labels(recipe.kind))]
    return [sample.arrays for sample in samples[:count]]
