"""`synthgen preview`: a few samples of a recipe as a picture."""

from pathlib import Path
from typing import Annotated

import typer

from synthgen.cli.console import put, say
from synthgen.cli.options import Device, DeviceOption, RecipeArgument, SetOption, choose_device

MOST_SAMPLES = 64


def preview(
    recipe: RecipeArgument,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE.png", help="Picture to write.")] = Path("sheet.png"),
    count: Annotated[int, typer.Option("-n", min=1, max=MOST_SAMPLES, help="How many samples.")] = 16,
    first: Annotated[int, typer.Option("--first", metavar="INDEX", min=0, help="Sample to begin with.")] = 0,
    overrides: SetOption = None,
    device: DeviceOption = Device.CPU,
) -> None:
    """Draw some samples of a recipe, by default the first.

    The picture shows them with their labels. No dataset is made.

    \b
    Examples:
      synthgen preview recipes/demo.yaml -o sheet.png
      synthgen preview recipes/demo.yaml -n 8 --set background.kind=gray
      synthgen preview recipes/demo.yaml --first 1234 -n 1 -o sample.png
    """
    from synthgen.core.check_limits import broken_limits
    from synthgen.core.conventions import BLOCK
    from synthgen.pipeline.renderers import open_renderer
    from synthgen.recipe.load import load_recipe
    from synthgen.report.contact_sheet import contact_sheet, sheet_labels

    loaded = load_recipe(recipe, overrides or ())
    renderer = open_renderer(loaded, choose_device(device))
    labels, end = sheet_labels(loaded.kind), first + count
    blocks = range(first // BLOCK, -(-end // BLOCK))
    samples = [sample for block in blocks for sample in renderer.render(block, labels) if first <= sample.index < end]
    contact_sheet([sample.arrays for sample in samples], out, first, renderer.template.mean_face)
    for sample in samples:
        for problem in broken_limits(sample.checks):
            say(f"sample {sample.index}: {problem}")
    put(str(out))
