"""Arguments and options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


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
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


def choose_device(device: Device) -> str:
    """ "cpu" or "cuda" for `auto`; the others as they are."""
    if device is not Device.AUTO:
        return device.value
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
