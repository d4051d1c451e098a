"""Fittings as 300W-LP and AFLW2000-3D store them: one .mat beside each picture, Zhu's pose convention.

A stored face is P = f R v + t with y up and MATLAB's first pixel at 1; its image point is (P_x, h + 1 - P_y). Here the
centre of the first pixel is (0.5, 0.5), so x = P_x - 0.5 and y = h - P_y + 0.5: the model origin, P = t, is the
principal point of a scaled-orthographic camera (core.conventions).
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthgen.asset_io.mat5 import Variable, read_mat
from synthgen.core.errors import AssetError
from synthgen.core.limits import MOST_FITTING_MAT_BYTES
from synthgen.fittings.coefficients import KeyNames, check_counts, find_problems, in_model_unit
from synthgen.fittings.fitting import FittingSet, FittingsRead, select_fittings
from synthgen.fittings.mat_values import matrix, vector
from synthgen.fittings.paired_files import paired_files
from synthgen.fittings.read_options import ReadOptions, Skips
from synthgen.geometry.rotation import rotation_from_zhu_euler
from synthgen.morphable.model import MorphableModel

Array = NDArray[np.float64]

KEYS = KeyNames(
    identity="Shape_Para",
    expression="Exp_Para",
    rotation="Pose_Para[0:3]",
    translation="Pose_Para",
    focal="Pose_Para[6]",
    principal="Pose_Para[3:5]",
    depth_shift="Pose_Para[5]",
    landmarks="pt2d",
)
# Folders of the releases that hold no fittings.
_OTHER_FOLDERS = ("landmarks", "Code")
_VARIABLES = ("Pose_Para", "Shape_Para", "Exp_Para", "pt2d", "pt3d_68")
_MICROMETRES_PER_MM = 1000.0
# MATLAB's first pixel is 1, ours 0.5.
_FIRST_PIXEL = 0.5
# Larger angles are degrees; AFLW2000-3D has some beyond a whole turn.
_MAX_ANGLE = 4.0 * np.pi
_PROFILED = re.compile(r"(?P<base>.+)_(?P<step>[1-9]\d*)")
_RELEASED_NAME = re.compile(r"(AFW|HELEN|IBUG|LFPW|XM2VTS)_")


@dataclass(frozen=True)
class _StoredFace:
    """One file's numbers as stored. pose: (7,); landmarks: (68, 2) px, NaN where the file has none to be believed."""

    name: str
    photo: str
    size: tuple[int, int]
    pose: Array
    shape: Array
    expression: Array
    landmarks: Array


def read_tddfa_folder(folder: str | Path, model: MorphableModel, options: ReadOptions) -> FittingsRead:
    """The fittings of a folder in the layout of 300W-LP or AFLW2000-3D: `.mat` and picture side by side, any depth.

    Coefficients are divided by the model's stddev (Shape_Para carries sigma), f goes from px/um to px/mm, t_z is kept
    as depth_shift. Landmarks: pt3d_68 where there is one (AFLW2000-3D, whose pt2d are 21 other points), else pts_3d of
    landmarks/SET/NAME_pts.mat, else pt2d, but not that of profiled pictures (NAME_1, NAME_2, ...), which repeats the
    points of NAME_0; else NaN. Folders called landmarks and Code are passed over.
    options.photos: folder of the pictures when they are not beside the .mat files.
    Raises AssetError that lists what cannot be used: a missing partner file, wrong keys or shapes, another model's
    coefficients, and everything that coefficients.find_problems names; with options.skip_bad they are listed in the
    result.
    """
    root = Path(folder)
    skips = Skips(root, options.skip_bad)
    pairs = paired_files(root, ".mat", options.photos, skips, _OTHER_FOLDERS)
    reader = _FaceReader(root, model, options)
    faces = []
    for number, (name, file, photo) in enumerate(pairs):
        try:
            faces.append(reader.read(name, file, photo))
        except AssetError as error:
            skips.add(name, str(error))
        options.report(number + 1, len(pairs))
    if not faces:
        skips.finish(0)
    with np.errstate(over="ignore", invalid="ignore"):  # numbers that are not finite then are found below
        fittings = _fitting_set(faces, model)
    problems = find_problems(fittings, model, KEYS)
    problems |= {row: reason for row, reason in _angle_problems(faces).items() if row not in problems}
    for row, reason in problems.items():
        skips.add(faces[row].name, f"{root / faces[row].name}.mat: {reason}")
    kept = np.array([row for row in range(len(faces)) if row not in problems], np.int64)
    skipped = skips.finish(len(kept))
    return FittingsRead(select_fittings(fittings, kept), skipped)


class _FaceReader:
    """Reads the files of one folder; remembers the points of originals, which their profiled pictures repeat."""

    def __init__(self, root: Path, model: MorphableModel, options: ReadOptions) -> None:
        self._root = root
        self._photos = options.photos or root
        self._model = model
        self._options = options
        self._original_points: dict[str, Array] = {}
        self._listed: dict[Path, frozenset[str]] = {}

    def read(self, name: str, file: str, photo: str) -> _StoredFace:
        """One fitting. Raises AssetError naming file and key."""
        path = self._root / file
        values = read_mat(path, _VARIABLES, MOST_FITTING_MAT_BYTES)
        pose = vector(path, values, "Pose_Para", 7)
        shape = vector(path, values, "Shape_Para")
        expression = vector(path, values, "Exp_Para")
        try:
            check_counts(len(shape), len(expression), self._model, KEYS, self._options.truncate)
        except AssetError as error:
            raise AssetError(f"{path}: {error}") from error
        return _StoredFace(
            name=name,
            photo=photo,
            size=self._options.photo_size(self._photos / photo),
            pose=pose,
            shape=shape[: len(self._model.identity_basis)],
            expression=expression[: len(self._model.expression_basis)],
            landmarks=self._landmarks(name, path, values) - _FIRST_PIXEL,
        )

    def _landmarks(self, name: str, path: Path, values: dict[str, Variable]) -> Array:
        """(68, 2) stored points, NaN where the file has none."""
        if "pt3d_68" in values:
            return _finite(path, "pt3d_68", matrix(path, values, "pt3d_68", (3, 68))[:2].T)
        separate = path.parent.parent / "landmarks" / path.parent.name / f"{path.stem}_pts.mat"
        own = matrix(path, values, "pt2d", (2, 68)).T if "pt2d" in values else None
        if own is not None:
            self._original_points[name] = own
        if separate.name in self._files_in(separate.parent):
            stored = read_mat(separate, ("pts_3d",), MOST_FITTING_MAT_BYTES)
            return _finite(separate, "pts_3d", matrix(separate, stored, "pts_3d", (68, 2)))
        if own is None or self._is_repeated(name, own):
            return np.full((68, 2), np.nan)
        return _finite(path, "pt2d", own)

    def _is_repeated(self, name: str, points: Array) -> bool:
        """Whether these are the points of the picture that this one was profiled from."""
        match = _PROFILED.fullmatch(name)
        if match is None:
            return False
        original = self._original_points.get(f"{match['base']}_0")
        if original is None:  # the release repeats them always, so its names suffice
            return _RELEASED_NAME.match(name.rpartition("/")[2]) is not None
        return np.array_equal(original, points)

    def _files_in(self, folder: Path) -> frozenset[str]:
        if folder not in self._listed:
            self._listed[folder] = frozenset(os.listdir(folder)) if folder.is_dir() else frozenset()
        return self._listed[folder]


def _finite(path: Path, key: str, points: Array) -> Array:
    """The points (68, 2). Raises AssetError for one that is NaN or infinite: these formats have no missing points."""
    wrong = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if len(wrong):
        raise AssetError(
            f"{path}: {key}: point {wrong[0]} is not finite ({len(wrong)} of 68 are not); a face without "
            f"landmarks has no {key} in its file"
        )
    return points


def _fitting_set(faces: list[_StoredFace], model: MorphableModel) -> FittingSet:
    pose = np.stack([face.pose for face in faces])
    sizes = np.array([face.size for face in faces], np.int32)
    none = np.zeros((len(faces), 3))
    return FittingSet(
        names=tuple(face.name for face in faces),
        photos=tuple(face.photo for face in faces),
        sizes=sizes,
        perspective=False,
        rotation=rotation_from_zhu_euler(np.where(np.isfinite(pose[:, :3]), pose[:, :3], 0.0)),
        translation=none,
        focal=pose[:, 6] * _MICROMETRES_PER_MM,
        principal=np.stack([pose[:, 3] - 0.5, sizes[:, 0] - pose[:, 4] + 0.5], axis=1),
        depth_shift=pose[:, 5],
        identity=in_model_unit(np.stack([face.shape for face in faces]), model.identity_stddev),
        expression=in_model_unit(np.stack([face.expression for face in faces]), model.expression_stddev),
        landmarks=np.stack([face.landmarks for face in faces]),
        boxes=np.full((len(faces), 4), np.nan),  # `roi` is the crop of a larger photo that nobody has
        ignore_boxes=((),) * len(faces),
        ignore_masks=("",) * len(faces),
        model=model.name,
    )


def _angle_problems(faces: list[_StoredFace]) -> dict[int, str]:
    problems = {}
    for row, face in enumerate(faces):
        wrong = np.flatnonzero(~(np.abs(face.pose[:3]) <= _MAX_ANGLE))
        if len(wrong):
            value = face.pose[wrong[0]]
            problems[row] = f"Pose_Para[{wrong[0]}] = {value:.6g} is no angle in radians (pitch, yaw, roll)"
    return problems
