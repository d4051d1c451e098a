"""WFLW's list files: one face a line, 98 points, a box, six attributes and the picture's name."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthgen.core.bounded_file import read_bounded
from synthgen.core.errors import AssetError
from synthgen.core.limits import MOST_LANDMARK_LIST_BYTES
from synthgen.fittings.photo_points import PhotoPoints, shifted_box

# The release does not say; its points are floating-point pixels of a tool that counts from 0.
FIRST_PIXEL = 0.0
_POINTS = 98
_WITH_ATTRIBUTES = 2 * _POINTS + 4 + 6 + 1  # list_98pt_rect_attr_*.txt
_POINTS_ONLY = 2 * _POINTS + 1  # list_98pt_test*.txt


ATTRIBUTES = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")


@dataclass(frozen=True)
class WflwFace:
    """A line. points: (98, 2) as stored; box: left, top, right, bottom as stored, and attributes: (6,) whether each of
    ATTRIBUTES holds, None where the list has none; picture: below WFLW_images; where: the line, for messages."""

    points: NDArray[np.float64]
    box: tuple[float, float, float, float] | None
    attributes: NDArray[np.bool_] | None
    picture: str
    where: str


def read_wflw_list(path: Path, found: PhotoPoints) -> None:
    """Adds every line of a list file to `found`; lines that are wrong are noted as bad.

    Raises AssetError when the file cannot be read.
    """
    lines = wflw_lines(path)
    for number, (where, tokens) in enumerate(lines):
        try:
            face = wflw_face(tokens, where)
        except AssetError as error:
            found.skips.add(where, str(error))
        else:
            box = None if face.box is None else shifted_box(*face.box, found.shift)
            found.add(face.picture, face.points, "wflw98", box=box, where=where)
        found.options.report(number + 1, len(lines))


def wflw_lines(path: Path) -> list[tuple[str, list[str]]]:
    """(place, entries) of every line of a list file that is not empty. Raises AssetError when it cannot be read."""
    try:
        lines = read_bounded(path, MOST_LANDMARK_LIST_BYTES).decode().splitlines()
    except OSError as error:
        raise AssetError(f"{path}: the file cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise AssetError(f"{path}: not a text file; expected a WFLW list") from error
    except ValueError as error:
        raise AssetError(f"{path}: no WFLW list ({error})") from error
    return [(f"{path}:{number}", line.split()) for number, line in enumerate(lines, start=1) if line.strip()]


def wflw_face(tokens: list[str], where: str) -> WflwFace:
    """The face of a line. Raises AssetError for a line of another layout."""
    if len(tokens) not in (_WITH_ATTRIBUTES, _POINTS_ONLY):
        layouts = f"{_WITH_ATTRIBUTES} (98 points, box, 6 attributes, picture) or {_POINTS_ONLY} (98 points, picture)"
        raise AssetError(f"{where}: {len(tokens)} entries, expected {layouts}")
    try:
        values = np.array(tokens[:-1]).astype(np.float64)
    except ValueError as error:
        raise AssetError(f"{where}: an entry is not a number ({error})") from error
    points = values[: 2 * _POINTS].reshape(_POINTS, 2)
    if len(tokens) == _POINTS_ONLY:
        return WflwFace(points, None, None, tokens[-1], where)
    left, top, right, bottom = (float(side) for side in values[2 * _POINTS : 2 * _POINTS + 4])
    return WflwFace(points, (left, top, right, bottom), values[-len(ATTRIBUTES) :] != 0, tokens[-1], where)


def photo_folder(path: Path) -> Path:
    """Where the release keeps the pictures of a list: WFLW_images beside one of the folders above it."""
    for folder in path.absolute().parents:
        if (folder / "WFLW_images").is_dir():
            return folder / "WFLW_images"
    return path.parent
