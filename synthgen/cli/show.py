"""`synthgen show`: one sample, taken apart."""

from pathlib import Path
from typing import Annotated

import typer

from synthgen.cli.console import put, say
from synthgen.cli.options import DatasetArgument
from synthgen.core.errors import UsageError


def show(
    dataset: DatasetArgument,
    index: Annotated[int, typer.Argument(metavar="INDEX", help="Sample number; -1 is the last.", show_default=False)],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR2", help="Folder for the files.", show_default=False)],
) -> None:
    """Write one sample as plain files.

    A sheet of its labels, PNG or .npy per label, parameters and checks as JSON.

    \b
    Examples:
      synthgen show out/demo 17 -o out/sample17
      synthgen show out/demo -o out/last -- -1
    """
    from synthgen.dataset.export import export_dataset
    from synthgen.dataset.reader import open_dataset
    from synthgen.report.contact_sheet import contact_sheet

    opened = open_dataset(dataset, allow_incomplete=True)
    if not -len(opened) <= index < len(opened):
        raise UsageError(f"{dataset} holds samples 0 to {len(opened) - 1}; there is no sample {index}")
    position = index % len(opened)
    export_dataset(opened, "files", out, [position])
    sample = opened.sample_index(position)
    try:
        sheet = out / f"{sample:09d}.sheet.png"
        contact_sheet([opened[position]], sheet, first=sample, mean_face=opened.template.mean_face)
    except UsageError as error:  # a dataset of parameters alone has its plain files all the same
        say(f"no sheet: {error}")
    for file in sorted(out.iterdir()):
        put(str(file))
