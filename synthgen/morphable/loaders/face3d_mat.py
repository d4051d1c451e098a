"""face3d's `BFM.mat`: the trimmed Basel 2009 mesh and its expressions in one MATLAB struct `model`.

Fields: shapeMU, expMU (3V, 1), shapePC (3V, I), expPC (3V, E), shapeEV (I, 1), expEV (E, 1), tri (3, T) and kpt_ind
(1, 68), both 1-based. As in 3DDFA's own files expMU belongs to the mean and EV are standard deviations.
"""

from pathlib import Path

from synthgen.morphable.loaders.basel_model import (
    BaselArrays,
    ColumnBasis,
    basel_model,
    landmark_rows,
    triangle_rows,
)
from synthgen.morphable.loaders.mat_file import MatArray, read_mat_struct
from synthgen.morphable.loaders.tddfa_mat_model import VERTEX_COUNT
from synthgen.morphable.model import MorphableModel

FILE = "BFM.mat"
_ROWS = 3 * VERTEX_COUNT
_FIELDS = {
    "shapeMU": MatArray((_ROWS, 1), "number", "the mean shape, um, x y z of each of 53,215 vertices"),
    "shapePC": MatArray((_ROWS, "I"), "number", "orthonormal identity columns"),
    "shapeEV": MatArray(("I", 1), "positive", "standard deviations of the identity columns, um"),
    "expMU": MatArray((_ROWS, 1), "number", "the mean expression, um"),
    "expPC": MatArray((_ROWS, "E"), "number", "expression columns"),
    "expEV": MatArray(("E", 1), "positive", "standard deviations of the expression columns"),
    "tri": MatArray(("A", "B"), "index", "triangles, 1-based, (3, T)"),
    "kpt_ind": MatArray((68, 1), "index", "vertices of the 68 iBUG points, 1-based"),
}


def is_face3d_path(path: Path) -> bool:
    """Whether a path is face3d's BFM.mat or the folder that holds it."""
    return (path.is_file() and path.name == FILE) or (path / FILE).is_file()


def import_face3d(path: Path) -> MorphableModel:
    """The model of face3d's BFM.mat, or of the folder that holds it. Raises ModelError for anything incomplete."""
    file = path / FILE if path.is_dir() else path
    model = read_mat_struct(file, "model", _FIELDS)
    arrays = BaselArrays(
        mean=model["shapeMU"].astype(float) + model["expMU"].astype(float),
        identity=ColumnBasis(model["shapePC"], model["shapeEV"]),
        expression=ColumnBasis(model["expPC"], model["expEV"]),
        triangles=triangle_rows(f"{file}: field model.tri", model["tri"]),
        landmarks=landmark_rows(f"{file}: field model.kpt_ind", model["kpt_ind"], VERTEX_COUNT),
    )
    return basel_model("bfm2009-face3d", arrays, file, [file])
