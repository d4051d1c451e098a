"""eos's share folder, written from the conventions alone. Every convention can be broken by its name.

The contour vertices of the real model lie along the jaw from the ear to the chin; here they are those vertices of the
fixture's face that are nearest to the jaw's landmark line.
"""

import json
import struct
from pathlib import Path

import numpy as np

from tests.morphable.loaders.face_fixtures import Face, orthonormal
from tests.morphable.loaders.known_answers import SURREY_CHIN_V, SURREY_NOSE_UV

IDENTITIES = 6
NAMES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
WITHOUT = {*range(8), *range(9, 17), 60, 64}  # 0-based iBUG points that eos does not list


def eigen(matrix: np.ndarray) -> bytes:
    """Rows, columns, float32 column by column."""
    rows, columns = matrix.shape
    return struct.pack("<ii", rows, columns) + matrix.astype("<f4").tobytes("F")


def rows_of(array: np.ndarray, dtype: str) -> bytes:
    """A vector of small arrays: u64 count, then the numbers."""
    return struct.pack("<Q", len(array)) + array.astype(dtype).tobytes()


def texture(face: Face, broken: str = "") -> np.ndarray:
    """(V, 2), v down, through M10's nose tip and A11's chin."""
    tip, chin = face.mean[face.landmarks[30]], face.mean[face.landmarks[8]]
    slope = (SURREY_CHIN_V - SURREY_NOSE_UV[1]) / (tip[1] - chin[1])
    across = SURREY_NOSE_UV[0] + (face.mean[:, 0] - tip[0]) * slope
    down = SURREY_NOSE_UV[1] + (tip[1] - face.mean[:, 1]) * slope
    if broken == "another texture":
        down = down + 0.1
    return np.stack([across, 1.0 - down if broken == "v" else down], axis=1)


def model_bytes(face: Face, broken: str = "") -> bytes:
    unit = 1e-3 if broken == "unit" else 1.0
    columns, stddev = orthonormal(face.identity[:IDENTITIES])
    variance = stddev if broken == "variance" else stddev**2
    basis = columns.reshape(-1, 3, IDENTITIES).transpose(1, 0, 2).reshape(-1, IDENTITIES)
    basis = basis if broken == "order" else columns
    triangles = face.triangles + (1 if broken == "index base" else 0)
    if broken == "winding":
        triangles = triangles[:, [0, 2, 1]]
    colours = [
        eigen(np.zeros((0, 1))),
        eigen(np.zeros((0, 0))),
        eigen(np.zeros((0, 1))),
        rows_of(np.zeros((0, 3)), "<i4"),
    ]
    if broken == "transposition":
        basis = basis.reshape(IDENTITIES, -1).T  # as if the file were row by row
    parts = [struct.pack("<I", 1), eigen(face.flat(face.mean * unit)[:, None]), eigen(basis)]
    parts += [
        eigen((variance * unit**2)[:, None]),
        rows_of(triangles, "<i4"),
        *colours,
        rows_of(texture(face, broken), "<f8"),
    ]
    return b"".join(parts)


def blendshape_bytes(face: Face, broken: str = "") -> bytes:
    out = struct.pack("<Q", len(NAMES))
    for name, offset in zip(NAMES, face.expression, strict=False):
        target = offset + (face.mean if broken == "offsets" else 0.0)
        out += struct.pack("<Q", len(name)) + name.encode() + eigen(face.flat(target)[:, None])
    return out


def contour(face: Face, points: range) -> list[int]:
    """17 vertices nearest to a line through jaw landmarks, shuffled as eos's are unsorted."""
    corners = face.mean[face.landmarks[list(points)]]
    along = np.linspace(0, len(corners) - 1, 17)
    line = np.stack([np.interp(along, np.arange(len(corners)), corners[:, axis]) for axis in range(3)], axis=1)
    vertices = [int(np.argmin(np.linalg.norm(face.mean - place, axis=1))) for place in line]
    return [vertices[row] for row in np.random.default_rng(0).permutation(17)]


def write_surrey(folder: Path, face: Face, broken: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sfm_shape_3448.bin").write_bytes(model_bytes(face, broken))
    (folder / "expression_blendshapes_3448.bin").write_bytes(blendshape_bytes(face, broken))
    base = 0 if broken == "point base" else 1
    off = 1 if broken == "landmark base" else 0
    lines = [f"{point + base} = {face.landmarks[point] + off} # a point" for point in range(68) if point not in WITHOUT]
    text = (
        "# Mapping from the 68-point ibug annotations\n\n[landmark_mappings] # ibug = vertex\n"
        + "\n".join(lines)
        + "\n"
    )
    (folder / "ibug_to_sfm.txt").write_text(text, encoding="ascii")
    contours = {"right_contour": contour(face, range(8)), "left_contour": contour(face, range(16, 8, -1))}
    (folder / "sfm_model_contours.json").write_text(json.dumps({"model_contour": contours}), encoding="ascii")
    return folder


def written_face(face: Face) -> Face:
    """The components as the file holds them."""
    columns, stddev = orthonormal(face.identity[:IDENTITIES])
    identity = (columns * stddev).T.reshape(IDENTITIES, -1, 3)
    return Face(face.mean, face.triangles, face.landmarks, identity, face.expression[: len(NAMES)])
