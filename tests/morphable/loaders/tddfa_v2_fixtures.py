"""3DDFA_V2's configs folder, written from the conventions alone. Every convention can be broken by its name."""

import struct
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from scipy.io import savemat

from tests.morphable.loaders.face_fixtures import Face, built_in_face
from tests.morphable.loaders.known_answers import BASEL_CHIN_V, BASEL_NOSE_UV, moved_to_basel
from tests.morphable.loaders.pickle_fixtures import dump

STDDEV = np.concatenate([5.75421e5 / np.arange(1, 41) ** 0.5, 1.58708 / np.arange(1, 11) ** 0.5]).astype(np.float32)


@cache
def basel_face() -> Face:
    """The face that the folder holds: the built-in one, moved to where the Basel mean is."""
    face = built_in_face()
    return replace(face, mean=moved_to_basel(face.mean, face.mean[face.landmarks]))


def texture(face: Face, v_down: bool = False) -> np.ndarray:
    """(53215, 2) of the mesh with neck, v up, through M9's nose tip and A8's chin."""
    tip, chin = face.mean[face.landmarks[30]], face.mean[face.landmarks[8]]
    chart = np.zeros((53215, 2))
    slope = (BASEL_NOSE_UV[1] - BASEL_CHIN_V) / (tip[1] - chin[1])
    chart[: 2 * len(face.mean) : 2, 0] = BASEL_NOSE_UV[0] + (face.mean[:, 0] - tip[0]) * slope
    chart[: 2 * len(face.mean) : 2, 1] = BASEL_NOSE_UV[1] + (face.mean[:, 1] - tip[1]) * slope
    return chart * [1, -1] + [0, 1] if v_down else chart


def npy(array: np.ndarray) -> bytes:
    """An .npy file by hand: version 1.0."""
    header = f"{{'descr': '{array.dtype.str}', 'fortran_order': False, 'shape': {array.shape}, }}".encode()
    header += b" " * (-(10 + len(header) + 1) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + array.tobytes()


def write_tddfa_v2(folder: Path, face: Face, broken: str = "", protocol: int = 4) -> Path:
    """The folder with 40 identity and 10 expression components and 2 more of each, which nobody uses."""
    micrometres = 1.0 if broken == "unit" else 1000.0
    stddev = STDDEV.astype(np.float64)
    identity = face.identity * micrometres / stddev[:40, None, None]
    expression = face.expression * micrometres / stddev[40:, None, None]
    expression_mean = face.expression[0] * micrometres * 0.3
    shape_mean = face.mean * micrometres - expression_mean
    mean = shape_mean + expression_mean
    if broken == "expression mean":
        mean = shape_mean
    rows = 3 * face.landmarks[:, None] + np.arange(3)
    if broken == "landmark base":
        rows = rows + 1
    if broken == "stddev":  # coefficients that are standard deviations already
        identity, expression = identity * stddev[:40, None, None], expression * stddev[40:, None, None]
    triangles = face.triangles if broken == "winding" else face.triangles[:, [0, 2, 1]]
    triangles = triangles + (1 if broken == "index base" else 0)
    extra = np.full((3 * len(face.mean), 2), 7.0)
    model = {
        "u": face.flat(mean)[:, None].astype(np.float32),
        "w_shp": np.concatenate([face.flat(identity), extra], axis=1).astype(np.float32),
        "w_exp": np.concatenate([face.flat(expression), extra], axis=1).astype(np.float32),
        "keypoints": rows.reshape(-1).astype(np.int64),
        "tri": np.full((3, 9), 60_000, np.int32),  # of another mesh
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bfm_noneck_v3.pkl").write_bytes(dump(model, protocol))
    stored = triangles if broken == "transposition" else triangles.T
    (folder / "tri.pkl").write_bytes(dump(np.ascontiguousarray(stored.astype(np.int32)), protocol))
    (folder / "indices.npy").write_bytes(npy(np.arange(len(face.mean), dtype=np.int32) * 2))
    savemat(folder / "BFM_UV.mat", {"UV": texture(face, broken == "v")})
    statistics = {
        "mean": np.concatenate([np.zeros(12), np.full(40, -3e5), np.full(10, -1.2)]).astype(np.float32),
        "std": np.concatenate([np.full(12, 1e-4), np.ones(50) if broken == "stddev" else STDDEV]).astype(np.float32),
    }
    (folder / "param_mean_std_62d_120x120.pkl").write_bytes(dump(statistics, protocol))
    # The code is that of shape mean plus expression mean, whatever 'u' holds.
    whole = face.mean * micrometres
    code = (whole - whole.min(axis=0)) / (whole.max(axis=0) - whole.min(axis=0))
    (folder / "ncc_code.npy").write_bytes(npy(np.ascontiguousarray(code.T.astype(np.float32))))
    return folder
