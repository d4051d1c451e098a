"""The Basel Face Models 2017 and 2019 as their .h5 files (statismo layout): shape and expression.

What the importer changes: variances become standard deviations, points and triangles are stored one column each, and
the mean expression is added to the mean shape. Millimetres, counter-clockwise triangles and 0-based indices stay.

The release has no 68 landmarks. For the mesh of 53,149 vertices eos lists 26 of them; the other 42, jaw and brows
among them, are carried over from the built-in head (landmark_transfer.py) and are estimates. Other meshes of the
release need a landmark file (landmark_file.py), which is also preferred where there is one.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import ModelError
from synthgen.core.limits import MOST_FOREIGN_ARRAY_BYTES
from synthgen.morphable.loaders import array_checks as check
from synthgen.morphable.loaders.landmark_file import HOW_TO, find_landmark_file, read_landmark_file
from synthgen.morphable.loaders.landmark_lists import BFM2017_53149
from synthgen.morphable.loaders.landmark_transfer import complete_landmarks
from synthgen.morphable.loaders.mat_file import file_sha256
from synthgen.morphable.loaders.stddev_model import Components, Origin, face_template, stddev_model
from synthgen.morphable.model import MorphableModel

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_KNOWN_MESH = 53_149
_ORTHONORMAL = 1e-2  # largest error of a basis column's length and of two columns' product


def is_bfm_h5(path: Path) -> bool:
    """Whether a path is an HDF5 file, by its first bytes."""
    try:
        with open(path, "rb") as stream:
            return stream.read(8) == HDF5_MAGIC
    except OSError:
        return False


def import_bfm_h5(path: Path) -> MorphableModel:
    """The model of a BFM 2017 or 2019 .h5 file. Raises ModelError, also when h5py is not installed."""
    arrays = _read(path)
    shape_mean, identity, identity_stddev = _part(path, arrays, "shape")
    expression_mean, expression, expression_stddev = _part(path, arrays, "expression")
    if expression_mean.shape != shape_mean.shape:
        raise ModelError(f"{path}: shape has {len(shape_mean)} vertices, expression {len(expression_mean)}")
    mean = shape_mean + expression_mean
    check.check_face_size(str(path), mean, "millimetres")
    cells = arrays["shape/representer/cells"]
    if cells.ndim == 2 and cells.shape[0] == 3:
        cells = cells.T
    triangles = check.triangle_list(f"{path}: 'shape/representer/cells'", cells, len(mean))
    landmarks, landmark_source = _landmarks(path, mean, triangles)
    components = Components(
        mean=mean,
        identity=identity * identity_stddev.astype(np.float32)[:, None, None],
        expression=expression * expression_stddev.astype(np.float32)[:, None, None],
        # The publisher's coefficients are standard deviations too.
        identity_stddev=np.ones(len(identity)),
        expression_stddev=np.ones(len(expression)),
    )
    origin = Origin(
        name="bfm-2019" if "2019" in path.stem else "bfm-2017",
        licence="Basel Face Model 2017/2019: non-commercial research, by agreement with the University of Basel",
        source=f"{path.name}: {len(identity)} identity and {len(expression)} expression components; {landmark_source}; "
        f"sha256 {file_sha256(path)}",
    )
    check.check_movement(str(path), components.identity)
    return stddev_model(components, face_template(path, mean, triangles, landmarks), origin)


def _read(path: Path) -> dict[str, Any]:
    """The datasets that the importer needs, by name."""
    try:
        import h5py
    except ImportError as error:
        raise ModelError(f"{path}: .h5 files need h5py: pip install 'synthgen[bfm]'") from error
    names = ["shape/representer/cells"]
    names += [f"{part}/model/{key}" for part in ("shape", "expression") for key in ("mean", "pcaBasis", "pcaVariance")]
    arrays = {}
    try:
        with h5py.File(path, "r") as file:
            for name in names:
                arrays[name] = _dataset(f"{path}: '{name}'", file, name)[()]
    except FileNotFoundError as error:
        raise ModelError(f"{path}: file not found") from error
    except ModelError:
        raise
    except Exception as error:  # HDF5 fails in many ways on a damaged file; none of them is the user's language
        raise ModelError(f"{path}: not a readable HDF5 file: {error}") from error
    return arrays


def _dataset(place: str, file: Any, name: str) -> Any:
    """A dataset of numbers that lies in this file and is of a model's size. Raises ModelError."""
    import h5py

    parts = name.split("/")
    for depth in range(1, len(parts) + 1):
        link = file.get("/".join(parts[:depth]), getlink=True)
        if link is not None and not isinstance(link, h5py.HardLink):
            raise ModelError(f"{place} is a link, perhaps to another file; expected the arrays in the file itself")
    entry = file.get(name)
    if not isinstance(entry, h5py.Dataset):
        raise ModelError(f"{place} is missing; expected BFM 2017/2019 with expressions")
    if entry.external or entry.is_virtual:
        raise ModelError(f"{place} lies in another file; expected the arrays in the file itself")
    if entry.dtype.kind not in "fiu":
        raise ModelError(f"{place} has type {entry.dtype}, expected numbers")
    if math.prod(entry.shape or ()) * entry.dtype.itemsize > MOST_FOREIGN_ARRAY_BYTES:
        raise ModelError(f"{place} of shape {entry.shape} is larger than any known model")
    return entry


def _part(
    path: Path, arrays: dict[str, Any], part: str
) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float64]]:
    """Mean (V, 3) mm, orthonormal basis (K, V, 3) and standard deviations (K,) mm of "shape" or "expression"."""
    place = f"{path}: '{part}/model/"
    mean = check.points(f"{place}mean'", arrays[f"{part}/model/mean"])
    basis = check.columns(f"{place}pcaBasis'", arrays[f"{part}/model/pcaBasis"], len(mean))
    variance = check.numbers(f"{place}pcaVariance'", arrays[f"{part}/model/pcaVariance"], (len(basis),))
    if (variance <= 0).any():
        raise ModelError(f"{place}pcaVariance' holds a number that is not positive")
    flat = basis[: min(len(basis), 5)].reshape(min(len(basis), 5), -1)
    if np.abs(flat @ flat.T - np.eye(len(flat))).max(initial=0.0) > _ORTHONORMAL:
        raise ModelError(f"{place}pcaBasis' is not orthonormal, as the release's bases are")
    return mean, basis, np.sqrt(variance)


def _landmarks(path: Path, mean: NDArray[np.float64], triangles: NDArray[np.int64]) -> tuple[NDArray[np.int64], str]:
    """(68,) vertices, and where they come from."""
    own = find_landmark_file(path)
    if own is not None:
        return read_landmark_file(own, len(mean)), f"landmarks from {own.name}"
    if len(mean) != _KNOWN_MESH:
        raise ModelError(
            f"{path}: no landmarks are known for a mesh of {len(mean)} vertices (only for the one of {_KNOWN_MESH}); "
            f"{HOW_TO}"
        )
    return (
        complete_landmarks(mean, triangles, BFM2017_53149),
        "26 landmarks are eos's list, the other 42 are estimates carried over from the built-in head",
    )
