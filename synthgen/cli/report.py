"""`synthgen report`: a page about a dataset."""

from pathlib import Path
from typing import Annotated

import typer

from synthgen.cli.console import put, readable_bytes, say
from synthgen.cli.options import DatasetArgument


def report(
    dataset: DatasetArgument,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE.html", help="Page to write.")] = Path("report.html"),
    samples: Annotated[
        int, typer.Option("--samples", min=1, max=400, help="How many samples it shows, evenly spread.")
    ] = 24,
) -> None:
    """Write a page about a dataset.

    One file that loads nothing: samples with their labels, every sampled parameter beside what the recipe asked for,
    coverage, label checks, time and failures, licences, and how to make any sample again. A dataset may be unfinished.

    \b
    Examples:
      synthgen report out/demo -o report.html
      synthgen report out/demo -o report.html --samples 60
    """
    from synthgen.cli.recipe_draws import draw_from_recipe
    from synthgen.dataset.reader import load_manifest
    from synthgen.report.html import write_report

    written = write_report(dataset, out, samples, draw_from_recipe(load_manifest(dataset).recipe))
    for problem in written.problems:
        say(f"left out: {problem}")
    say(f"{written.samples} samples shown, {readable_bytes(written.bytes)}")
    put(str(written.path))
