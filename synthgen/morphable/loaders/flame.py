"""FLAME as its pickle: template mesh, identity and expression shapes, and the landmark embeddings beside it.

What the importer changes: metres become millimetres. The 400 columns of `shapedirs` are 300 identity and then 100
expression components, with the standard deviations already in them; indices are 0-based.

Only the linear part is used. Pose correctives (`posedirs`) and skinning (`weights`, `J_regressor`) move vertices with
joint angles, which the project's models do not have: the jaw stays closed but for the expression components.

The 68 landmarks come from the two embedding files of the release, the jaw's at the frontal pose, or from a landmark
file (landmark_file.py).
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import ModelError
from synthgen.morphable.loaders import array_checks as check
from synthgen.morphable.loaders.inert_arrays import array_of
from synthgen.morphable.loaders.landmark_file import HOW_TO, find_landmark_file, read_landmark_file
from synthgen.morphable.loaders.mat_file import file_sha256
from synthgen.morphable.loaders.safe_pickle import read_pickle, read_pickled_npy
from synthgen.morphable.loaders.stddev_model import Components, Origin, face_template, stddev_model
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.template import SurfacePoints

IDENTITY, EXPRESSION = 300, 100
MILLIMETRES = 1000.0
STATIC_FILE, DYNAMIC_FILE = "flame_static_embedding.pkl", "flame_dynamic_embedding.npy"
_MODEL_NAMES = ("generic_model.pkl", "flame2023.pkl", "FLAME_NEUTRAL.pkl", "female_model.pkl", "male_model.pkl")
_FRONTAL_ROW = 0  # of the 79 rows of the jaw's embedding: yaw 0 to 39 degrees, then -1 to -39


def is_flame(path: Path) -> bool:
    """Whether a path is a pickle file, or a folder with one of FLAME's names in it."""
    if path.is_dir():
        return any((path / name).is_file() for name in _MODEL_NAMES)
    return path.is_file() and path.suffix == ".pkl"


def import_flame(path: Path) -> MorphableModel:
    """The linear part of FLAME: `path` is the pickle, or the folder that holds it. Raises ModelError."""
    file = _model_file(path)
    content = read_pickle(file)
    if not isinstance(content, dict):
        raise ModelError(f"{file}: holds a {type(content).__name__}, expected a dictionary")
    vertices = check.numbers(f"{file}: 'v_template'", _entry(file, content, "v_template"), (None, 3))
    count = len(vertices)
    shapes = _entry(file, content, "shapedirs")
    shapes = check.numbers(f"{file}: 'shapedirs'", shapes, (count, 3, IDENTITY + EXPRESSION))
    triangles = check.triangle_list(f"{file}: 'f'", _entry(file, content, "f"), count)
    mean = vertices * MILLIMETRES
    check.check_face_size(str(file), mean, "metres")
    basis = np.moveaxis(shapes, 2, 0) * MILLIMETRES
    landmarks, landmark_source = _landmarks(file, count, triangles)
    components = Components(
        mean=mean,
        identity=basis[:IDENTITY],
        expression=basis[IDENTITY:],
        identity_stddev=np.ones(IDENTITY),
        expression_stddev=np.ones(EXPRESSION),
    )
    origin = Origin(
        name="flame",
        licence="FLAME: see flame.is.tue.mpg.de; FLAME 2023 Open is CC BY 4.0, older releases non-commercial research",
        source=f"{file.name}: v_template and shapedirs; pose correctives and skinning are not part of this model; "
        f"{landmark_source}; sha256 {file_sha256(file)}",
    )
    check.check_movement(str(file), components.identity)
    return stddev_model(components, face_template(file, mean, triangles, landmarks), origin)


def refuse_pose_correctives() -> None:
    """Raises ModelError: asked for, FLAME's pose correctives and skinning are not silently left out."""
    raise ModelError(
        "pose correctives and skinning are not supported: models here are linear, a mean plus identity and expression "
        "components, and have no joints. Import without them; to open the mouth use expression components, to turn the "
        "head use the recipe's pose"
    )


def _model_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = [path / name for name in _MODEL_NAMES if (path / name).is_file()]
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none of " + ", ".join(_MODEL_NAMES)
        raise ModelError(f"{path}: holds {names}; name the FLAME pickle to import")
    return found[0]


def _entry(path: Path, content: dict[Any, Any], key: str) -> Any:
    """An array of the pickle, whatever kind of object holds it."""
    if key not in content:
        raise ModelError(f"{path}: key {key!r} is missing; it holds {', '.join(sorted(map(str, content)))[:200]}")
    return array_of(f"{path}: {key!r}", content[key])


def _landmarks(
    model: Path, vertex_count: int, triangles: NDArray[np.int64]
) -> tuple[NDArray[np.int64] | SurfacePoints, str]:
    """The 68 points as vertices or as places on triangles, and where they come from."""
    own = find_landmark_file(model)
    if own is not None:
        return read_landmark_file(own, vertex_count), f"landmarks from {own.name}"
    folder = model.parent
    missing = [name for name in (STATIC_FILE, DYNAMIC_FILE) if not (folder / name).is_file()]
    if missing:
        raise ModelError(
            f"{model}: the 68 landmarks need {' and '.join(missing)} in the same folder (51 points of the face, 17 of "
            f"the jaw; published with FLAME's landmark code), or {HOW_TO}"
        )
    static_triangle, static_weights = _embedding(folder / STATIC_FILE, read_pickle(folder / STATIC_FILE), (51,))
    dynamic = read_pickled_npy(folder / DYNAMIC_FILE)
    dynamic_triangle, dynamic_weights = _embedding(folder / DYNAMIC_FILE, dynamic, (None, 17))
    triangle = np.concatenate([dynamic_triangle[_FRONTAL_ROW], static_triangle])
    weights = np.concatenate([dynamic_weights[_FRONTAL_ROW], static_weights])
    if triangle.max() >= len(triangles):
        raise ModelError(f"{folder}: the landmarks name triangle {triangle.max()}, the model has {len(triangles)}")
    points = SurfacePoints(triangle.astype(np.int32), weights.astype(np.float32))
    return points, f"landmarks from {STATIC_FILE} and, frontal, {DYNAMIC_FILE}"


def _embedding(
    path: Path, content: Any, shape: tuple[int | None, ...]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Triangles (..., K), 0-based, and weights (..., K, 3) of surface points."""
    if not isinstance(content, dict):
        raise ModelError(f"{path}: holds a {type(content).__name__}, expected a dictionary")
    triangle = check.indices(f"{path}: 'lmk_face_idx'", _entry(path, content, "lmk_face_idx"), shape, 1 << 31)
    wanted = (*triangle.shape, 3)
    weights = check.numbers(f"{path}: 'lmk_b_coords'", _entry(path, content, "lmk_b_coords"), wanted)
    if not triangle.size or np.abs(weights.sum(axis=-1) - 1.0).max() > 1e-3 or weights.min() < -1e-3:
        raise ModelError(f"{path}: 'lmk_b_coords' are not weights that sum to 1 for each point")
    weights = np.maximum(weights, 0.0)
    return triangle, weights / weights.sum(axis=-1, keepdims=True)
