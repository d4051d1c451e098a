"""A BFM 2017 .h5 file in the statismo layout, written from the conventions alone. Conventions can be broken by name."""

import json
from pathlib import Path

import h5py
import numpy as np

from tests.morphable.loaders.face_fixtures import Face, orthonormal

IDENTITIES, EXPRESSIONS = 6, 4


def write_bfm_h5(path: Path, face: Face, broken: str = "") -> Path:
    """The model's first components as orthonormal columns and variances; the mean split over shape and expression.

    The file holds what `written_face` says.
    """
    unit = 1e-3 if broken == "unit" else 1.0
    expression_mean = face.expression[1] * 0.5
    means = {"shape": face.mean - expression_mean, "expression": expression_mean}
    if broken == "expression mean":
        means["expression"] = np.zeros_like(expression_mean)
    triangles = face.triangles + (1 if broken == "index base" else 0)
    if broken == "winding":
        triangles = triangles[:, [0, 2, 1]]
    with h5py.File(path, "w") as file:
        for part, basis in (("shape", face.identity[:IDENTITIES]), ("expression", face.expression[:EXPRESSIONS])):
            columns, stddev = orthonormal(basis)
            variance = stddev if broken == "variance" else stddev**2
            if broken == "orthonormal":
                columns, variance = columns * stddev, np.ones_like(stddev)
            model = file.create_group(f"{part}/model")
            model["mean"] = face.flat(means[part] * unit).astype(np.float32)
            model["pcaBasis"] = (columns.T if broken == "transposed basis" else columns).astype(np.float32)
            model["pcaVariance"] = (variance * unit**2).astype(np.float32)
            model["noiseVariance"] = np.float32(0)
            representer = file.create_group(f"{part}/representer")
            representer["points"] = (face.mean * unit).T.astype(np.float32)
            representer["cells"] = triangles.T.astype(np.uint32)
        colour = file.create_group("color/model")
        colour["mean"] = np.full(face.mean.size, 0.5, np.float32)
        file["catalog/MorphableModel.shape/modelType"] = np.array([2], np.int32)
        file["version/majorVersion"] = 0
    return path


def write_landmarks(path: Path, face: Face, base: int = 0) -> Path:
    path.write_text(json.dumps({"index_base": base, "ibug68": (face.landmarks + base).tolist()}), encoding="ascii")
    return path


def written_face(face: Face) -> Face:
    """The components as the file holds them: orthogonal directions times standard deviations."""
    parts = []
    for basis in (face.identity[:IDENTITIES], face.expression[:EXPRESSIONS]):
        columns, stddev = orthonormal(basis)
        parts.append((columns * stddev).T.reshape(basis.shape))
    return Face(face.mean, face.triangles, face.landmarks, parts[0], parts[1])
