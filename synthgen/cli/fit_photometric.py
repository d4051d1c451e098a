"""The photometric stage of `synthgen fit`: refined fittings, a table, and the photos taken apart as pictures."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from synthgen.asset_io.photos import Orientation
from synthgen.cli.console import say
from synthgen.cli.fit_table import print_fit_table
from synthgen.cli.model import open_named_model

if TYPE_CHECKING:
    from synthgen.fittings.photometric_photos import PhotometricRow


def refine_file(
    fittings: Path, photos: Path, model: str, exif: Orientation, decomposition: Path | None, report: Path | None
) -> None:
    """Refine the fittings of a file against their photos in the folder `photos`, and print a table.

    Pictures of the decompositions go to the folder `decomposition`; rows are added to the JSON file `report`.
    """
    from synthgen.alignment.photometric_model import open_photometric_model
    from synthgen.fittings.decomposition_files import write_decompositions
    from synthgen.fittings.fitting_file import load_fittings, save_fittings
    from synthgen.fittings.photometric_photos import RefineOptions, refine_fittings

    opened = open_photometric_model(open_named_model(model))
    refined = refine_fittings(load_fittings(fittings), photos, opened, RefineOptions(orientation=exif))
    save_fittings(refined.fittings, fittings)
    print_rows(refined.rows)
    if report is not None:
        content = json.loads(report.read_text(encoding="utf-8"))
        content["photometric"] = [asdict(row) for row in refined.rows]
        report.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if decomposition is not None:
        files = write_decompositions(refined, opened, decomposition)
        say(f"look at {files[-1]}")


def print_rows(rows: "tuple[PhotometricRow, ...]") -> None:
    """Print the errors before and after as a table on stderr, then what is odd about faces."""
    headings = ("face", "landmarks %", "then", "photo rms", "then", "believed %", "kept")
    print_fit_table(rows, headings, _cells, lambda row: row.landmark_error[1])
    say(f"{sum(row.accepted for row in rows)} of {len(rows)} faces refined against their photos")
    for row in rows:
        for flag in row.flags:
            say(f"{row.name}: {flag}")


def _cells(row: "PhotometricRow") -> list[str]:
    errors = [f"{100 * value:.2f}" for value in row.landmark_error] + [f"{value:.2f}" for value in row.rms]
    return [*errors, f"{100 * row.inliers:.0f}", "photo" if row.accepted else "landmarks"]
