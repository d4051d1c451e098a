"""FLAME's pickle and its landmark embeddings, written from the conventions alone. Conventions can be broken by name."""

from pathlib import Path

import numpy as np

from tests.morphable.loaders.face_fixtures import Face
from tests.morphable.loaders.pickle_fixtures import chumpy_array, chumpy_select, dump, object_npy, sparse_matrix

IDENTITIES, EXPRESSIONS = 5, 3  # components that move something; the file has FLAME's 300 + 100


def flame_content(face: Face, broken: str = "") -> dict[str, object]:
    """The dictionary of the pickle: chumpy arrays, a sparse matrix, Python 2 text."""
    metres = 1.0 if broken == "unit" else 1e-3
    count = len(face.mean)
    shapes = np.zeros((count, 3, 400), np.float32)
    expressions = 0 if broken == "split" else 300
    if broken == "split":
        shapes[..., EXPRESSIONS : EXPRESSIONS + IDENTITIES] = np.moveaxis(face.identity[:IDENTITIES], 0, 2) * metres
    else:
        shapes[..., :IDENTITIES] = np.moveaxis(face.identity[:IDENTITIES], 0, 2) * metres
    shapes[..., expressions : expressions + EXPRESSIONS] = np.moveaxis(face.expression[:EXPRESSIONS], 0, 2) * metres
    if broken == "variance":
        shapes = shapes / np.maximum(np.linalg.norm(shapes, axis=(0, 1)), 1e-12)
    triangles = face.triangles + (1 if broken == "index base" else 0)
    if broken == "winding":
        triangles = triangles[:, [0, 2, 1]]
    joints = np.zeros((5, count))
    joints[:, :4] = 0.25
    shape_variable = chumpy_array(shapes)
    return {
        "bs_style": "lbs",
        "bs_type": "lrotmin",
        "f": triangles.astype(np.uint32),
        "v_template": chumpy_array(face.mean * metres),
        "shapedirs": np.moveaxis(shapes, 2, 0).copy() if broken == "transposition" else shape_variable,
        "posedirs": np.zeros((count, 3, 2)),
        "J": chumpy_select(chumpy_array(np.zeros((6, 3))), np.arange(15), (5, 3)),
        "J_regressor": sparse_matrix("csc", joints),
        "weights": chumpy_array(np.full((count, 5), 0.2)),
        "kintree_table": np.array([[4294967295, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.int64),
    }


def write_flame(folder: Path, face: Face, broken: str = "", embeddings: bool = True) -> Path:
    """generic_model.pkl as Python 2 wrote it, and both landmark files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "generic_model.pkl").write_bytes(dump(flame_content(face, broken), protocol=2))
    if embeddings:
        write_embeddings(folder, face, broken)
    return folder / "generic_model.pkl"


def write_embeddings(folder: Path, face: Face, broken: str = "") -> None:
    """Each point in the first triangle with its vertex; the frontal row of the jaw differs from the other 78."""
    rows = [int(np.flatnonzero((face.triangles == vertex).any(axis=1))[0]) for vertex in face.landmarks]
    triangle = np.array(rows)
    weights = (face.triangles[triangle] == face.landmarks[:, None]).astype(np.float64)
    if broken == "landmark base":
        triangle = triangle + 1
    static = {"lmk_face_idx": triangle[17:].astype(np.uint32), "lmk_b_coords": weights[17:]}
    (folder / "flame_static_embedding.pkl").write_bytes(dump(static, protocol=2))
    jaw = np.tile(triangle[:17], (79, 1))
    jaw[1:] = 0
    if broken == "frontal row":
        jaw = jaw[::-1].copy()
    dynamic = {"lmk_face_idx": jaw.astype(np.int64), "lmk_b_coords": np.tile(weights[:17], (79, 1, 1))}
    (folder / "flame_dynamic_embedding.npy").write_bytes(object_npy(dynamic))


def written_face(face: Face) -> Face:
    return Face(face.mean, face.triangles, face.landmarks, face.identity[:IDENTITIES], face.expression[:EXPRESSIONS])
