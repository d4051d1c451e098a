"""3DDFA-V2's Basel face without neck: the `configs` folder with its pickle, triangles and index files.

What the importer changes: micrometres become millimetres, the triangles turn (the release's are clockwise), and one
unit of a coefficient becomes a standard deviation. `u` is the mean shape with the mean expression already added.

The release has no standard deviations of the Basel model: its coefficients carry them (sizes around 1e5 to 1e6). What
it has is how its training fittings spread, `std` of param_mean_std_62d_120x120.pkl, for the first 40 identity and 10
expression components, and these are what the network predicts. So the model has these components, and
`identity_stddev` and `expression_stddev` hold these numbers: dividing 3DDFA-V2's coefficients by them gives ours. The
fittings' mean is not the mean face (its first coefficient is -0.6 of these deviations): `u` is.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.bounded_file import open_regular
from synthgen.core.errors import ModelError
from synthgen.core.limits import MOST_FOREIGN_ARRAY_BYTES
from synthgen.core.npz import read_npy
from synthgen.morphable.loaders import array_checks as check
from synthgen.morphable.loaders.landmark_lists import TDDFA_53215
from synthgen.morphable.loaders.mat_file import file_sha256
from synthgen.morphable.loaders.safe_pickle import read_pickle
from synthgen.morphable.loaders.stddev_model import Components, Origin, face_template, stddev_model
from synthgen.morphable.model import MorphableModel

MODEL_FILE, TRIANGLE_FILE, INDEX_FILE = "bfm_noneck_v3.pkl", "tri.pkl", "indices.npy"
STATISTICS_FILE, CODE_FILE = "param_mean_std_62d_120x120.pkl", "ncc_code.npy"
POSE, IDENTITY, EXPRESSION = 12, 40, 10  # layout of the 62 parameters
MILLIMETRES = 1e-3
_FULL_MESH = 38_365


@dataclass(frozen=True)
class TddfaV2Arrays:
    """The release in memory, its own unit and order.

    mean: (V, 3) um; identity: (40, V, 3), expression: (10, V, 3) um per coefficient; triangles: (T, 3), 0-based,
    clockwise; landmarks: (68,), 0-based; stddev: (50,) of the fittings' coefficients.
    """

    mean: NDArray[np.float64]
    identity: NDArray[np.float32]
    expression: NDArray[np.float32]
    triangles: NDArray[np.int64]
    landmarks: NDArray[np.int64]
    stddev: NDArray[np.float64]


def is_tddfa_v2_path(path: Path) -> bool:
    """Whether a path is 3DDFA_V2's checkout, its `configs`, or the pickle in it."""
    return path.name == MODEL_FILE if path.is_file() else (_configs(path) / MODEL_FILE).is_file()


def import_tddfa_v2(path: Path) -> MorphableModel:
    """The model of 3DDFA_V2's `configs` folder; `path` is it, the checkout, or the pickle in it.

    Raises ModelError for anything incomplete.
    """
    configs = _configs(path)
    source = read_tddfa_v2(configs)
    check.check_face_size(str(configs / MODEL_FILE), source.mean * MILLIMETRES, "micrometres")
    mean, triangles = source.mean * MILLIMETRES, source.triangles[:, [0, 2, 1]]
    identity_stddev, expression_stddev = source.stddev[:IDENTITY], source.stddev[IDENTITY:]
    components = Components(
        mean=mean,
        identity=source.identity * (identity_stddev * MILLIMETRES).astype(np.float32)[:, None, None],
        expression=source.expression * (expression_stddev * MILLIMETRES).astype(np.float32)[:, None, None],
        identity_stddev=identity_stddev,
        expression_stddev=expression_stddev,
    )
    origin = Origin(
        name="tddfa-v2",
        licence="Basel Face Model 2009: non-commercial research, by agreement with the University of Basel; "
        "3DDFA_V2's files: MIT",
        source=f"3DDFA_V2 {MODEL_FILE}: first {IDENTITY} identity and {EXPRESSION} expression components; one unit is "
        f"one standard deviation of the training fittings ({STATISTICS_FILE}); landmarks are the release's; "
        f"sha256 {file_sha256(configs / MODEL_FILE)}",
    )
    template = face_template(configs, mean, triangles, source.landmarks)
    check.check_movement(str(configs / MODEL_FILE), components.identity)
    return stddev_model(components, template, origin)


def read_tddfa_v2(folder: Path) -> TddfaV2Arrays:
    """The release as arrays, checked against each other. Raises ModelError."""
    model = _dictionary(folder / MODEL_FILE)
    place = f"{folder / MODEL_FILE}: "
    mean = check.points(f"{place}'u'", _entry(folder / MODEL_FILE, model, "u"))
    identity = _basis(folder / MODEL_FILE, model, "w_shp", len(mean), IDENTITY)
    expression = _basis(folder / MODEL_FILE, model, "w_exp", len(mean), EXPRESSION)
    landmarks = _landmarks(f"{place}'keypoints'", _entry(folder / MODEL_FILE, model, "keypoints"), len(mean))
    # The pickle's own 'tri' belongs to another mesh; 3DDFA_V2 replaces it too.
    triangles = read_pickle(folder / TRIANGLE_FILE)
    if isinstance(triangles, np.ndarray) and triangles.ndim == 2 and triangles.shape[0] == 3:
        triangles = triangles.T
    triangles = check.triangle_list(f"{folder / TRIANGLE_FILE}: the triangle list", triangles, len(mean))
    _check_indices(folder / INDEX_FILE, mean, landmarks)
    _check_code(folder / CODE_FILE, mean)
    return TddfaV2Arrays(mean, identity, expression, triangles, landmarks, _stddev(folder / STATISTICS_FILE))


def check_known_landmarks(path: Path, indices: NDArray[np.integer], landmarks: NDArray[np.integer]) -> None:
    """Raises ModelError unless `indices` (V,) lead from the landmarks (68,) to 3DDFA's on the mesh with neck."""
    known = np.array(TDDFA_53215)
    wrong = np.flatnonzero(indices[landmarks] != known)
    if len(wrong):
        point = int(wrong[0])
        raise ModelError(
            f"{path}: leads landmark {point} (0-based) to vertex {int(indices[landmarks[point]])} of the mesh with "
            f"neck, expected {int(known[point])}: {INDEX_FILE} and {MODEL_FILE} do not belong together"
        )


def _configs(path: Path) -> Path:
    folder = path.parent if path.is_file() else path
    return folder / "configs" if (folder / "configs" / MODEL_FILE).is_file() else folder


def _dictionary(path: Path) -> dict[Any, Any]:
    value = read_pickle(path)
    if not isinstance(value, dict):
        raise ModelError(f"{path}: holds a {type(value).__name__}, expected a dictionary")
    return value


def _entry(path: Path, content: dict[Any, Any], key: str) -> Any:
    if key not in content:
        raise ModelError(f"{path}: key {key!r} is missing; it holds {', '.join(sorted(map(str, content)))[:200]}")
    return content[key]


def _basis(path: Path, model: dict[Any, Any], key: str, vertex_count: int, wanted: int) -> NDArray[np.float32]:
    """(wanted, V, 3) um per coefficient: the first components."""
    columns = _entry(path, model, key)
    if isinstance(columns, np.ndarray) and columns.ndim == 2:
        columns = columns[:, :wanted]
    basis = check.columns(f"{path}: {key!r}", columns, vertex_count)
    if len(basis) < wanted:
        raise ModelError(f"{path}: {key!r} has {len(basis)} components, expected at least {wanted}")
    return basis


def _landmarks(place: str, value: Any, vertex_count: int) -> NDArray[np.int64]:
    """(68,) vertices from 204 row numbers 3k, 3k + 1, 3k + 2 of the flat vertices, 0-based."""
    flat = check.indices(place, np.ravel(value) if isinstance(value, np.ndarray) else value, (204,), 3 * vertex_count)
    rows = flat.reshape(68, 3)
    if (rows[:, 0] % 3).any() or (rows != rows[:, :1] + np.arange(3)).any():
        raise ModelError(f"{place} are not rows 3k, 3k + 1, 3k + 2 for each point: expected 0-based flattened rows")
    return rows[:, 0] // 3


def _check_indices(path: Path, mean: NDArray[np.float64], landmarks: NDArray[np.int64]) -> None:
    place = f"{path}: the index list"
    kept = check.indices(place, _load_npy(path), (len(mean),), np.iinfo(np.int32).max)
    if len(np.unique(kept)) != len(kept):
        raise ModelError(f"{place} names a vertex twice")
    if len(mean) == _FULL_MESH:
        check_known_landmarks(path, kept, landmarks)


def _check_code(path: Path, mean: NDArray[np.float64]) -> None:
    """Raises ModelError unless the release's coordinate code, where present, is that of the mean."""
    if not path.is_file():
        return
    code = check.numbers(f"{path}: the coordinate code", _load_npy(path), (3, len(mean)))
    expected = (mean - mean.min(axis=0)) / np.ptp(mean, axis=0)
    apart = float(np.abs(code.T - expected).max())
    if apart > 1e-4:
        raise ModelError(
            f"{path}: differs by {apart:.2g} from the mean shape 'u' scaled to 0..1; 'u' must be the mean shape with "
            "the mean expression added, and both files of one release"
        )


def _stddev(path: Path) -> NDArray[np.float64]:
    """(50,) standard deviations of the coefficients in the training fittings."""
    if not path.is_file():
        raise ModelError(
            f"{path}: file not found; without it nothing says what a usual coefficient is. It is in 3DDFA_V2's configs "
            "folder"
        )
    stddev = check.numbers(f"{path}: 'std'", _entry(path, _dictionary(path), "std"), (POSE + IDENTITY + EXPRESSION,))
    if (stddev[POSE:] <= 0).any():
        raise ModelError(f"{path}: 'std' holds a number that is not positive")
    if np.median(stddev[POSE : POSE + IDENTITY]) < 10.0:
        raise ModelError(
            f"{path}: 'std' of the identity coefficients is about {np.median(stddev[POSE : POSE + IDENTITY]):.2g}, "
            "expected 1e4 to 1e6: the release's coefficients carry the model's standard deviations, in micrometres"
        )
    return stddev[POSE:]


def _load_npy(path: Path) -> Any:
    try:
        with open_regular(path) as file:
            return read_npy(file, MOST_FOREIGN_ARRAY_BYTES)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: file not found; the importer needs the whole configs folder") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: not an .npy file of numbers: {error}") from error
