"""The photometric stage of `synthgen fit`: refined fittings, a table, and the photos taken apart as pictures."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from synthgen.asset_io.photos import Orientation
from synthgen.cli.console import say
from synthgen.cli.model import open_named_model

if TYPE_CHECKING:
    from synthgen.fittings.photometric_photos import PhotometricRow

MOST_ROWS = 50


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
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from synthgen.cli.console import stderr_console

    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("face", overflow="fold", min_width=16)
    for heading in ("landmarks %", "then", "photo rms", "then", "believed %", "kept"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows[:MOST_ROWS]:
        errors = [f"{100 * value:.2f}" for value in row.landmark_error] + [f"{value:.2f}" for value in row.rms]
        table.add_row(escape(row.name), *errors, f"{100 * row.inliers:.0f}", "photo" if row.accepted else "landmarks")
    stderr_console().print(table)
    if len(rows) > MOST_ROWS:
        say(f"the first {MOST_ROWS} of {len(rows)} faces; all are in --report FILE.json")
    say(f"{sum(row.accepted for row in rows)} of {len(rows)} faces refined against their photos")
    for row in rows:
        for flag in row.flags:
            say(f"{row.name}: {flag}")
