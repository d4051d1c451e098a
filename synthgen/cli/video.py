"""`synthgen video`: stills with fitted heads become short clips with every label."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthgen.cli.console import put, say
from synthgen.cli.labels import (
    CropOption,
    Exif,
    ExifOption,
    OutOption,
    PhotosOption,
    SkipBadOption,
    TruncateOption,
    describe_source,
)
from synthgen.cli.options import (
    ClusterOption,
    CountOption,
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
    import numpy as np
    from numpy.typing import NDArray

    from synthgen.cli.photo_source import PhotoSet, SourceOptions

SHEET_CLIPS = 6
# Clips that move beside each other, per row of the preview.
PREVIEW_COLUMNS = 3
STILLS_FOLDER = "stills"


class Motion(StrEnum):
    """What `--motion` accepts."""

    SMOOTH = "smooth"
    IID = "iid"


class ClipFlow(StrEnum):
    """What `--flow` accepts."""

    ALL = "all"
    NEXT = "next"
    FIRST = "first"


def video(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE", help="Fittings (folder, .npz, .json), or a rendered dataset.", show_default=False
        ),
    ],
    out: OutOption,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="A model file (.npz), procedural or procedural-fine; a dataset knows its own.",
            show_default=False,
        ),
    ] = None,
    frames: Annotated[int, typer.Option("--frames", min=2, max=32, help="Of each clip.")] = 8,
    size: Annotated[tuple[int, int], typer.Option("--size", metavar="H W", help="Pixels of a frame.")] = (120, 120),
    flow: Annotated[ClipFlow, typer.Option("--flow", help="Between which frames.")] = ClipFlow.ALL,
    motion: Annotated[
        Motion, typer.Option("--motion", help="One velocity per clip, or every step by itself (the paper).")
    ] = Motion.SMOOTH,
    crop: CropOption = None,
    photos: PhotosOption = None,
    skip_bad: SkipBadOption = False,
    exif: ExifOption = Exif.REFUSE,
    truncate: TruncateOption = False,
    count: CountOption = None,
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    cluster: ClusterOption = None,
    device: DeviceOption = Device.CPU,
    resume: ResumeOption = False,
    preview: Annotated[
        Path | None,
        typer.Option(
            "--preview", metavar="FILE.webp", help="Animation of the first clips.", show_default="DIR/source/clips.webp"
        ),
    ] = None,
    overrides: SetOption = None,
) -> None:
    """Make short clips from stills (3DDFA-V2, section 2.4), with every label of every frame.

    Heads move in the picture and turn out of its plane; frame 0 is the still. SOURCE may be a folder in
    300W-LP's layout, a fitting file, or a dataset of kind images. Where each pixel was sampled in the photo
    (source_map) is stored on request: --set labels=... To look at: DIR/source/contact_sheet.png and clips.webp.

    \b
    Examples:
      synthgen video fittings.npz -o out/clips --model ict.npz
      synthgen video 300W_LP/AFW -o out/afw --model bfm.npz --flow next --workers 8
      synthgen video out/demo -o out/demo_clips --motion iid --set video.about=origin
    """
    from synthgen.cli.photo_source import SourceOptions, picture_sections, recipe_of_options, run_photo_recipe
    from synthgen.pipeline.run import GenerateOptions

    stills = _open_stills(source, out, SourceOptions(model or "", photos, skip_bad, exif.value, resume, truncate))
    sections = {
        "kind": "video",
        "model": stills.model,
        "fittings": stills.fittings,
        **picture_sections(stills.found, size, None if crop is None else crop.value),
        "video": {"frames": frames, "motion": motion.value, "flow": flow.value},
    }
    recipe = recipe_of_options("video", sections, overrides)
    options = GenerateOptions(count, workers, choose_device(device), resume, cluster=choose_cluster(scheduler, cluster))
    run_photo_recipe(source.name, recipe, out, options)
    describe_source(stills)
    show_clips(out, preview)
    put(str(out))


def _open_stills(source: Path, out: Path, options: "SourceOptions") -> "PhotoSet":
    """The stills as fittings below OUT/source. Raises UsageError without a model, and what reading raises."""
    from dataclasses import replace

    from synthgen.cli.model import BUILTIN
    from synthgen.cli.photo_source import prepare_source, refuse_other_folder
    from synthgen.core.errors import UsageError
    from synthgen.dataset.manifest import MANIFEST_FILE, SOURCE_FOLDER
    from synthgen.pipeline.rendered_stills import is_dataset, write_stills

    if not is_dataset(source):
        if not options.model:
            raise UsageError("video needs --model MODEL, the model that was fitted to the photos")
        return prepare_source(source, out, options)
    if options.photos is not None:
        raise UsageError(f"--photos is for fittings; {source} is a dataset and holds its pictures itself")
    if not options.resume:
        refuse_other_folder(out, MANIFEST_FILE, SOURCE_FOLDER)
    stills = write_stills(source, out / SOURCE_FOLDER / STILLS_FOLDER, options.resume)
    resolutions = {resolution: name for name, resolution in BUILTIN.items()}
    own = stills.model["path"] if "path" in stills.model else resolutions[stills.model["resolution"]]
    return prepare_source(stills.file, out, replace(options, model=options.model or own))


def show_clips(out: Path, preview: Path | None) -> None:
    """Draw the first clips on a sheet and as an animation, and say where."""
    from synthgen.dataset.manifest import SOURCE_FOLDER
    from synthgen.dataset.reader import open_dataset
    from synthgen.report.animation import save_animation

    dataset = open_dataset(out)
    clips = [dataset[position] for position in range(min(SHEET_CLIPS, len(dataset)))]
    frames = dataset.layout.frames
    has_pictures = bool(dataset.layout.picture_names)
    dataset.close()
    draw_sheet(out, SHEET_CLIPS)
    if has_pictures:
        file = out / SOURCE_FOLDER / "clips.webp" if preview is None else preview
        save_animation(animation_frames(clips, frames), file)
        say(f"clips: {file}")


def animation_frames(clips: Sequence[dict[str, Any]], frames: int) -> "NDArray[np.uint8]":
    """(n, H, W, 3) uint8: clips (as `open_dataset` gives them) beside each other, there and back again."""
    import numpy as np

    from synthgen.dataset.layout import frame_prefix

    order = [*range(frames), *range(frames - 2, 0, -1)]
    columns = min(PREVIEW_COLUMNS, len(clips))
    pictures = [np.stack([clip[frame_prefix(frame) + "image"] for frame in order]) for clip in clips]
    pictures += [np.zeros_like(pictures[0])] * (-len(pictures) % columns)
    rows = [np.concatenate(pictures[first : first + columns], axis=2) for first in range(0, len(pictures), columns)]
    return np.concatenate(rows, axis=1)
