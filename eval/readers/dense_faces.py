"""Faces with dense vertices: arrays of an .npz file, or AFLW2000-3D's own .mat files and the model that they are of."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eval.npz_arrays import read_arrays
from synthgen.core.errors import DatasetError, UsageError

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class DenseFaces:
    """N faces. vertices_of: rows (M,) -> (M, V, 3), px of the picture, x right, y down, z larger nearer; points_of:
    rows -> (M, 68, 3), None without landmarks. Both are asked for a few faces at a time: 2,000 of BFM's take gigabytes.
    """

    ids: tuple[str, ...]
    vertices_of: Callable[[Rows], Floats]
    points_of: Callable[[Rows], Floats] | None


def read_dense_npz(path: Path) -> DenseFaces:
    """The faces of an .npz file with ids (N,), vertices (N, V, 3) and perhaps landmarks (68,), numbers of vertices.

    Raises DatasetError for anything else.
    """
    expected = "ids (N,) and vertices (N, V, 3)"
    arrays = read_arrays(path, expected)
    if missing := {"ids", "vertices"} - set(arrays):
        raise DatasetError(f"{path}: no {', '.join(sorted(missing))}; expected an .npz file of {expected}")
    ids, vertices = arrays["ids"].astype(str), arrays["vertices"]
    landmarks = arrays.get("landmarks")
    if landmarks is not None and landmarks.dtype.kind not in "iu":
        raise DatasetError(f"{path}: landmarks of type {landmarks.dtype}; expected 68 numbers of vertices, from 0")
    if vertices.dtype.kind not in "fiu" or vertices.ndim != 3 or vertices.shape[2] != 3 or len(vertices) != len(ids):
        raise DatasetError(f"{path}: vertices {vertices.shape} for {len(ids)} ids; expected numbers (N, V, 3) in px")
    wrong = [name for name, face in zip(ids.tolist(), vertices) if not np.isfinite(face).all()]
    if wrong:
        raise DatasetError(f"{path}: vertices of {len(wrong)} faces are not finite: {', '.join(wrong[:5])}")
    if len(set(ids.tolist())) < len(ids):
        raise DatasetError(f"{path}: an id is there twice")
    if landmarks is not None and (landmarks.shape != (68,) or not np.isin(landmarks, range(vertices.shape[1])).all()):
        raise DatasetError(f"{path}: landmarks {landmarks.shape}; expected 68 numbers of vertices, from 0")
    return DenseFaces(
        tuple(ids.tolist()),
        lambda rows: vertices[rows].astype(np.float64),
        None if landmarks is None else lambda rows: vertices[rows][:, landmarks].astype(np.float64),
    )


def read_dense_mat(folder: Path, model_path: str) -> DenseFaces:
    """The fitted faces of a folder of image00002.mat and so on, rebuilt with the model of a file of ours.

    Raises UsageError without the model, AssetError and ModelError for files that cannot be used.
    """
    if not model_path:
        raise UsageError(
            f"{folder} holds coefficients: say --set model=FILE, the model they are of (synthgen model import FOLDER "
            "-o FILE makes it of 3DDFA's Model_Shape.mat and Model_Exp.mat)"
        )
    from synthgen.fittings.read_fittings import read_fittings
    from synthgen.morphable.model import evaluate_vertices
    from synthgen.morphable.model_file import load_model
    from synthgen.morphable.template import evaluate_points

    model = load_model(model_path)
    fittings = read_fittings(folder, model).fittings

    def vertices_of(rows: Rows) -> Floats:
        shapes = evaluate_vertices(model, fittings.identity[rows], fittings.expression[rows])
        turned = np.einsum("nij,nvj->nvi", fittings.rotation[rows], shapes.astype(np.float64))
        points = turned * fittings.focal[rows][:, None, None] * np.array([1.0, -1.0, 1.0])
        points[..., :2] += fittings.principal[rows][:, None]
        points[..., 2] += fittings.depth_shift[rows][:, None]
        return points

    template = model.template

    def points_of(rows: Rows) -> Floats:
        found = evaluate_points(template.landmarks["ibug68"], template.triangles, vertices_of(rows))
        return np.asarray(found, np.float64)

    return DenseFaces(fittings.names, vertices_of, points_of)
