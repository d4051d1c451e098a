"""AFLW's points as public releases have them: AFLWinfo_release.mat (19 points) and .npy tables (21 or 68 points)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.asset_io.catalogue import list_files
from synthgen.asset_io.images import IMAGE_SUFFIXES
from synthgen.asset_io.mat5 import read_mat
from synthgen.core.bounded_file import open_regular
from synthgen.core.errors import AssetError
from synthgen.core.limits import MOST_LANDMARK_LIST_BYTES, MOST_LANDMARK_MAT_BYTES
from synthgen.core.npz import read_npy
from synthgen.fittings.mat_values import matrix, vector
from synthgen.fittings.photo_points import PhotoPoints, shifted_box

Array = NDArray[np.float64]

# Both were made with MATLAB.
FIRST_PIXEL = 1.0
_AFLW19 = 19
_KEYS = ("data", "bbox", "nameList", "mask_new", "ra")
_TABLE_POINTS = {21: "aflw21", 68: "ibug68"}


@dataclass(frozen=True)
class Aflw19:
    """AFLWinfo_release.mat. names: of the pictures; points: (N, 19, 2) as stored, NaN where there is none; boxes:
    (N, 4) left, top, right, bottom as stored; visible: (N, 19); order: (N,) the faces, those for training first, as
    numbers from 0, None when the file has no `ra`."""

    names: tuple[str, ...]
    points: Array
    boxes: Array
    visible: NDArray[np.bool_]
    order: NDArray[np.int64] | None


def aflw19_arrays(path: Path) -> Aflw19:
    """The content of AFLWinfo_release.mat: data (N, 38) is all x, then all y; bbox is x, x, y, y.

    (0, 0) and negative points are none at all. Raises AssetError when the file is not that one.
    """
    values = read_mat(path, _KEYS, MOST_LANDMARK_MAT_BYTES)
    names = values.get("nameList")
    if not isinstance(names, tuple):
        raise AssetError(f"{path}: nameList is missing or no cell of text; expected AFLWinfo_release.mat")
    count = len(names)
    data = matrix(path, values, "data", (count, 2 * _AFLW19))
    boxes = matrix(path, values, "bbox", (count, 4))
    masks = matrix(path, values, "mask_new", (count, _AFLW19))
    points = data.reshape(count, 2, _AFLW19).transpose(0, 2, 1)
    points = np.where(
        (points > 0).any(axis=2, keepdims=True) & (points >= 0).all(axis=2, keepdims=True), points, np.nan
    )
    order = None
    if "ra" in values:
        order = vector(path, values, "ra", count).astype(np.int64) - 1
        if not np.array_equal(np.sort(order), np.arange(count)):
            raise AssetError(f"{path}: ra is no order of the {count} faces")
    return Aflw19(names, points, boxes[:, [0, 2, 1, 3]], masks != 0, order)


def read_aflw19(path: Path, found: PhotoPoints) -> None:
    """Adds the faces of AFLWinfo_release.mat to `found`; points whose mask_new is 0 are not visible.

    Raises AssetError when the file is not that one.
    """
    faces = aflw19_arrays(path)
    for row, name in enumerate(faces.names):
        left, top, right, bottom = (float(side) for side in faces.boxes[row])
        box = shifted_box(left, top, right, bottom, found.shift)
        found.add(name, faces.points[row], "aflw19", faces.visible[row], box, f"{path}: data[{row}]")
        found.options.report(row + 1, len(faces.names))


def photo_folder(path: Path) -> Path:
    """Where the pictures of AFLWinfo_release.mat are: flickr/ or data/flickr/ beside it."""
    for folder in (path.parent / "data" / "flickr", path.parent / "flickr"):
        if folder.is_dir():
            return folder
    return path.parent


def read_point_table(path: Path, found: PhotoPoints) -> None:
    """Adds a .npy table (N, 2 or 3, K) to `found`, K = 21 or 68: x, y (and z) rows; -1 marks points that are hidden.

    Its faces are those of the pictures directly in found.folder in the order of their file names.
    Raises AssetError when it is no such table, or the number of pictures is another one.
    """
    table = point_table(path)
    names = [name for name in list_files(found.folder, IMAGE_SUFFIXES) if "/" not in name]
    if len(names) != len(table):
        raise AssetError(
            f"{path}: {len(table)} faces, but {found.folder} holds {len(names)} pictures; expected one for each face, "
            "in the order of their names (--photos names the folder)"
        )
    for row, name in enumerate(names):
        with np.errstate(invalid="ignore"):  # signalling NaN
            points = table[row, :2].T.astype(np.float64)
        points[(points == -1.0).any(axis=1)] = np.nan
        found.add(name, points, _TABLE_POINTS[table.shape[2]], where=f"{path}[{row}]")
        found.options.report(row + 1, len(names))


def published_array(path: Path) -> NDArray[Any]:
    """The array in a .npy file of a public release. Raises AssetError when the file holds none."""
    try:
        with open_regular(path) as file:
            return read_npy(file, MOST_LANDMARK_LIST_BYTES)
    except OSError as error:
        raise AssetError(f"{path}: the file cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise AssetError(f"{path}: not a whole .npy file ({error})") from error


def point_table(path: Path) -> NDArray[np.floating]:
    """(N, 2 or 3, 21 or 68) of a .npy file. Raises AssetError when it is no such table."""
    table = published_array(path)
    right = table.ndim == 3 and table.shape[1] in (2, 3) and table.shape[2] in _TABLE_POINTS and table.dtype.kind == "f"
    if not right:
        raise AssetError(f"{path}: shape {table.shape} and type {table.dtype}, expected floats (N, 2 or 3, 21 or 68)")
    return table
