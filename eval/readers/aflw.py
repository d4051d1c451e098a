"""AFLW's faces: 3DDFA's tables of 21,080 crops, and AFLWinfo_release.mat with 19 points."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eval.predictions import sample_id
from eval.readers.aflw2000 import read_table
from eval.readers.pictures import find_file, picture_of
from eval.truth import Truth, new_truth, selected
from synthgen.asset_io.catalogue import list_files
from synthgen.asset_io.images import IMAGE_SUFFIXES
from synthgen.core.errors import AssetError
from synthgen.fittings.aflw import aflw19_arrays, photo_folder, point_table

Array = NDArray[np.float64]

# MATLAB's first pixel is 1, ours 0.5.
_SHIFT = -0.5
_POINTS, _POINTS_68 = "AFLW_GT_pts21.npy", "AFLW_GT_pts68.npy"
_YAWS, _BOXES = "AFLW_GT_crop_yaws.npy", "AFLW_GT_crop_roi_box.npy"
_TRAINING_FACES = 20_000


def read_aflw21(folder: Path) -> tuple[Truth, Array | None]:
    """3DDFA's AFLW: 21 points of each crop, -1 where one is not visible, and the 68 fitted points (N, 68, 2) or None.

    Ids are the names of the pictures below the folder in their order when there are as many, else row numbers.
    Raises AssetError when AFLW_GT_pts21.npy or AFLW_GT_crop_yaws.npy is missing or another one.
    """
    path = find_file(folder, _POINTS)
    if path is None:
        raise AssetError(f"{folder}: no {_POINTS} in or below this folder; expected 3DDFA's test.configs")
    stored = point_table(path)[:, :2].astype(np.float64).transpose(0, 2, 1)
    if stored.shape[1] != 21:
        raise AssetError(f"{path}: {stored.shape[1]} points for each face, expected 21")
    count = len(stored)
    hidden = (stored == -1.0).any(axis=2)
    points = np.where(hidden[..., None], np.nan, stored + _SHIFT)
    names = [name for name in list_files(folder, IMAGE_SUFFIXES) if "/" not in name]
    named = len(names) == count
    ids = [sample_id(name) for name in names] if named else [str(row) for row in range(count)]
    pictures = [folder / name for name in names] if named else ()
    boxes = _table(folder, _BOXES, (count, 4))
    truth = new_truth("aflw21", ids, points, str(path), None, None if boxes is None else boxes + _SHIFT, pictures)
    yaws = _table(folder, _YAWS, (count,))
    if yaws is None:
        raise AssetError(f"{folder}: no {_YAWS} in or below this folder; the bins need it")
    fitted = find_file(folder, _POINTS_68)
    points_68 = None
    if fitted is not None and fitted.stat().st_size > 256:  # the public copy of this file is empty
        points_68 = read_table(fitted, (count, 2, 68)).transpose(0, 2, 1) + _SHIFT
    return replace(truth, yaw_deg=yaws), points_68


def _table(folder: Path, name: str, shape: tuple[int, ...]) -> Array | None:
    path = find_file(folder, name)
    return None if path is None else read_table(path, shape)


def read_aflw19_test(path: Path) -> Truth:
    """The 4,386 test faces of AFLWinfo_release.mat with the subset "frontal": all 19 points visible.

    path: the file, or a folder with it. Ids are the names of the pictures with #2, #3 ... for further faces of one.
    Raises AssetError when it is not that file.
    """
    file = find_file(path, "AFLWinfo_release.mat") if path.is_dir() else path
    if file is None:
        raise AssetError(f"{path}: no AFLWinfo_release.mat in or below this folder")
    faces = aflw19_arrays(file)
    if faces.order is None or len(faces.order) <= _TRAINING_FACES:
        raise AssetError(f"{file}: no order `ra` of more than {_TRAINING_FACES:,} faces, which tells the test faces")
    photos = photo_folder(file)
    truth = new_truth(
        "aflw19",
        numbered([sample_id(name) for name in faces.names]),
        faces.points + _SHIFT,
        str(file),
        faces.visible,
        faces.boxes + _SHIFT,
        [picture_of(photos, name) for name in faces.names],
    )
    truth = replace(truth, subsets={"frontal": np.asarray(faces.visible.all(axis=1))})
    return selected(truth, faces.order[_TRAINING_FACES:])


def numbered(names: list[str]) -> list[str]:
    """The names, the second of the same name with #2, the third with #3, and so on."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return result
