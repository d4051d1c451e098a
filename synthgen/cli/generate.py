"""`synthgen generate`: the main job."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthgen.cli.console import put, readable_bytes, readable_seconds, say
from synthgen.cli.failures import command_line
from synthgen.cli.options import (
    BreakLockOption,
    ClusterOption,
    CountOption,
    Device,
    DeviceOption,
    RecipeArgument,
    ResumeOption,
    SchedulerOption,
    SetOption,
    WorkersOption,
    choose_cluster,
    choose_device,
)
from synthgen.cli.progress import run_progress
from synthgen.core.errors import UsageError

if TYPE_CHECKING:
    from synthgen.pipeline.cluster import ClusterSpec
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
    resume: ResumeOption = False,
    scheduler: SchedulerOption = None,
    cluster: ClusterOption = None,
    join: Annotated[bool, typer.Option("--join", help="Help a run that goes on in the same folder.")] = False,
    break_lock: BreakLockOption = False,
    attempts: Annotated[
        int, typer.Option("--attempts", min=1, help="Workers that may die on one shard before it is given up.")
    ] = 3,
    worker_memory: Annotated[
        float | None,
        typer.Option(
            "--worker-memory", metavar="GB", min=0.1, help="Kill a worker that uses more.", show_default=False
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print counts, bytes and time measured from a few samples; write nothing.")
    ] = False,
    overrides: SetOption = None,
) -> None:
    """Make the dataset of a recipe.

    The folder holds shards, indexes, dataset.json and samples.parquet. Equal recipes give equal
    bytes, whatever the number of workers and interruptions. Exit code 3 when all but some shards,
    which quarantine.json lists, could be built.

    \b
    Examples:
      synthgen generate recipes/demo.yaml -o out/demo
      synthgen generate recipes/dfc/pretrain_gray.yaml --workers 8 --dry-run
      synthgen generate recipes/dfc/pretrain_gray.yaml -o out/gray --workers 8 --resume
      synthgen generate recipes/demo.yaml -o out/profile --count 1000 --set pose.yaw_deg=80
      synthgen generate recipes/dfc/pretrain_gray.yaml -o out/gray --scheduler tcp://10.0.0.1:8786
      synthgen generate recipes/dfc/pretrain_gray.yaml --cluster slurm.yaml --dry-run
    """
    from synthgen.recipe.load import load_recipe

    loaded = load_recipe(recipe, overrides or ())
    chosen = choose_device(device)
    spec = choose_cluster(scheduler, cluster)
    if dry_run:
        _print_dry_run(loaded, count, workers, chosen, spec)
        return
    if out is None:
        raise UsageError("generate needs -o DIR, the folder of the dataset")
    if join and break_lock:
        raise UsageError("--join and --break-lock exclude each other")
    from synthgen.pipeline.attempts import FailureBudget
    from synthgen.pipeline.run import GenerateOptions
    from synthgen.pipeline.workers import WorkerLimits

    options = GenerateOptions(
        count=count,
        workers=workers,
        device=chosen,
        resume=resume,
        cluster=spec,
        budget=FailureBudget(deaths=attempts),
        limits=WorkerLimits(bytes=None if worker_memory is None else int(worker_memory * 1e9)),
        lock="join" if join else "break" if break_lock else "own",
    )
    put(run_recipe(recipe.name, loaded, out, options).path)


def _print_dry_run(
    recipe: "Recipe", count: int | None, workers: int, device: str, cluster: "ClusterSpec | None"
) -> None:
    from synthgen.cli.dry_run import estimate
    from synthgen.pipeline.renderers import sample_count

    many = workers if cluster is None else cluster.workers
    for line in estimate(recipe, count or sample_count(recipe), many, device).lines():
        put(line)
    if cluster is None:
        return
    from synthgen.pipeline.run_dask import job_script

    script = job_script(cluster)
    put(f"cluster      {cluster.kind}, {cluster.workers} workers" + (", each job:" if script else ""))
    if script:
        put(script)


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
    if len(summary.cpu_families) > 1:
        say(
            f"note: built by CPUs of several families ({', '.join(summary.cpu_families)}); between them labels agree "
            "within the tolerances of the label table, not in every bit"
        )
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
