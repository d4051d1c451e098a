"""The contact sheet beside a dataset of photos: a wrong convention is seen on it at once."""

from pathlib import Path

from synthgen.cli.console import say


def draw_sheet(out: Path, count: int) -> None:
    """Draw the first `count` samples of a dataset in OUT/source/contact_sheet.png, and say where."""
    from synthgen.core.errors import UsageError
    from synthgen.dataset.manifest import SOURCE_FOLDER
    from synthgen.dataset.reader import open_dataset
    from synthgen.report.contact_sheet import contact_sheet

    dataset, sheet = open_dataset(out), out / SOURCE_FOLDER / "contact_sheet.png"
    try:
        samples = [dataset[position] for position in range(min(count, len(dataset)))]
        contact_sheet(samples, sheet, mean_face=dataset.template.mean_face)
        say(f"sheet: {sheet}")
    except UsageError as error:  # a dataset of parameters alone
        say(f"no sheet: {error}")
    dataset.close()
