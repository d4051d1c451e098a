"""`synthgen preview`: a few samples of a recipe as a picture."""

from pathlib import Path
from typing import Annotated

import typer

from synthgen.cli.console import put
from synthgen.cli.options import Device, DeviceOption, RecipeArgument, SetOption, choose_device

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
    from synthgen.core.conventions import BLOCK
    from synthgen.pipeline.renderers import open_renderer
    from synthgen.recipe.load import load_recipe
    from synthgen.report.contact_sheet import contact_sheet, sheet_labels

    loaded = load_recipe(recipe, overrides or ())
    renderer = open_renderer(loaded, choose_device(device))
    blocks = range(-(-count // BLOCK))
    samples = [sample.arrays for block in blocks for sample in renderer.render(block, sheet_labels(loaded.kind))]
    contact_sheet(samples[:count], out, mean_face=renderer.template.mean_face)
    put(str(out))
