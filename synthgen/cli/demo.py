"""`synthgen demo`: the first minute."""

import os
from pathlib import Path
from typing import Annotated

import typer

from synthgen.cli.console import put, say
from synthgen.cli.generate import describe_run
from synthgen.cli.options import Device, DeviceOption, choose_device
from synthgen.cli.progress import run_progress

RECIPES = Path(__file__).parent / "recipes"
MOST_WORKERS = 4
SHEET_SAMPLES = {"images": 12, "pairs": 8}


def demo(
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="DIR", help="Folder of the pictures; the pairs go to DIR_pairs.")
    ] = Path("out/demo"),
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes.", show_default="cores")] = None,
    device: DeviceOption = Device.CPU,
) -> None:
    """Make two small datasets and pictures of them.

    Needs nothing but this package: 64 faces with every label, 32 pairs with flow, and a contact sheet of each.

    \b
    Examples:
      synthgen demo
      synthgen demo -o out/first --workers 2
    """
    pairs = out.with_name(f"{out.name}_pairs")
    sheets = []
    for recipe_name, folder in (("demo.yaml", out), ("demo_pairs.yaml", pairs)):
        sheets.append(_make(recipe_name, folder, workers or min(MOST_WORKERS, _cores()), choose_device(device)))
    put(f"contact sheets  {sheets[0]}")
    put(f"                {sheets[1]}")
    put(f"datasets        {out}  (synthgen.open_dataset({str(out)!r}))")
    put(f"                {pairs}")
    put(f"recipes         {_shown('demo.yaml')}")
    put(f"                {_shown('demo_pairs.yaml')}")


def _make(recipe_name: str, out: Path, workers: int, device: str) -> Path:
    """Generate (or finish) a demo dataset; returns its contact sheet."""
    from synthgen.dataset.reader import open_dataset
    from synthgen.pipeline.run import GenerateOptions, generate
    from synthgen.recipe.load import load_recipe
    from synthgen.report.contact_sheet import contact_sheet

    recipe = load_recipe(RECIPES / recipe_name)
    say(f"{recipe.count} {recipe.kind} from {_shown(recipe_name)}")
    with run_progress(recipe_name) as report:
        summary = generate(recipe, out, GenerateOptions(workers=workers, resume=True, device=device), report)
    describe_run(summary)
    dataset = open_dataset(out)
    sheet = out / "contact_sheet.png"
    contact_sheet([dataset[position] for position in range(SHEET_SAMPLES[recipe.kind])], sheet)
    dataset.close()
    return sheet


def _shown(recipe_name: str) -> str:
    """Where the recipe lies: in a checkout these are links into recipes/."""
    path = (RECIPES / recipe_name).resolve()
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
