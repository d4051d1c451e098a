"""Fits to dense correspondences from the command line: flow to the mean face becomes fittings (dfc section 3.4)."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from synthgen.cli.console import say
from synthgen.cli.fit_request import FitRequest, finite
from synthgen.cli.fit_table import MOST_ROWS, print_fit_table
from synthgen.core.errors import UsageError

if TYPE_CHECKING:
    from synthgen.fittings.fit_flow import FlowFitOptions, FlowFits, FlowRow
    from synthgen.fittings.flow_set import FlowSet
    from synthgen.morphable.model import MorphableModel

_SECONDS_BETWEEN_LINES = 10.0


def fit_flow_source(request: FitRequest, model: "MorphableModel") -> Path | None:
    """Fit a model to the flow of a source, write fittings, report and curve, print the table.

    Returns the folder of the pictures that were fitted: the source's photos, or, where it has pictures but no files,
    the folder FILE_photos beside the fittings, where they are written. None where the source has neither.
    """
    from synthgen.fittings.fit_flow import fit_flow
    from synthgen.fittings.fitting_file import save_fittings
    from synthgen.fittings.flow_set import open_flow_set

    source = open_flow_set(request.source)
    if request.temporal and source.clips is None:
        raise UsageError(f"--temporal joins the frames of clips; {request.source} has no array `clip` that tells them")
    found = fit_flow(source, model, _options(request), _told_now_and_then())
    request.out.parent.mkdir(parents=True, exist_ok=True)
    folder = _photo_folder(request, source) or _written_pictures(request.out, source, found)
    save_fittings(found.fittings, request.out)
    if request.report is not None:
        write_report(found, request.report)
    if request.curve is not None:
        from synthgen.report.charts import draw_energy_chart

        draw_energy_chart([(point.stage, point.energies) for point in found.curve], request.curve)
        say(f"curve: {request.curve}")
    print_table(found)
    return folder


def _options(request: FitRequest) -> "FlowFitOptions":
    from synthgen.alignment.alignment_options import AlignmentOptions
    from synthgen.alignment.cameras import CameraModel
    from synthgen.alignment.energy import Energy, load_energy
    from synthgen.fittings.fit_flow import FlowFitOptions

    # The paper finds the focal length too; one that is given is kept.
    camera = CameraModel(request.camera or "perspective", request.focal, free_focal=request.focal is None)
    energy = Energy() if request.energy is None else load_energy(request.energy)
    fit = AlignmentOptions(
        camera=camera, energy=energy, temporal=request.temporal, share_identity=request.share_identity
    )
    return FlowFitOptions(fit, request.correspondences or None, skip_bad=request.skip_bad)


def _told_now_and_then() -> Callable[[int, int], None]:
    """A callback that says how far a long fit is."""
    last = monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal last
        if monotonic() - last > _SECONDS_BETWEEN_LINES:
            last = monotonic()
            say(f"{done} of {total} pictures fitted")

    return tell


def _photo_folder(request: FitRequest, source: "FlowSet") -> Path | None:
    """Where the source's photo files lie, None when it names none."""
    if not all(source.photos):
        return None
    return request.photos or (request.source if request.source.is_dir() else request.source.parent)


def _written_pictures(out: Path, source: "FlowSet", found: "FlowFits") -> Path | None:
    """The folder into which the pictures of a source without files were written, None when it has no pictures."""
    from synthgen.report.tiles import save_picture

    folder = out.with_name(f"{out.stem}_photos")
    for name, number in zip(found.fittings.photos, found.numbers):
        image = source.picture(number).image
        if image is None:
            return None
        save_picture(image, folder / name)
    say(f"pictures: {folder}")
    return folder


def write_report(found: "FlowFits", path: Path) -> None:
    """Write the rows, the pictures that were left out, and the way of the energy as JSON."""
    content = {
        "fitted": [finite(asdict(row)) for row in found.rows],
        "skipped": [asdict(entry) for entry in found.skipped],
        "curve": [asdict(point) for point in found.curve],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def print_table(found: "FlowFits") -> None:
    """Print what was fitted as a table on stderr, then notes and what was left out."""
    rows = found.rows
    headings = ("picture", "used", "wrong %", "median px", "rms px", "yaw", "pitch", "roll", "max z")
    print_fit_table(rows, headings, _cells, lambda row: row.rms_px)
    median = sum(row.median_px for row in rows) / len(rows)
    rejected = sum(row.rejected for row in rows) / len(rows)
    say(f"{len(rows)} pictures fitted, median {median:.2f} px, {rejected:.1%} rejected; {len(found.skipped)} left out")
    for row in [row for row in rows if row.note][:MOST_ROWS]:
        say(f"note: {row.name}: {row.note}")
    for entry in found.skipped:
        say(f"left out: {entry.name}: {entry.reason}")


def _cells(row: "FlowRow") -> list[str]:
    cells = [str(row.used), f"{100 * row.rejected:.1f}", f"{row.median_px:.2f}", f"{row.rms_px:.2f}"]
    return [*cells, *(f"{angle:.1f}" for angle in (row.yaw_deg, row.pitch_deg, row.roll_deg)), f"{row.largest_z:.1f}"]
