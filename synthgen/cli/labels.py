"""`synthgen labels`: photos with fittings become a dataset with every label."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthgen.cli.console import put, say
from synthgen.cli.options import (
    ClusterOption,
    Device,
    DeviceOption,
    ResumeOption,
    SchedulerOption,
    SetOption,
    WorkersOption,
    choose_cluster,
    choose_device,
)
from synthgen.cli.source_sheet import draw_sheet

if TYPE_CHECKING:
    from synthgen.cli.photo_source import PhotoSet

SHEET_SAMPLES = 8
# Fitted landmarks farther from the annotated ones than this share of the picture's side are no match of the eye.
SUSPICIOUS_SHARE = 0.05


class CropRule(StrEnum):
    """What `--crop` accepts: the rules of a recipe's crop section."""

    NONE = "none"
    FIT = "fit"
    LANDMARK_BOX = "landmark_box"
    PRNET_LANDMARKS = "prnet_landmarks"
    PRNET_TRAINING = "prnet_training"
    DETECTOR_BOX = "detector_box"
    PRNET_BOX = "prnet_box"


class FlowMethod(StrEnum):
    """What `--flow` accepts."""

    EXACT = "exact"
    NEAREST_UV = "nearest_uv"


class Exif(StrEnum):
    """What `--exif` accepts."""

    REFUSE = "refuse"
    STORED = "stored"
    UPRIGHT = "upright"


FittingsArgument = Annotated[
    Path,
    typer.Argument(
        metavar="FITTINGS", help="Folder of .mat and pictures, or a fitting file (.npz, .json).", show_default=False
    ),
]
ModelOption = Annotated[
    str,
    typer.Option(
        "--model", metavar="MODEL", help="A model file (.npz), procedural or procedural-fine.", show_default=False
    ),
]
OutOption = Annotated[
    Path, typer.Option("-o", "--out", metavar="DIR", help="Folder of the dataset.", show_default=False)
]
PhotosOption = Annotated[
    Path | None,
    typer.Option("--photos", metavar="DIR", help="Photos, where not beside the fittings.", show_default=False),
]
SizeOption = Annotated[
    tuple[int, int] | None,
    typer.Option("--size", metavar="H W", help="Pixels of the pictures; without it, see below.", show_default=False),
]
CropOption = Annotated[
    CropRule | None, typer.Option("--crop", help="Which part of the photo is the picture.", show_default=False)
]
SkipBadOption = Annotated[bool, typer.Option("--skip-bad", help="Leave out what cannot be used, and list it.")]
TruncateOption = Annotated[
    bool, typer.Option("--truncate", help="Use the first coefficients where the fittings have more than the model.")
]
ExifOption = Annotated[
    Exif, typer.Option("--exif", help="Photos with an EXIF turn: refuse, or which pixels the fittings refer to.")
]


def labels(
    fittings: FittingsArgument,
    model: ModelOption,
    out: OutOption,
    photos: PhotosOption = None,
    size: SizeOption = None,
    crop: CropOption = None,
    flow: Annotated[FlowMethod, typer.Option("--flow", help="Flow to the mean face.")] = FlowMethod.EXACT,
    names: Annotated[
        str | None,
        typer.Option("--labels", metavar="A,B,...", help="Labels to store, with commas.", show_default=False),
    ] = None,
    skip_bad: SkipBadOption = False,
    exif: ExifOption = Exif.REFUSE,
    truncate: TruncateOption = False,
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    cluster: ClusterOption = None,
    device: DeviceOption = Device.CPU,
    resume: ResumeOption = False,
    overrides: SetOption = None,
) -> None:
    """Make ground truth for photos with fittings.

    Whole photos when all have one size, else 256 x 256 about the landmarks. What was read lies in
    DIR/source: fittings.npz, skipped.json, and contact_sheet.png to look at first.

    \b
    Examples:
      synthgen labels 300W_LP -o out/300w_lp --model bfm.npz --workers 8
      synthgen labels 300W_LP/AFW -o out/afw --model bfm.npz --size 128 128 --flow nearest_uv
      synthgen labels fittings.json -o out/mine --model ict.npz --skip-bad --set augment.copies=4
    """
    from synthgen.cli.photo_source import (
        SourceOptions,
        picture_sections,
        prepare_source,
        recipe_of_options,
        run_photo_recipe,
    )
    from synthgen.pipeline.run import GenerateOptions

    source = prepare_source(fittings, out, SourceOptions(model, photos, skip_bad, exif.value, resume, truncate))
    sections = {
        "kind": "fittings",
        "model": source.model,
        "fittings": source.fittings,
        **picture_sections(source.found, size, None if crop is None else crop.value),
        "flow": {"method": flow.value},
    }
    if names is not None:
        sections["labels"] = [name.strip() for name in names.split(",") if name.strip()]
    recipe = recipe_of_options("labels", sections, overrides)
    options = GenerateOptions(None, workers, choose_device(device), resume, cluster=choose_cluster(scheduler, cluster))
    run_photo_recipe(fittings.name, recipe, out, options)
    describe_source(source)
    describe_fit(out, max(recipe.size))
    draw_sheet(out, SHEET_SAMPLES)
    put(str(out))


def describe_source(source: "PhotoSet") -> None:
    """Say how many fittings were used, and what was left out and why."""
    from synthgen.cli.photo_source import skipped_lines

    say(f"fittings: {len(source.found)} used, {len(source.skipped)} skipped{':' if source.skipped else ''}")
    for line in skipped_lines(source.skipped, source.file):
        say(line)


def describe_fit(out: Path, side: int) -> None:
    """Say how far the fitted landmarks are from the annotated ones."""
    import numpy as np

    from synthgen.dataset.reader import open_dataset

    dataset = open_dataset(out)
    table = dataset.table
    column = "check_landmark_fit_px"
    values = np.array(table[column].to_pylist() if column in table.column_names else [], np.float64)
    known = values[np.isfinite(values)]
    if len(known):
        worst = int(np.nanargmax(values))
        name = table["name"][worst].as_py() if "name" in table.column_names else str(worst)
        say(
            f"landmarks: fitted ones are {np.median(known):.2f} px from the annotated ones (median of {len(known)} "
            f"photos; worst {np.nanmax(values):.2f} px: {name})"
        )
        if np.median(known) > SUSPICIOUS_SHARE * side:
            say("warning: that is far; a convention of the fittings is not what was expected: look at the sheet")
    else:
        say("landmarks: no fitting has annotated ones, so nothing was compared; look at the sheet")
    dataset.close()
