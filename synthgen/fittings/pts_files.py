"""iBUG's `.pts` files, as 300W, Helen, LFPW, AFW and 300VW have them: one beside each picture, first pixel 1."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthgen.core.bounded_file import open_regular
from synthgen.core.errors import AssetError
from synthgen.core.limits import MOST_PTS_BYTES
from synthgen.fittings.paired_files import paired_files
from synthgen.fittings.photo_points import PhotoPoints

Array = NDArray[np.float64]

FIRST_PIXEL = 1.0
_POINTS = 68


def read_pts_folder(root: Path, found: PhotoPoints) -> None:
    """Adds every `NAME.pts` below a folder with the picture NAME.jpg, .png or another beside it to `found`.

    Notes files without their partner, and files that are no 68-point .pts, as bad.
    """
    pairs = paired_files(root, ".pts", found.options.photos, found.skips)
    for number, (name, file, picture) in enumerate(pairs):
        try:
            points = read_pts(root / file)
        except AssetError as error:
            found.skips.add(name, str(error))
        else:
            found.add(picture, points, "ibug68", where=str(root / file))
        found.options.report(number + 1, len(pairs))


def read_pts(path: Path, count: int = _POINTS, axes: int = 2) -> Array:
    """(count, axes) as stored: 1-based pixels. Raises AssetError, naming the file, when it is not such a file."""
    try:
        with open_regular(path) as file:
            text = file.read(MOST_PTS_BYTES + 1).decode("ascii")
    except OSError as error:
        raise AssetError(f"{path}: the file cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise AssetError(f"{path}: not a text file; expected iBUG's .pts format") from error
    head, opened, rest = text.partition("{")
    body, closed, _ = rest.partition("}")
    if not opened or not closed or "version" not in head:
        raise AssetError(
            f"{path}: not a .pts file; expected `version: 1`, `n_points: {count}`, and points between {{ and }}"
        )
    counts = [line.split(":", 1)[1].strip() for line in head.splitlines() if line.strip().startswith("n_points:")]
    if counts != [str(count)]:
        raise AssetError(f"{path}: n_points is {' '.join(counts) or 'missing'}, expected {count}")
    lines = [line.split() for line in body.splitlines() if line.strip()]
    if len(lines) != count or any(len(line) != axes for line in lines):
        raise AssetError(f"{path}: {len(lines)} lines of points, expected {count} lines `{' '.join('xyz'[:axes])}`")
    try:
        return np.array(lines).astype(np.float64)
    except ValueError as error:
        raise AssetError(f"{path}: a point is not a number ({error})") from error


def holds_pts(root: Path) -> bool:
    """Whether a folder has .pts files at any depth."""
    return any(name.lower().endswith(".pts") for _, _, names in os.walk(root, followlinks=True) for name in names)
