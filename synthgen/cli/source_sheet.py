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


def draw_fit_sheet(fittings: Path, photos: Path, source: tuple[str, str], sheet: Path, count: int) -> None:
    """Draw the first `count` fitted heads over their photos, wireframe and labels, and say where.

    source: the model's name on the command line, and what to do with EXIF turns. Raises AssetError for photos that are
    not there.
    """
    import json

    from synthgen.cli.model import model_section
    from synthgen.cli.photo_source import picture_sections
    from synthgen.fittings.fitting_file import load_fittings
    from synthgen.fittings.ground_truth import open_renderer
    from synthgen.recipe.load import parse_recipe
    from synthgen.report.contact_sheet import contact_sheet, sheet_labels

    found = load_fittings(fittings)
    recipe = parse_recipe(
        json.dumps(
            {
                "kind": "fittings",
                "count": len(found),
                "model": model_section(source[0]),
                "fittings": {
                    "path": str(fittings.absolute()), "photos": str(photos.absolute()), "orientation": source[1],
                },
                **picture_sections(found, None, None),
            }
        ),
        "synthgen fit",
    )  # fmt: skip
    renderer = open_renderer(recipe)
    samples = renderer.render(0, sheet_labels("fittings"))[: min(count, len(found))]
    contact_sheet([sample.arrays for sample in samples], sheet, mean_face=renderer.template.mean_face)
    say(f"sheet: {sheet}")
