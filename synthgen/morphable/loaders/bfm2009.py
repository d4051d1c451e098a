"""Basel Face Model 2009 as the University of Basel gives it out: 01_MorphableModel.mat, 53,490 vertices.

PATH is that file or its folder (PublicMM1 of the release). Keys: shapeMU (160470, 1), shapePC (160470, I), shapeEV
(I, 1), tl (T, 3); colours are not read. The model has no expressions of its own. They are read when they lie in the
same folder, from

    Model_Exp.mat or Model_Expression.mat   3DDFA's FaceWarehouse basis: mu_exp, w_exp, sigma_exp (53,215 vertices), or
    Exp_Pca.bin and std_exp.txt             the basis of Guo et al. that Deep3DFaceRecon uses

and with either of them, from the same folder,

    model_info.mat or BFM_exp_idx.mat       trimIndex (53215, 1): 1-based numbers of the vertices that have expressions

The first basis is taken where both are there; without any the model has no expression components. The 275 vertices of
the inner mouth that trimIndex leaves out move with their nearest neighbour. Model_Exp's mean belongs to the mean shape,
as in 3DDFA; Exp_Pca.bin's does not, as in Deep3DFaceRecon, which reads and drops it.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from synthgen.core.errors import ModelError
from synthgen.morphable.loaders.basel_model import BaselArrays, ColumnBasis, basel_model
from synthgen.morphable.loaders.exp_pca import BIN_FILE, STDDEV_FILE, read_exp_pca
from synthgen.morphable.loaders.landmark_lists import BFM2009_53490, TDDFA_53215
from synthgen.morphable.loaders.mat_file import MatArray, read_mat
from synthgen.morphable.loaders.tddfa_mat_model import EXPRESSION_FILES, expression_path, read_expression
from synthgen.morphable.loaders.tddfa_mat_model import VERTEX_COUNT as TRIMMED_COUNT
from synthgen.morphable.model import MorphableModel

FILE = "01_MorphableModel.mat"
TRIM_FILES = ("model_info.mat", "BFM_exp_idx.mat")
VERTEX_COUNT = 53490

_ROWS = 3 * VERTEX_COUNT
_SHAPE = {
    "shapeMU": MatArray((_ROWS, 1), "number", "the mean shape, um, x y z of each of 53,490 vertices"),
    "shapePC": MatArray((_ROWS, "I"), "number", "orthonormal identity columns"),
    "shapeEV": MatArray(("I", 1), "positive", "standard deviations of the identity columns, um"),
    "tl": MatArray(("T", 3), "index", "triangles, 1-based"),
}
_TRIM = {"trimIndex": MatArray((TRIMMED_COUNT, 1), "index", "1-based raw vertices of the trimmed mesh")}


def is_bfm2009_path(path: Path) -> bool:
    """Whether a path is 01_MorphableModel.mat or the folder that holds it."""
    return (path.is_file() and path.name == FILE) or (path / FILE).is_file()


def import_bfm2009(path: Path) -> MorphableModel:
    """The model of 01_MorphableModel.mat, with expressions where their files lie beside it.

    Coefficients of the publisher, which `identity_stddev` and `expression_stddev` convert to, are those of the stored
    columns, as 300W-LP uses them; with Model_Exp.mat its fittings fit this model too.

    Raises ModelError for anything incomplete.
    """
    file = path / FILE if path.is_dir() else path
    shape = read_mat(file, _SHAPE)
    mean = shape["shapeMU"].astype(np.float64)
    expression: ColumnBasis | None = None
    files: list[Path] = []
    if expression_path(file.parent) or (file.parent / BIN_FILE).is_file():
        offset, expression, files = _expression_beside(file.parent, mean.reshape(-1, 3))
        mean = mean + offset
    arrays = BaselArrays(
        mean=mean,
        identity=ColumnBasis(shape["shapePC"], shape["shapeEV"]),
        expression=expression,
        triangles=shape["tl"],
        landmarks=np.array(BFM2009_53490),
    )
    return basel_model("bfm2009", arrays, file, [file, *files])


def _expression_beside(folder: Path, mean: NDArray[np.float64]) -> tuple[NDArray[np.float64], ColumnBasis, list[Path]]:
    """Mean (160470,) um to add, basis on all raw vertices, and the files read; mean: (53490, 3) um, the shape's."""
    trim_file = next((folder / name for name in TRIM_FILES if (folder / name).is_file()), None)
    if trim_file is None:
        raise ModelError(
            f"{folder}: expressions are there but not the vertices they belong to; add {' or '.join(TRIM_FILES)}, or "
            f"move {', '.join((*EXPRESSION_FILES, BIN_FILE))} away to import without expressions"
        )
    trimmed = _read_trim_index(trim_file)
    file = expression_path(folder)
    if file is not None:
        offset, basis = read_expression(file)
        files = [file, trim_file]
    else:
        basis = read_exp_pca(folder / BIN_FILE, folder / STDDEV_FILE, TRIMMED_COUNT)
        offset = np.zeros(3 * TRIMMED_COUNT)
        files = [folder / BIN_FILE, folder / STDDEV_FILE, trim_file]
    source = cKDTree(mean[trimmed]).query(mean)[1]  # every raw vertex takes the nearest trimmed one: itself, mostly
    source[trimmed] = np.arange(TRIMMED_COUNT)
    rows = (3 * source[:, None] + np.arange(3)).ravel()
    return offset[rows], ColumnBasis(basis.columns[rows], basis.stddev), files


def _read_trim_index(path: Path) -> NDArray[np.int64]:
    """(53215,) 0-based raw vertices. Raises ModelError unless they are what 3DDFA's 68 keypoints say they are."""
    index = read_mat(path, _TRIM)["trimIndex"] - 1
    if (np.diff(index) <= 0).any() or index.max() >= VERTEX_COUNT:
        raise ModelError(
            f"{path}: array 'trimIndex' runs from {index.min() + 1} to {index.max() + 1}, expected growing 1-based "
            f"numbers up to {VERTEX_COUNT}"
        )
    wrong = np.flatnonzero(index[list(TDDFA_53215)] != BFM2009_53490)
    if len(wrong):
        point = int(wrong[0])
        raise ModelError(
            f"{path}: array 'trimIndex' puts landmark {point} (0-based) on raw vertex "
            f"{index[TDDFA_53215[point]] + 1}, expected {BFM2009_53490[point] + 1} (1-based): the list of another "
            "mesh, or not 1-based"
        )
    return np.asarray(index, np.int64)
