"""WFLW's list files: one face a line, 98 points, a box, six attributes and the picture's name."""

from pathlib import Path

import numpy as np

from synthgen.core.bounded_file import read_bounded
from synthgen.core.errors import AssetError
from synthgen.core.limits import MOST_LANDMARK_LIST_BYTES
from synthgen.fittings.photo_points import PhotoPoints, shifted_box

# The release does not say; its points are floating-point pixels of a tool that counts from 0.
FIRST_PIXEL = 0.0
_POINTS = 98
_WITH_ATTRIBUTES = 2 * _POINTS + 4 + 6 + 1  # list_98pt_rect_attr_*.txt
_POINTS_ONLY = 2 * _POINTS + 1  # list_98pt_test*.txt


def read_wflw_list(path: Path, found: PhotoPoints) -> None:
    """Adds every line of a list file to `found`; lines that are wrong are noted as bad.

    Raises AssetError when the file cannot be read.
    """
    try:
        lines = read_bounded(path, MOST_LANDMARK_LIST_BYTES).decode().splitlines()
    except OSError as error:
        raise AssetError(f"{path}: the file cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise AssetError(f"{path}: not a text file; expected a WFLW list") from error
    except ValueError as error:
        raise AssetError(f"{path}: no WFLW list ({error})") from error
    for number, line in enumerate(lines):
        if line.strip():
            _add_line(line.split(), f"{path}:{number + 1}", found)
        found.options.report(number + 1, len(lines))


def photo_folder(path: Path) -> Path:
    """Where the release keeps the pictures of a list: WFLW_images beside one of the folders above it."""
    for folder in path.absolute().parents:
        if (folder / "WFLW_images").is_dir():
            return folder / "WFLW_images"
    return path.parent


def _add_line(tokens: list[str], where: str, found: PhotoPoints) -> None:
    if len(tokens) not in (_WITH_ATTRIBUTES, _POINTS_ONLY):
        layouts = f"{_WITH_ATTRIBUTES} (98 points, box, 6 attributes, picture) or {_POINTS_ONLY} (98 points, picture)"
        found.skips.add(where, f"{where}: {len(tokens)} entries, expected {layouts}")
        return
    try:
        values = np.array(tokens[: 2 * _POINTS]).astype(np.float64)
        sides = [float(token) for token in tokens[2 * _POINTS : 2 * _POINTS + 4]] if len(tokens) > _POINTS_ONLY else []
    except ValueError as error:
        found.skips.add(where, f"{where}: an entry is not a number ({error})")
        return
    box = shifted_box(sides[0], sides[1], sides[2], sides[3], found.shift) if sides else None
    found.add(tokens[-1], values.reshape(_POINTS, 2), "wflw98", box=box, where=where)
