"""The Surrey Face Model as eos ships it: the `share` folder with a shape-only model of 3,448 vertices.

What the importer changes: eigenvalues, which are variances, become standard deviations. Millimetres, counter-clockwise
triangles and 0-based indices stay; texture coordinates, whose v runs down, are replaced by the project's chart. The six
expressions are weights from 0 to 1.

eos lists 50 of the 68 landmarks. The jaw's other points are spread evenly along the model's contours, ear to chin, and
the inner mouth corners (61 and 65) are carried over from the built-in head: these are estimates.
"""

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import ModelError
from synthgen.morphable.loaders import array_checks as check
from synthgen.morphable.loaders.eos_files import EosModel, read_eos_blendshapes, read_eos_model
from synthgen.morphable.loaders.ict_expressions import expression_components
from synthgen.morphable.loaders.landmark_transfer import complete_landmarks
from synthgen.morphable.loaders.mat_file import file_sha256
from synthgen.morphable.loaders.safe_pickle import read_whole_file
from synthgen.morphable.loaders.stddev_model import face_template
from synthgen.morphable.model import MorphableModel

MODEL_FILE, BLENDSHAPE_FILE = "sfm_shape_3448.bin", "expression_blendshapes_3448.bin"
LANDMARK_FILE, CONTOUR_FILE = "ibug_to_sfm.txt", "sfm_model_contours.json"
CHIN, NOSE_TIP = 8, 30
NOSE_UV, _TEXTURE_TOLERANCE = (0.5, 0.545), 0.02  # as eos's file has it; other vertices beside the tip are no harm


def is_surrey(path: Path) -> bool:
    """Whether a path is eos's share folder, its checkout, or the model file in it."""
    return (_share(path) / MODEL_FILE).is_file()


def import_surrey(path: Path) -> MorphableModel:
    """The Surrey model of eos's `share` folder; `path` is the folder or the model file. Raises ModelError."""
    folder = _share(path)
    shape = read_eos_model(folder / MODEL_FILE)
    check.check_face_size(str(folder / MODEL_FILE), shape.mean, "millimetres")
    identity = shape.basis * np.sqrt(shape.variance)[:, None, None]
    check.check_movement(str(folder / MODEL_FILE), identity)
    names, expression = read_eos_blendshapes(folder / BLENDSHAPE_FILE, len(shape.mean))
    landmarks = _landmarks(folder, shape)
    pca_mean, pca = expression_components(names, expression)
    return MorphableModel(
        name="surrey",
        mean=shape.mean.astype(np.float32),
        identity_basis=identity.astype(np.float32),
        expression_basis=expression.astype(np.float32),
        expression_names=names,
        expression_unit="weight",
        expression_range=np.tile(np.array([[0.0, 1.0]], np.float32), (len(names), 1)),
        expression_pca_mean=pca_mean,
        expression_pca=pca,
        identity_stddev=np.ones(len(shape.basis), np.float32),
        expression_stddev=np.ones(len(names), np.float32),
        template=face_template(folder / MODEL_FILE, shape.mean, shape.triangles, landmarks),
        licence="Surrey Face Model, University of Surrey: non-commercial use, see eos's share folder",
        source=f"eos {MODEL_FILE} and {BLENDSHAPE_FILE}; 50 landmarks are eos's list, 16 of the jaw are spread along "
        "its contours and the 2 inner mouth corners carried over from the built-in head (estimates); "
        f"sha256 {file_sha256(folder / MODEL_FILE)}",
    )


def _share(path: Path) -> Path:
    if path.is_file():
        return path.parent
    return path / "share" if (path / "share" / MODEL_FILE).is_file() else path


def _landmarks(folder: Path, shape: EosModel) -> NDArray[np.int64]:
    """(68,) vertices."""
    known = _listed(folder / LANDMARK_FILE, len(shape.mean))
    if CHIN not in known or NOSE_TIP not in known:
        raise ModelError(f"{folder / LANDMARK_FILE}: lists neither chin (9) nor nose tip (31), expected both")
    if shape.texture is not None and shape.texture[known[NOSE_TIP], 1] >= shape.texture[known[CHIN], 1]:
        raise ModelError(
            f"{folder / MODEL_FILE}: the texture coordinates run up from chin to nose, expected v to run down; "
            "the file is not eos's, or the landmarks belong to another mesh"
        )
    if shape.texture is not None and np.abs(shape.texture[known[NOSE_TIP]] - NOSE_UV).max() > _TEXTURE_TOLERANCE:
        u, v = shape.texture[known[NOSE_TIP]].tolist()
        raise ModelError(
            f"{folder / MODEL_FILE}: the nose tip lies at ({u:.4g}, {v:.4g}) of the texture, expected {NOSE_UV}; "
            f"{LANDMARK_FILE} belongs to another mesh"
        )
    right, left = _contours(folder / CONTOUR_FILE, len(shape.mean))
    chin = shape.mean[known[CHIN]]
    for number, (on_right, on_left) in enumerate(
        zip(_spread(shape.mean, right, chin), _spread(shape.mean, left, chin))
    ):
        known.setdefault(number, on_right)
        known.setdefault(16 - number, on_left)
    return complete_landmarks(shape.mean, shape.triangles, known)


def _listed(path: Path, vertex_count: int) -> dict[int, int]:
    """iBUG point, 0-based, to vertex, 0-based, of the list, which counts the points from 1."""
    text = _text(path)
    try:
        entries: Any = tomllib.loads(text)["landmark_mappings"]
        known = {int(point) - 1: int(vertex) for point, vertex in entries.items()}
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise ModelError(f"{path}: expected TOML with [landmark_mappings], point = vertex ({error})") from error
    for point, vertex in known.items():
        if not 0 <= point < 68 or not 0 <= vertex < vertex_count:
            raise ModelError(
                f"{path}: point {point + 1} lies on vertex {vertex}, expected points 1 to 68 and vertices 0 to "
                f"{vertex_count - 1}"
            )
    return known


def _contours(path: Path, vertex_count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Vertices of the right and of the left contour."""
    try:
        contours: Any = json.loads(_text(path))["model_contour"]
        lines = [np.array(contours[key], np.int64) for key in ("right_contour", "left_contour")]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ModelError(
            f"{path}: expected JSON with model_contour, right_contour and left_contour: {error}"
        ) from error
    for line in lines:
        if line.ndim != 1 or len(line) < 8 or line.min() < 0 or line.max() >= vertex_count:
            raise ModelError(f"{path}: each contour must have 8 or more vertices from 0 to {vertex_count - 1}")
    return lines[0], lines[1]


def _spread(mean: NDArray[np.float64], contour: NDArray[np.int64], chin: NDArray[np.float64]) -> list[int]:
    """Eight vertices from the ear towards the chin (3,), at even distances along the contour; the chin is the ninth."""
    ordered = contour[np.argsort(-mean[contour, 1])]
    line = np.concatenate([mean[ordered], chin[None]])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    wanted = along[-1] * np.arange(8) / 8
    return [int(ordered[np.argmin(np.abs(along[:-1] - place))]) for place in wanted]


def _text(path: Path) -> str:
    try:
        return read_whole_file(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: not a text file: {error}") from error
