"""`synthgen export`: a dataset in the formats of other tools."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from synthgen.cli.console import put, say
from synthgen.cli.options import DatasetArgument
from synthgen.core.errors import UsageError


class Format(StrEnum):
    """What `--to` accepts: the names of dataset.export.FORMATS."""

    COCO = "coco"
    PARQUET = "parquet"
    WEBDATASET = "webdataset"
    FLO = "flo"
    KITTI = "kitti"
    FILES = "files"


def export(
    dataset: DatasetArgument,
    to: Annotated[
        Format,
        typer.Option(
            "--to",
            help="coco: key points, boxes, masks. parquet: for Hugging Face datasets. webdataset: tars for the "
            "webdataset library. flo: Middlebury flow. kitti: KITTI 2015 flow folders. files: everything.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR2", help="New or empty folder.", show_default=False)],
    labels: Annotated[
        str | None,
        typer.Option("--labels", metavar="NAME,...", help="Export only these, as image,depth.", show_default=False),
    ] = None,
    samples: Annotated[
        str | None,
        typer.Option("--samples", metavar="FIRST:STOP", help="Export only these, as 0:100.", show_default=False),
    ] = None,
) -> None:
    """Copy a dataset into another format.

    The folder appears when the export is complete; a damaged dataset is refused and leaves nothing.

    \b
    Examples:
      synthgen export out/demo --to coco -o out/coco
      synthgen export out/demo --to parquet -o out/parquet --labels image,depth,landmarks_2d
      synthgen export out/demo_pairs --to flo -o out/flo --samples 0:10
    """
    from synthgen.dataset.export import export_dataset
    from synthgen.dataset.reader import open_dataset

    opened = open_dataset(dataset, labels=None if labels is None else labels.split(","))
    count = export_dataset(opened, to.value, out, _positions(samples, len(opened)))
    say(f"{count} samples written as {to.value}")
    put(str(out))


def _positions(samples: str | None, count: int) -> range:
    """The positions that FIRST:STOP means among `count`; either side may be left out."""
    if samples is None:
        return range(count)
    match = re.fullmatch(r"(\d*):(\d*)", samples)
    if match is None:
        raise UsageError(f"--samples {samples} is not FIRST:STOP, such as 0:100")
    first, stop = match.groups()
    chosen = range(count)[int(first or 0) : int(stop or count)]
    if not chosen:
        raise UsageError(f"--samples {samples} holds none of the {count} samples of this dataset")
    return chosen
