"""`synthgen verify`: is a dataset what it says?"""

from typing import Annotated

import typer

from synthgen.cli.console import put
from synthgen.cli.options import DatasetArgument


def verify(
    dataset: DatasetArgument,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also read every byte: sha256, crc32, decode every sample.")
    ] = False,
    relabel: Annotated[
        int, typer.Option("--relabel", metavar="N", min=0, help="Render N samples again and compare their bytes.")
    ] = 0,
) -> None:
    """Check a dataset for damage.

    Sizes and index hashes, with --deep every byte. Exit code 4 when anything is damaged or missing.

    \b
    Examples:
      synthgen verify out/demo
      synthgen verify out/demo --deep --relabel 8
    """
    from synthgen.cli.check_table import check_table
    from synthgen.pipeline.verify import verify as verify_dataset

    report = verify_dataset(dataset, deep, relabel)
    put(check_table(dataset))
    report.raise_unless_sound()
    how = "every byte read" if deep else "sizes and index hashes"
    again = f", {report.relabelled} samples rendered again" if report.relabelled else ""
    put(f"{dataset}: sound; {report.samples} samples in {report.shards} shards, {how}{again}")
