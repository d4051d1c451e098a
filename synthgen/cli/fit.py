"""`synthgen fit`: photos that come with landmarks only become fittings."""

import json
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthgen.cli.console import put, say
from synthgen.cli.labels import Exif
from synthgen.cli.model import open_named_model
from synthgen.core.errors import UsageError

if TYPE_CHECKING:
    from synthgen.fittings.fit_photos import PhotoFits


MOST_ROWS = 50  # a longer table is read by nobody


class CameraKind(StrEnum):
    """What `--camera` accepts."""

    SCALED_ORTHOGRAPHIC = "scaled_orthographic"
    PERSPECTIVE = "perspective"


def fit(
    landmarks: Annotated[
        Path, typer.Argument(metavar="LANDMARKS", help="Annotation file or folder.", show_default=False)
    ],
    model: Annotated[
        str, typer.Option("--model", metavar="MODEL", help="A model file (.npz), procedural or procedural-fine.")
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FILE.npz", help="Fittings to write.", show_default=False)
    ],
    photos: Annotated[
        Path | None,
        typer.Option("--photos", metavar="DIR", help="Photos, where not beside the points.", show_default=False),
    ] = None,
    camera: Annotated[CameraKind, typer.Option("--camera", help="Kind of camera.")] = CameraKind.SCALED_ORTHOGRAPHIC,
    focal: Annotated[
        float | None,
        typer.Option(
            "--focal",
            metavar="PX",
            help="Focal length of perspective cameras; 30 degrees across the longer side without it.",
            show_default=False,
        ),
    ] = None,
    exif: Annotated[
        Exif, typer.Option("--exif", help="Photos with an EXIF turn: refuse, or which pixels the points refer to.")
    ] = Exif.REFUSE,
    first_pixel: Annotated[
        float | None,
        typer.Option(
            "--first-pixel",
            metavar="X",
            min=0,
            max=1,
            help="Coordinate of the first pixel's centre in the source: 0, 0.5 or 1; its format's own without it.",
            show_default=False,
        ),
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out faces that cannot be fitted.")] = False,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE.json", help="Errors per face.", show_default=False)
    ] = None,
    photometric: Annotated[
        bool, typer.Option("--photometric", help="Then refine head, light and albedo against the photos.")
    ] = False,
    decomposition: Annotated[
        Path | None,
        typer.Option(
            "--decomposition",
            metavar="DIR",
            help="Albedo, shading, overlays per face; with --photometric.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Fit a model to annotated photos.

    Pose, camera, identity and expression from the 68 points of each face. The table gives the
    distance between fitted and annotated points, over the distance of the outer eye corners.

    \b
    Examples:
      synthgen fit photos/landmarks.json --model ict.npz -o fittings.npz
      synthgen fit 300W/ --model ict.npz -o 300w.npz --camera perspective --skip-bad --report 300w.json
      synthgen fit photos/landmarks.json --model ict.npz -o fit.npz --photometric --decomposition parts
    """
    if camera is CameraKind.SCALED_ORTHOGRAPHIC and focal is not None:
        raise UsageError("--focal is for --camera perspective; the other kind finds its own scale")
    if decomposition is not None and not photometric:
        raise UsageError("--decomposition shows what a photometric fit found; add --photometric")
    from synthgen.alignment.fit_landmarks import CameraModel
    from synthgen.fittings.fit_photos import PhotoFitOptions, fit_photos
    from synthgen.fittings.fitting_file import save_fittings
    from synthgen.fittings.landmark_sets import photo_folder, read_landmarks

    options = PhotoFitOptions(camera=CameraModel(camera.value, focal), skip_bad=skip_bad)
    loaded = open_named_model(model)
    read = read_landmarks(landmarks, photos, skip_bad, orientation=exif.value, first_pixel=first_pixel)
    found = fit_photos(read.faces, loaded, options)
    found = replace(found, skipped=(*read.skipped, *found.skipped))
    out.parent.mkdir(parents=True, exist_ok=True)
    save_fittings(found.fittings, out)
    if report is not None:
        write_report(found, report)
    print_table(found)
    if photometric:
        from synthgen.cli.fit_photometric import refine_file

        refine_file(out, photos or photo_folder(landmarks), model, exif.value, decomposition, report)
    put(str(out))


def write_report(found: "PhotoFits", path: Path) -> None:
    """Write the rows and the skipped faces as JSON."""
    rows = [asdict(row) for row in found.rows]
    content = {
        "fitted": [{key: None if value != value else value for key, value in row.items()} for row in rows],  # NaN
        "skipped": [asdict(entry) for entry in found.skipped],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def print_table(found: "PhotoFits") -> None:
    """Print the reprojection errors as a table on stderr, the worst where they are many, then what was left out."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from synthgen.cli.console import stderr_console

    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("face", overflow="fold", min_width=16)
    for heading in ("rms px", "rms %", "mean %", "no jaw %", "yaw", "pitch", "roll", "max z"):
        table.add_column(heading, justify="right", no_wrap=True)
    shown = (
        sorted(found.rows, key=lambda row: -row.rms_error)[:MOST_ROWS] if len(found.rows) > MOST_ROWS else found.rows
    )
    for row in shown:
        percents = (100 * row.rms_error, 100 * row.mean_error, 100 * row.inner_error)
        angles = (row.yaw_deg, row.pitch_deg, row.roll_deg)
        cells = [f"{row.rms_px:.1f}", *(f"{value:.2f}" for value in percents)]
        cells += [*(f"{value:.1f}" for value in angles), f"{row.largest_z:.1f}"]
        table.add_row(escape(row.name), *cells)
    stderr_console().print(table)
    if len(shown) < len(found.rows):
        say(f"the {len(shown)} worst of {len(found.rows)} faces; all are in --report FILE.json")
    mean = sum(row.mean_error for row in found.rows) / len(found.rows)
    say(f"{len(found.rows)} faces fitted, mean error {mean:.2%} of the eye distance; {len(found.skipped)} left out")
    for entry in found.skipped:
        say(f"left out: {entry.name}: {entry.reason}")
