"""Fits to landmarks from the command line: photos that come with 68 points only become fittings, and a table."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from synthgen.cli.console import say
from synthgen.cli.fit_request import FitRequest, finite
from synthgen.cli.fit_table import print_fit_table
from synthgen.core.errors import UsageError

if TYPE_CHECKING:
    from synthgen.fittings.fit_photos import FitRow, PhotoFits
    from synthgen.morphable.model import MorphableModel


def fit_landmark_source(request: FitRequest, model: "MorphableModel") -> None:
    """Fit a model to the annotated photos of a source, write the fittings and the report, print the table."""
    from synthgen.alignment.fit_landmarks import CameraModel
    from synthgen.fittings.fit_photos import PhotoFitOptions, fit_photos
    from synthgen.fittings.fitting_file import save_fittings
    from synthgen.fittings.landmark_sets import read_landmarks

    if request.only_for_flow:
        raise UsageError(f"{request.only_for_flow[0]} is for flow to the mean face; {request.source} holds landmarks")
    if request.camera is None and request.focal is not None:
        raise UsageError("--focal is for --camera perspective; the usual kind for landmarks finds its own scale")
    camera = CameraModel(request.camera or "scaled_orthographic", request.focal)
    options = PhotoFitOptions(camera=camera, skip_bad=request.skip_bad)
    read = read_landmarks(
        request.source, request.photos, request.skip_bad, orientation=request.orientation,
        first_pixel=request.first_pixel,
    )  # fmt: skip
    found = fit_photos(read.faces, model, options)
    found = replace(found, skipped=(*read.skipped, *found.skipped))
    request.out.parent.mkdir(parents=True, exist_ok=True)
    save_fittings(found.fittings, request.out)
    if request.report is not None:
        write_report(found, request.report)
    print_table(found)


def write_report(found: "PhotoFits", path: Path) -> None:
    """Write the rows and the skipped faces as JSON."""
    rows = [asdict(row) for row in found.rows]
    content = {
        "fitted": [finite(row) for row in rows],
        "skipped": [asdict(entry) for entry in found.skipped],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def print_table(found: "PhotoFits") -> None:
    """Print the reprojection errors as a table on stderr, then what was left out."""
    headings = ("face", "rms px", "rms %", "mean %", "no jaw %", "yaw", "pitch", "roll", "max z")
    print_fit_table(found.rows, headings, _cells, lambda row: row.rms_error)
    mean = sum(row.mean_error for row in found.rows) / len(found.rows)
    say(f"{len(found.rows)} faces fitted, mean error {mean:.2%} of the eye distance; {len(found.skipped)} left out")
    for entry in found.skipped:
        say(f"left out: {entry.name}: {entry.reason}")


def _cells(row: "FitRow") -> list[str]:
    percents = (100 * row.rms_error, 100 * row.mean_error, 100 * row.inner_error)
    angles = (row.yaw_deg, row.pitch_deg, row.roll_deg)
    cells = [f"{row.rms_px:.1f}", *(f"{value:.2f}" for value in percents)]
    return [*cells, *(f"{value:.1f}" for value in angles), f"{row.largest_z:.1f}"]
