"""3DDFA's trimmed Basel 2009 model, 53,215 vertices: the folder of MATLAB files that 300W-LP was made with.

Files, all in the given folder (ModelGenerate of the 3DDFA release writes them):
    Model_Shape.mat                          mu_shape (3V, 1), w (3V, I), sigma (I, 1), tri (3, T), keypoints (1, 68)
    Model_Exp.mat or Model_Expression.mat    mu_exp (3V, 1), w_exp (3V, E), sigma_exp (E, 1)

The mean is mu_shape + mu_exp: 300W-LP's shapes are mu_shape + mu_exp + w Shape_Para + w_exp Exp_Para, so a coefficient
of ours is Shape_Para / sigma and Exp_Para / sigma_exp.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import ModelError
from synthgen.morphable.loaders.basel_model import (
    BaselArrays,
    ColumnBasis,
    basel_model,
    landmark_rows,
    triangle_rows,
)
from synthgen.morphable.loaders.mat_file import MatArray, read_mat
from synthgen.morphable.model import MorphableModel

SHAPE_FILE = "Model_Shape.mat"
EXPRESSION_FILES = ("Model_Exp.mat", "Model_Expression.mat")
VERTEX_COUNT = 53215

_ROWS = 3 * VERTEX_COUNT
_SHAPE = {
    "mu_shape": MatArray((_ROWS, 1), "number", "the mean shape, um, x y z of each of 53,215 vertices"),
    "w": MatArray((_ROWS, "I"), "number", "orthonormal identity columns"),
    "sigma": MatArray(("I", 1), "positive", "standard deviations of the identity columns, um"),
    "tri": MatArray(("A", "B"), "index", "triangles, 1-based, (3, T)"),
    "keypoints": MatArray((68, 1), "index", "vertices of the 68 iBUG points, 1-based"),
}
_EXPRESSION = {
    "mu_exp": MatArray((_ROWS, 1), "number", "the mean expression, um"),
    "w_exp": MatArray((_ROWS, "E"), "number", "expression columns"),
    "sigma_exp": MatArray(("E", 1), "positive", "standard deviations of the expression columns"),
}


def is_tddfa_path(path: Path) -> bool:
    """Whether a path is 3DDFA's Model_Shape.mat or the folder that holds it."""
    return (path.is_file() and path.name == SHAPE_FILE) or (path / SHAPE_FILE).is_file()


def import_tddfa_mat(path: Path) -> MorphableModel:
    """The model of 3DDFA's model folder, or of its Model_Shape.mat. Raises ModelError for anything incomplete."""
    folder = path.parent if path.is_file() else path
    shape_file, expression_file = folder / SHAPE_FILE, expression_path(folder)
    shape = read_mat(shape_file, _SHAPE)
    if expression_file is None:
        raise ModelError(
            f"{folder}: neither {' nor '.join(EXPRESSION_FILES)} is there; add one of them beside {SHAPE_FILE}"
        )
    expression_mean, expression = read_expression(expression_file)
    arrays = BaselArrays(
        mean=shape["mu_shape"].astype(float) + expression_mean,
        identity=ColumnBasis(shape["w"], shape["sigma"]),
        expression=expression,
        triangles=triangle_rows(f"{shape_file}: array 'tri'", shape["tri"]),
        landmarks=landmark_rows(f"{shape_file}: array 'keypoints'", shape["keypoints"], VERTEX_COUNT),
    )
    return basel_model("bfm2009-3ddfa", arrays, folder, [shape_file, expression_file])


def expression_path(folder: Path) -> Path | None:
    """FaceWarehouse's expressions in a folder, under either of their names; None where there are none."""
    return next((folder / name for name in EXPRESSION_FILES if (folder / name).is_file()), None)


def read_expression(path: Path) -> tuple[NDArray[np.float64], ColumnBasis]:
    """Mean (159645,) um and basis of FaceWarehouse's expressions on the trimmed mesh. Raises ModelError."""
    arrays = read_mat(path, _EXPRESSION)
    return arrays["mu_exp"].astype(float), ColumnBasis(arrays["w_exp"], arrays["sigma_exp"])
