"""`synthgen generate`: the main job."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthgen.cli.console import put, readable_bytes, readable_seconds, say
from synthgen.cli.failures import command_line
from synthgen.cli.options import (
    CountOption,
    Device,
    DeviceOption,
    RecipeArgument,
    SetOption,
    WorkersOption,
    choose_device,
)
from synthgen.cli.progress import run_progress
from synthgen.core.errors import UsageError

if TYPE_CHECKING:
    from synthgen.pipeline.run import GenerateOptions, RunSummary
    from synthgen.recipe.schema import Recipe


def generate(
    recipe: RecipeArgument,
    out: Annotated[
        str | None,
        typer.Option("-o", "--out", metavar="DIR", help="Folder (or URL) of the dataset.", show_default=False),
    ] = None,
    count: CountOption = None,
    workers: WorkersOption = 1,
    device: DeviceOption = Device.AUTO,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what the folder holds.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print counts, bytes and time measured from a few samples; write nothing.")
    ] = False,
    overrides: SetOption = None,
) -> None:
    """Make the dataset of a recipe.

    The folder holds shards, indexes, dataset.json and samples.parquet. Equal recipes give equal
    bytes, whatever the number of workers and interruptions.

    \b
    Examples:
      synthgen generate recipes/demo.yaml -o out/demo
      synthgen generate recipes/dfc/pretrain_gray.yaml --workers 8 --dry-run
      synthgen generate recipes/dfc/pretrain_gray.yaml -o out/gray --workers 8 --resume
      synthgen generate recipes/demo.yaml -o out/profile --count 1000 --set pose.yaw_deg=80
    """
    from synthgen.recipe.load import load_recipe

    loaded = load_recipe(recipe, overrides or ())
    chosen = choose_device(device)
    if dry_run:
        from synthgen.cli.dry_run import estimate
        from synthgen.pipeline.renderers import sample_count

        for line in estimate(loaded, count or sample_count(loaded), workers, chosen).lines():
            put(line)
        return
    if out is None:
        raise UsageError("generate needs -o DIR, the folder of the dataset")
    from synthgen.pipeline.run import GenerateOptions

    put(run_recipe(recipe.name, loaded, out, GenerateOptions(count, workers, chosen, resume)).path)


def run_recipe(title: str, recipe: "Recipe", out: str | Path, options: "GenerateOptions") -> "RunSummary":
    """Make the dataset of a recipe under a progress bar called `title`, and say what was done or how to go on."""
    from synthgen.pipeline.run import generate as build_dataset

    try:
        with run_progress(title) as report:
            summary = build_dataset(recipe, out, options, report)
    except (KeyboardInterrupt, SystemExit):
        say(f"stopped; finish it with: {command_line('--resume')}")
        raise
    describe_run(summary)
    return summary


def describe_run(summary: "RunSummary") -> None:
    """Say what a run did."""
    if not summary.built_samples:
        say(f"{summary.path}: nothing to do, all {summary.total_samples} samples are there")
        return
    rate = summary.built_samples / max(summary.seconds, 1e-9)
    say(
        f"{summary.path}: {summary.built_samples} of {summary.total_samples} samples in "
        f"{readable_seconds(summary.seconds)} ({rate:.1f} samples/s), {readable_bytes(summary.bytes)}, "
        f"{readable_bytes(summary.bytes / summary.built_samples)} per sample"
    )
    empty = count_without_face(summary.path)
    if empty:
        say(
            f"warning: {empty} of {summary.total_samples} samples have a picture without any face; "
            "look at pose.translation and pose.scale"
        )


def count_without_face(folder: str) -> int:
    """How many samples of a dataset have a picture in which no face surface is seen; 0 for one that is not local."""
    import numpy as np

    from synthgen.dataset.reader import open_dataset

    if not Path(folder).is_dir():
        return 0
    table = open_dataset(folder, allow_incomplete=True).table
    columns = [name for name in table.column_names if name.startswith("check_") and name.endswith("coverage")]
    if not columns:
        return 0
    return int((np.column_stack([table[name].to_numpy() for name in columns]) == 0).any(axis=1).sum())
