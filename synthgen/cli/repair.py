"""`synthgen repair`: build exactly what is bad."""

from typing import Annotated

import typer

from synthgen.cli.console import put, say
from synthgen.cli.options import (
    BreakLockOption,
    ClusterOption,
    DatasetArgument,
    SchedulerOption,
    choose_cluster,
)
from synthgen.cli.progress import run_progress


def repair(
    dataset: DatasetArgument,
    deep: Annotated[bool, typer.Option("--deep", help="Find damage by reading every byte.")] = False,
    shard: Annotated[
        list[int] | None,
        typer.Option(
            "--shard", metavar="N", min=0, help="Build this shard, whatever it is. Repeatable.", show_default=False
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Processes; 0 builds in this process and shows where it fails.")
    ] = 1,
    scheduler: SchedulerOption = None,
    cluster: ClusterOption = None,
    break_lock: BreakLockOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be built; change nothing.")] = False,
) -> None:
    """Build the bad and missing shards of a dataset again.

    From the recipe that the dataset carries; the result has the bytes of an undisturbed run. Refused
    when versions or assets have changed, because then the bytes would differ.

    \b
    Examples:
      synthgen repair out/demo --deep
      synthgen repair out/demo --dry-run
      synthgen repair out/demo --shard 17 --workers 0
    """
    from synthgen.pipeline.repair import repair as repair_dataset
    from synthgen.pipeline.repair import shards_to_repair
    from synthgen.pipeline.run import GenerateOptions

    if dry_run:
        found = shards_to_repair(dataset, deep)
        for line in found.problems:
            put(line)
        put(f"{dataset}: {len(found.shards)} shards would be built: {_listed(found.shards)}")
        return
    options = GenerateOptions(
        workers=workers, cluster=choose_cluster(scheduler, cluster), lock="break" if break_lock else "own"
    )
    with run_progress("repair") as report:
        done = repair_dataset(dataset, options, shard, deep, report)
    for line in done.problems:
        say(f"found: {line}")
    put(f"{dataset}: {len(done.shards)} shards built again: {_listed(done.shards)}")


def _listed(shards: tuple[int, ...]) -> str:
    return ", ".join(map(str, shards)) or "none"
