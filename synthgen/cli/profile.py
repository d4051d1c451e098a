"""`synthgen profile`: photos with fittings become views with the head turned, with every label."""

from typing import Annotated

import typer

from synthgen.cli.console import put
from synthgen.cli.labels import (
    SHEET_SAMPLES,
    CropOption,
    Exif,
    ExifOption,
    FittingsArgument,
    ModelOption,
    OutOption,
    PhotosOption,
    SizeOption,
    SkipBadOption,
    TruncateOption,
    describe_source,
)
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

DEFAULT_YAWS = "-60,-40,-20,0,20,40,60"
# Of the square about the landmarks: room for hair and background, as in 300W-LP, whose faces fill half of the picture.
GROW = 1.6


def profile(
    fittings: FittingsArgument,
    model: ModelOption,
    out: OutOption,
    yaw: Annotated[
        str, typer.Option("--yaw", metavar="DEG,...", help="Yaws of the views, with commas.")
    ] = DEFAULT_YAWS,
    pitch: Annotated[
        str | None,
        typer.Option("--pitch", metavar="DEG,...", help="Pitches; without it, each photo's own.", show_default=False),
    ] = None,
    relative: Annotated[bool, typer.Option("--relative", help="Add the angles to those of the photo.")] = False,
    flip: Annotated[bool, typer.Option("--flip", help="Also mirror every view.")] = False,
    photos: PhotosOption = None,
    size: SizeOption = None,
    crop: CropOption = None,
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
    """Turn the heads of photos out of the picture plane (300W-LP's face profiling), with every label.

    Pixels that no camera saw are marked in `invented_mask`, and `source_map` says where in the photo each came from.
    Whole photos when all have one size, else 256 x 256 about the head.

    \b
    Examples:
      synthgen profile fittings.npz -o out/turned --model ict.npz --size 450 450
      synthgen profile 300W_LP/AFW -o out/afw --model bfm.npz --yaw 10,20,30 --relative --flip --workers 8
    """
    from synthgen.cli.photo_source import (
        SourceOptions,
        picture_sections,
        prepare_source,
        recipe_of_options,
        run_photo_recipe,
    )
    from synthgen.pipeline.run import GenerateOptions

    angles = {"yaw_deg": parse_angles("--yaw", yaw)}
    if pitch is not None:
        angles["pitch_deg"] = parse_angles("--pitch", pitch)
    source = prepare_source(fittings, out, SourceOptions(model, photos, skip_bad, exif.value, resume, truncate))
    picture = picture_sections(source.found, size, None if crop is None else crop.value)
    if crop is None and picture["crop"]["rule"] != "none":
        picture["crop"]["grow"] = GROW
    sections = {
        "kind": "fittings",
        "model": source.model,
        "fittings": source.fittings,
        **picture,
        "profile": {**angles, "relative": relative, "flip": flip},
    }
    recipe = recipe_of_options("profile", sections, overrides)
    options = GenerateOptions(None, workers, choose_device(device), resume, cluster=choose_cluster(scheduler, cluster))
    run_photo_recipe(fittings.name, recipe, out, options)
    describe_source(source)
    draw_sheet(out, SHEET_SAMPLES)
    put(str(out))


def parse_angles(option: str, text: str) -> list[float]:
    """Degrees from numbers with commas between them. Raises UsageError for anything else."""
    from synthgen.core.errors import UsageError

    try:
        return [float(number) for number in text.split(",")]
    except ValueError:
        raise UsageError(f"{option} takes degrees with commas between them, such as -40,0,40; got {text!r}") from None
