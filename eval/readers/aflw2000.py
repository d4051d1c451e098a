"""AFLW2000-3D: a folder of image00002.mat beside image00002.jpg, and the tables that 3DDFA published for it."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eval.readers.pictures import find_file, picture_of
from eval.truth import Truth, new_truth
from synthgen.asset_io.mat5 import read_mat
from synthgen.core.errors import AssetError
from synthgen.core.limits import MOST_FITTING_MAT_BYTES
from synthgen.fittings.aflw import published_array
from synthgen.fittings.mat_values import matrix, vector
from synthgen.fittings.paired_files import files_below

Array = NDArray[np.float64]

# Stored points count from 1; the re-annotated ones lie as if they counted from 0 (CONVENTIONS.md C3: their mean offset
# from the others is (-1.23, -0.88) px).
_ORIGINAL_SHIFT, _REANNOTATED_SHIFT = -0.5, 0.5
REANNOTATED, LABELLED_YAW, GIVEN_BOX = (
    "AFLW2000-3D-Reannotated.pts68.npy",
    "AFLW2000-3D-new.pose.npy",
    "AFLW2000-3D_crop.roi_box.npy",
)


@dataclass(frozen=True)
class Aflw2000:
    """truth: the original 68 points (N, 68, 3) and the fitted yaw; angles: (N, 3) Zhu's pitch, yaw, roll in radians.

    reannotated: (N, 68, 2) our pixels, labelled_yaw: (N,) degrees, given_box: (N, 4); None where the file is missing.
    """

    truth: Truth
    angles: Array
    reannotated: Array | None
    labelled_yaw: Array | None
    given_box: Array | None


def read_aflw2000(folder: Path, reannotated: str = "", yaw: str = "", boxes: str = "") -> Aflw2000:
    """The benchmark in a folder.

    reannotated, yaw, boxes: 3DDFA's files, "" for those of their names anywhere below the folder or none.
    Raises AssetError for files that are not these, or whose number of faces is another one.
    """
    names = sorted(files_below(folder, (".mat",), ("landmarks", "Code")).by_name)
    if not names:
        raise AssetError(f"{folder}: no .mat file below this folder; expected AFLW2000-3D's image00002.mat and so on")
    points, angles = np.empty((len(names), 68, 3)), np.empty((len(names), 3))
    for row, name in enumerate(names):
        path = folder / f"{name}.mat"
        values = read_mat(path, ("pt3d_68", "Pose_Para"), MOST_FITTING_MAT_BYTES)
        points[row] = matrix(path, values, "pt3d_68", (3, 68)).T
        angles[row] = vector(path, values, "Pose_Para", 7)[:3]
    points[..., :2] += _ORIGINAL_SHIFT
    pictures = [picture_of(folder, name) for name in names]
    truth = replace(
        new_truth("ibug68", names, points, str(folder), pictures=pictures), yaw_deg=np.rad2deg(angles[:, 1])
    )
    return Aflw2000(
        truth,
        angles,
        _turned(_optional_table(folder, reannotated, REANNOTATED, (len(names), 2, 68))),
        _absolute(_optional_table(folder, yaw, LABELLED_YAW, (len(names),))),
        _shifted(_optional_table(folder, boxes, GIVEN_BOX, (len(names), 4))),
    )


def _optional_table(folder: Path, given: str, name: str, shape: tuple[int, ...]) -> Array | None:
    path = Path(given) if given else find_file(folder, name)
    return None if path is None else read_table(path, shape)


def read_table(path: Path, shape: tuple[int, ...]) -> Array:
    """A .npy file of numbers of this shape, as float64. Raises AssetError for anything else."""
    table = published_array(path)
    if table.shape != shape or table.dtype.kind not in "fiu":
        raise AssetError(f"{path}: shape {table.shape} and type {table.dtype}, expected numbers {shape}")
    return table.astype(np.float64)


def _turned(table: Array | None) -> Array | None:
    return None if table is None else table.transpose(0, 2, 1) + _REANNOTATED_SHIFT


def _absolute(table: Array | None) -> Array | None:
    return None if table is None else np.abs(table)


def _shifted(table: Array | None) -> Array | None:
    return None if table is None else table + _ORIGINAL_SHIFT
