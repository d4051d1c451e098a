"""Arguments and options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthgen.cli.console import say
from synthgen.core.errors import UsageError

if TYPE_CHECKING:
    from synthgen.pipeline.cluster import ClusterSpec


DRIVER = Path("/proc/driver/nvidia/version")  # there when the kernel has a GPU's driver


class Device(StrEnum):
    """Where to render."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


RecipeArgument = Annotated[Path, typer.Argument(metavar="RECIPE", help="Recipe file (YAML).", show_default=False)]
DatasetArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Dataset folder.", show_default=False)]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change an entry of the recipe, value in YAML: --set pose.yaw_deg=30. May be repeated.",
        show_default=False,
    ),
]
CountOption = Annotated[
    int | None,
    typer.Option("--count", min=1, help="Samples to make, instead of the recipe's count.", show_default=False),
]
WorkersOption = Annotated[int, typer.Option("--workers", min=1, help="Processes; one thread each.")]
DeviceOption = Annotated[Device, typer.Option("--device", help="auto takes CUDA where there is one.")]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on with what the folder holds.")]
SchedulerOption = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="ADDRESS", help="Dask scheduler, tcp://host:8786.", show_default=False),
]
ClusterOption = Annotated[
    Path | None,
    typer.Option(
        "--cluster", metavar="FILE", help="Dask cluster to start (YAML, docs/cluster.md).", show_default=False
    ),
]
BreakLockOption = Annotated[
    bool, typer.Option("--break-lock", help="Take over the lock of another computer's run that is gone.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


def choose_cluster(scheduler: str | None, cluster: Path | None) -> "ClusterSpec | None":
    """The cluster of a run, None without one. Raises UsageError or RecipeError."""
    if scheduler is not None and cluster is not None:
        raise UsageError("--scheduler and --cluster exclude each other")
    if scheduler is None and cluster is None:
        return None
    from synthgen.pipeline.cluster import load_cluster, scheduler_at

    return scheduler_at(scheduler) if scheduler is not None else load_cluster(cluster or "")


def choose_device(device: Device) -> str:
    """ "cpu" or "cuda" for `auto`, with a warning where there is a GPU that cannot be used; the others as they are."""
    if device is not Device.AUTO:
        return device.value
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if DRIVER.exists():
        why = "this torch is built without CUDA" if torch.version.cuda is None else "torch.cuda.is_available() is False"
        say(f"there is an NVIDIA GPU, but {why}: rendering on the CPU")
    return "cpu"
