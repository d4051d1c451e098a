"""Writes small files in the exact layout of the Basel 2009 family, from CONVENTIONS A1, A2, A3 and A13 only.

Nothing of the readers is used: scipy.io, struct and NumPy write a face whose numbers are known. The face is the
procedural head without the back of its skull, closed between the lids and moved to where the published mean is (M6),
its vertices numbered so that the published landmark lists fit; numbers that the mesh does not need are copies of its
vertices without triangles.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

from synthgen.morphable.procedural.grid import EYE, HAIRLINE
from synthgen.morphable.procedural.landmarks import ibug68
from synthgen.morphable.procedural.mesh import build_mesh
from synthgen.morphable.procedural.uv_chart import rim_triangle_count
from tests.morphable.loaders.known_answers import moved_to_basel

RAW_COUNT, TRIMMED_COUNT = 53490, 53215
IDENTITY_SIGMA_UM = np.array([9.0e5, 6.0e5, 2.0e5])
EXPRESSION_SIGMA = np.array([1.6, 0.7])

# CONVENTIONS A3: 3DDFA's list, 1-based on 53,215 vertices, and the same points 0-based on 53,490.
KEYPOINTS_TRIMMED_1B = np.array(
    [
        21874, 22150, 21654, 21037, 43237, 44919, 46167, 47136, 47915, 48696, 49668, 50925, 52614, 33679, 33006, 32470,
        32710, 38696, 39393, 39783, 39988, 40155, 40894, 41060, 41268, 41662, 42368, 8162, 8178, 8188, 8193, 6516, 7244,
        8205, 9164, 9884, 2216, 3887, 4921, 5829, 4802, 3641, 10456, 11354, 12384, 14067, 12654, 11493, 5523, 6026,
        7496, 8216, 8936, 10396, 10796, 9556, 8837, 8237, 7637, 6916, 5910, 7385, 8224, 9065, 10538, 8830, 8230, 7630,
    ],
    np.int64,
)  # fmt: skip
KEYPOINTS_RAW_0B = np.array(
    [
        22148, 22424, 21928, 21311, 43511, 45193, 46441, 47410, 48189, 48970, 49942, 51199, 52888, 33953, 33280, 32744,
        32984, 38970, 39667, 40057, 40262, 40429, 41168, 41334, 41542, 41936, 42642, 8290, 8306, 8316, 8321, 6525, 7300,
        8333, 9364, 10137, 2215, 3886, 4920, 5828, 4801, 3640, 10730, 11628, 12658, 14341, 12928, 11767, 5522, 6025,
        7570, 8344, 9118, 10669, 11070, 9792, 9019, 8374, 7729, 6954, 5909, 7450, 8352, 9256, 10812, 9012, 8367, 7722,
    ],
    np.int64,
)  # fmt: skip


@dataclass(frozen=True)
class KnownFace:
    """What an importer must find, on the raw 53,490 vertices, in mm, 0-based, counter-clockwise from outside.

    shape_mean, expression_mean: (V, 3); identity: (3, V, 3) and expression: (2, V, 3), mm per standard deviation;
    triangles: (T, 3); trim: (53215,) raw vertices of the trimmed mesh.
    """

    shape_mean: np.ndarray
    expression_mean: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    triangles: np.ndarray
    trim: np.ndarray

    @property
    def trimmed_triangles(self) -> np.ndarray:
        """(T', 3) on the trimmed mesh."""
        new = np.full(RAW_COUNT, -1)
        new[self.trim] = np.arange(TRIMMED_COUNT)
        rows = new[self.triangles]
        return rows[(rows >= 0).all(axis=1)]


@cache
def known_face() -> KnownFace:
    """The face that all fixtures hold."""
    positions, triangles, landmarks, inner = _surface()
    removed = _removed_numbers()
    trim = np.setdiff1d(np.arange(RAW_COUNT), removed)
    number = np.full(len(positions), -1)
    number[landmarks] = KEYPOINTS_RAW_0B
    number[inner] = removed[: len(inner)]
    free = np.setdiff1d(trim, KEYPOINTS_RAW_0B)
    number[number < 0] = free[np.linspace(0, len(free) - 1, int((number < 0).sum())).astype(int)]
    mean = positions[np.arange(RAW_COUNT) % len(positions)]
    mean[number] = positions
    mean = mean.astype(np.float32).astype(np.float64)
    x, y, z = mean.T
    front = np.clip(z / 80.0, 0.0, 1.0)
    jaw = np.clip((-48.0 - y) / 40.0, 0.0, 1.0) * front
    corners = np.exp(-(((np.abs(x) - 24.0) / 12.0) ** 2) - ((y + 50.0) / 14.0) ** 2) * front
    nose = np.exp(-((x / 12.0) ** 2) - ((y + 10.0) / 16.0) ** 2) * front
    zero = np.zeros_like(x)
    fields = np.stack([np.stack(f, axis=1).ravel() for f in ((x, zero, zero), (zero, y, zero), (zero, zero, nose))], 1)
    columns, _ = np.linalg.qr(fields)
    identity = (columns * IDENTITY_SIGMA_UM / 1000.0).T.reshape(3, -1, 3)
    opened = np.stack([zero, -12.0 * jaw, -4.0 * jaw], axis=1)
    smile = np.stack([4.0 * np.sign(x) * corners, 4.0 * corners, -2.0 * corners], axis=1)
    expression_mean = 0.15 * opened + 0.2 * smile
    # The published numbers are those of the two means together.
    shape_mean = moved_to_basel(mean + expression_mean, (mean + expression_mean)[KEYPOINTS_RAW_0B]) - expression_mean
    return KnownFace(shape_mean, expression_mean, identity, np.stack([opened, smile]), number[triangles], trim)


def _surface() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Positions (M, 3) mm, triangles, the 68 landmark vertices, and the vertices behind the lips."""
    mesh = build_mesh()
    grid, shell = mesh.grid, mesh.shell
    degrees, rows = np.rad2deg(grid.theta[shell.grid_triangles]), grid.row[shell.grid_triangles]
    kept = (np.abs(degrees) < 125.0).all(axis=1) & (rows <= grid.key[HAIRLINE] + 6).all(axis=1) & (rows >= 2).all(1)
    skin = shell.grid_triangles[kept]
    points = ibug68(grid, skin, mesh.vertices)
    places = np.einsum("kcd,kc->kd", mesh.vertices[skin[points.triangle]], points.barycentric)
    landmarks: list[int] = []
    for place in places:
        nearest = np.argsort(np.linalg.norm(shell.vertices[: len(grid.t)] - place, axis=1))[:9].tolist()
        landmarks.append(next(vertex for vertex in nearest if vertex not in landmarks))
    triangles, positions = [skin], [mesh.vertices]
    count = len(mesh.vertices)
    for columns in grid.eyes:
        upper, lower = grid.upper[grid.key[EYE], columns], grid.lower[grid.key[EYE], columns]
        share = np.linspace(0.0, 1.0, 7)[1:-1, None, None]
        ball = mesh.vertices[upper[1:-1]] * (1 - share) + mesh.vertices[lower[1:-1]] * share
        along = np.sin(np.linspace(0.0, np.pi, len(columns))[1:-1])
        ball[..., 2] += 6.0 * share[..., 0] * (1 - share[..., 0]) * along
        numbers = count + np.arange(ball.shape[0] * ball.shape[1]).reshape(ball.shape[:2])
        count += numbers.size
        positions.append(ball.reshape(-1, 3))
        ladder = np.concatenate([upper[None, 1:-1], numbers, lower[None, 1:-1]])
        ladder = np.concatenate([np.full((len(ladder), 1), upper[0]), ladder, np.full((len(ladder), 1), upper[-1])], 1)
        a, b, c, d = ladder[:-1, :-1], ladder[:-1, 1:], ladder[1:, 1:], ladder[1:, :-1]
        strip = np.concatenate([np.stack([a, d, c], -1).reshape(-1, 3), np.stack([a, c, b], -1).reshape(-1, 3)])
        triangles.append(strip[(strip != np.roll(strip, 1, axis=1)).all(axis=1)])
    lips = shell.sleeve_triangles[0][: rim_triangle_count(shell.sleeves[0])]
    everything = np.concatenate([*triangles, lips])
    used, local = np.unique(everything, return_inverse=True)
    new = np.full(count, -1)
    new[used] = np.arange(len(used))
    behind = np.concatenate([shell.sleeves[0].vertices[0], shell.sleeves[0].vertices[-1]])
    assert (new[landmarks] >= 0).all()
    return np.concatenate(positions)[used], local.reshape(-1, 3), new[landmarks], new[behind]


def _removed_numbers() -> np.ndarray:
    """(275,) raw numbers that trimIndex leaves out: so many below each keypoint that both published lists fit."""
    order = np.argsort(KEYPOINTS_RAW_0B)
    raw, skipped = KEYPOINTS_RAW_0B[order], (KEYPOINTS_RAW_0B - (KEYPOINTS_TRIMMED_1B - 1))[order]
    removed: list[int] = []
    for place, needed in zip(raw.tolist(), skipped.tolist()):
        below = place - 1
        while len(removed) < needed:
            if below not in raw and below not in removed:
                removed.append(below)
            below -= 1
    removed += range(RAW_COUNT - (RAW_COUNT - TRIMMED_COUNT - len(removed)), RAW_COUNT)
    return np.sort(removed)


def interleaved_um(positions_mm: np.ndarray) -> np.ndarray:
    """(3V, 1) float32 um: x0, y0, z0, x1, ..."""
    return (positions_mm * 1000.0).reshape(-1, 1).astype(np.float32)


def _columns_um(fields_mm: np.ndarray, stddev: np.ndarray) -> np.ndarray:
    """(3V, K) float32 columns that move by fields_mm (K, V, 3) at one standard deviation."""
    return (fields_mm.reshape(len(fields_mm), -1).T * 1000.0 / stddev).astype(np.float32)


def raw_arrays(face: KnownFace) -> dict[str, Any]:
    """01_MorphableModel.mat (A1)."""
    return {
        "shapeMU": interleaved_um(face.shape_mean),
        "shapePC": _columns_um(face.identity, IDENTITY_SIGMA_UM),
        "shapeEV": IDENTITY_SIGMA_UM[:, None].astype(np.float32),
        "texMU": np.full((3 * RAW_COUNT, 1), 128.0, np.float32),
        "texPC": np.zeros((3 * RAW_COUNT, 1), np.float32),
        "texEV": np.ones((1, 1), np.float32),
        "tl": (face.triangles[:, ::-1] + 1).astype(np.int32),
        "segbin": np.zeros((RAW_COUNT, 4), np.uint8),
    }


def model_info_arrays(face: KnownFace) -> dict[str, Any]:
    """model_info.mat (A2)."""
    return {
        "trimIndex": (face.trim[:, None] + 1).astype(np.float64),
        "keypoints": KEYPOINTS_TRIMMED_1B[None].astype(np.float64),
        "tri": (face.trimmed_triangles[:, ::-1].T + 1).astype(np.uint16),
    }


def shape_arrays(face: KnownFace) -> dict[str, Any]:
    """Model_Shape.mat (A2), on the trimmed mesh."""
    return {
        "mu_shape": interleaved_um(face.shape_mean[face.trim]),
        "w": _columns_um(face.identity[:, face.trim], IDENTITY_SIGMA_UM),
        "sigma": IDENTITY_SIGMA_UM[:, None],
        "mu_tex": np.full((3 * TRIMMED_COUNT, 1), 128.0, np.float32),
        "tri": (face.trimmed_triangles[:, ::-1].T + 1).astype(np.uint16),
        "keypoints": KEYPOINTS_TRIMMED_1B[None].astype(np.float64),
    }


def expression_arrays(face: KnownFace) -> dict[str, Any]:
    """Model_Exp.mat (A2)."""
    return {
        "mu_exp": interleaved_um(face.expression_mean[face.trim]),
        "w_exp": _columns_um(face.expression[:, face.trim], EXPRESSION_SIGMA),
        "sigma_exp": EXPRESSION_SIGMA[:, None],
    }


def face3d_arrays(face: KnownFace) -> dict[str, Any]:
    """BFM.mat of face3d (A13)."""
    shape, moving = shape_arrays(face), expression_arrays(face)
    fields = {"shapeMU": shape["mu_shape"], "shapePC": shape["w"], "shapeEV": shape["sigma"]}
    fields |= {"expMU": moving["mu_exp"], "expPC": moving["w_exp"], "expEV": moving["sigma_exp"]}
    fields |= {"tri": shape["tri"], "tri_mouth": np.ones((3, 114), np.uint16), "kpt_ind": shape["keypoints"]}
    return {"model": fields}


def write_mat(path: Path, arrays: Mapping[str, Any]) -> None:
    """A MATLAB 5 file, not compressed."""
    savemat(path, dict(arrays))


def write_exp_pca(folder: Path, face: KnownFace) -> None:
    """Exp_Pca.bin and std_exp.txt (A2): little-endian, one component after another."""
    columns = _columns_um(face.expression[:, face.trim], EXPRESSION_SIGMA)
    with open(folder / "Exp_Pca.bin", "wb") as stream:
        stream.write(struct.pack("<i", columns.shape[1]))
        stream.write(interleaved_um(face.expression_mean[face.trim]).astype("<f4").tobytes())
        stream.write(np.ascontiguousarray(columns.T).astype("<f4").tobytes())
    (folder / "std_exp.txt").write_text(" ".join(map(str, EXPRESSION_SIGMA.tolist())) + "\n", encoding="ascii")
