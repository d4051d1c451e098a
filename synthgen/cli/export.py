"""`synthgen export`: a dataset in the formats of other tools."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from synthgen.cli.console import put, say
from synthgen.cli.options import DatasetArgument


class Format(StrEnum):
    """What `--to` accepts."""

    FLO = "flo"
    KITTI = "kitti"
    COCO = "coco"
    FILES = "files"


def export(
    dataset: DatasetArgument,
    to: Annotated[
        Format,
        typer.Option(
            "--to",
            help="flo: Middlebury flow. kitti: KITTI 2015 flow folders. coco: key points and masks. files: everything.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR2", help="New or empty folder.", show_default=False)],
) -> None:
    """Copy a dataset into another format.

    \b
    Examples:
      synthgen export out/demo_pairs --to flo -o out/flo
      synthgen export out/demo --to coco -o out/coco
    """
    from synthgen.dataset.export import export_dataset
    from synthgen.dataset.reader import open_dataset

    count = export_dataset(open_dataset(dataset), to.value, out)
    say(f"{count} samples written as {to.value}")
    put(str(out))
