"""Writes folders in the exact layout of 300W-LP and AFLW2000-3D from a small random model, with NumPy and scipy only.

Nothing of the reader is used: rotation, projection and flip are spelled out from the published conventions.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import savemat

from synthgen.morphable.model import MorphableModel
from synthgen.morphable.template import SurfacePoints, Template

VERTICES = 90
IDENTITY, EXPRESSION = 199, 29


def small_model(identity: int = IDENTITY, expression: int = EXPRESSION) -> MorphableModel:
    """90 vertices, the first 68 of them landmarks, with coefficients of BFM's size."""
    random = np.random.default_rng(11)
    mean = random.uniform([-60, -80, 0], [60, 70, 90], (VERTICES, 3)).astype(np.float32)
    triangles = (np.arange(VERTICES - 2)[:, None] + np.arange(3)).astype(np.int32)
    corner = np.tile(np.array([1, 0, 0], np.float32), (68, 1))
    template = Template(
        triangles=triangles,
        label_count=len(triangles),
        uv=random.random((len(triangles), 3, 2)).astype(np.float32),
        parts=np.full(len(triangles), 8, np.uint8),
        pncc=random.random((VERTICES, 3)).astype(np.float32),
        landmarks={"ibug68": SurfacePoints(np.arange(68, dtype=np.int32), corner)},
        contours=np.full((17, 2), -1, np.int32),
    )
    return MorphableModel(
        name="small",
        mean=mean,
        identity_basis=(random.normal(size=(identity, VERTICES, 3)) * 0.4).astype(np.float32),
        expression_basis=(random.normal(size=(expression, VERTICES, 3)) * 0.6).astype(np.float32),
        expression_names=tuple(f"expression_{k}" for k in range(expression)),
        expression_unit="stddev",
        expression_range=np.tile(np.array([-3, 3], np.float32), (expression, 1)),
        expression_pca_mean=np.zeros(expression, np.float32),
        expression_pca=np.zeros((10, expression), np.float32),
        identity_stddev=np.geomspace(9e5, 6e3, max(identity, IDENTITY))[:identity].astype(np.float32),
        expression_stddev=np.linspace(1.9, 0.3, EXPRESSION)[:expression].astype(np.float32),
        template=template,
        licence="none",
        source="test",
    )


@dataclass(frozen=True)
class Convention:
    """How a file is written; the defaults are 300W-LP's."""

    flip: float = 1.0  # y = h + flip - P_y
    first_pixel: float = 1.0  # of stored points
    transposed: bool = False
    focal_unit: float = 1e-3  # px/um in a px/mm
    carries_sigma: bool = True
    expression_carries_sigma: bool = True


RELEASED = Convention()


@dataclass(frozen=True)
class Face:
    """The truth behind a file. pose: pitch, yaw, roll in radians, t_x, t_y, t_z, f in px/mm."""

    pose: np.ndarray
    identity: np.ndarray
    expression: np.ndarray


def random_face(seed: int, model: MorphableModel, yaw_deg: float = 25.0) -> Face:
    random = np.random.default_rng(seed)
    angles = np.radians([random.uniform(-20, 20), yaw_deg, random.uniform(-15, 15)])
    place = [random.uniform(200, 250), random.uniform(200, 250), -60.0]
    return Face(
        pose=np.array([*angles, *place, random.uniform(0.9, 1.4)]),
        identity=random.normal(size=len(model.identity_basis)),
        expression=random.normal(size=len(model.expression_basis)),
    )


def stored_points(model: MorphableModel, face: Face, size: int, convention: Convention = RELEASED) -> np.ndarray:
    """(3, V): P with y flipped, MATLAB pixels, of all vertices."""
    cos, sin = np.cos(face.pose[:3]), np.sin(face.pose[:3])
    pitch = np.array([[1, 0, 0], [0, cos[0], sin[0]], [0, -sin[0], cos[0]]])
    yaw = np.array([[cos[1], 0, -sin[1]], [0, 1, 0], [sin[1], 0, cos[1]]])
    roll = np.array([[cos[2], sin[2], 0], [-sin[2], cos[2], 0], [0, 0, 1]])
    rotation = pitch @ yaw @ roll
    if convention.transposed:
        rotation = rotation.T
    shape = np.tensordot(face.identity, model.identity_basis.astype(np.float64), 1)
    movement = np.tensordot(face.expression, model.expression_basis.astype(np.float64), 1)
    vertices = model.mean + shape + movement
    points = face.pose[6] * rotation @ vertices.T + face.pose[3:6, None]
    points[1] = size + convention.flip - points[1]
    points[:2] += convention.first_pixel - 1.0
    return points


def variables(model: MorphableModel, face: Face, size: int = 450, convention: Convention = RELEASED) -> dict[str, Any]:
    """The variables of one 300W-LP .mat, with its shapes and types."""
    random = np.random.default_rng(5)
    pose = face.pose.copy()
    pose[6] *= convention.focal_unit
    shape = face.identity * (model.identity_stddev if convention.carries_sigma else 1.0)
    movement = face.expression * (model.expression_stddev if convention.expression_carries_sigma else 1.0)
    return {
        "pt2d": stored_points(model, face, size, convention)[:2, :68],
        "roi": np.array([[312, -38, 880, 530]], np.int16),
        "Illum_Para": random.random((1, 10)).astype(np.float32),
        "Color_Para": random.random((1, 7)).astype(np.float32),
        "Tex_Para": random.random((199, 1)),
        "Shape_Para": shape[:, None].astype(np.float64),
        "Exp_Para": movement[:, None].astype(np.float64),
        "Pose_Para": pose[None].astype(np.float32),
    }


def write_pair(folder: Path, name: str, values: dict[str, Any], size: int = 450, compressed: bool = True) -> None:
    """NAME.mat and NAME.jpg below `folder`."""
    path = folder / f"{name}.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, values, do_compression=compressed)
    Image.fromarray(np.full((size, size, 3), 128, np.uint8)).save(path.with_suffix(".jpg"), quality=50)


def write_points(root: Path, folder: str, name: str, points: np.ndarray) -> None:
    """landmarks/FOLDER/NAME_pts.mat with pts_2d and pts_3d (68, 2)."""
    path = root / "landmarks" / folder / f"{name}_pts.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"pts_2d": points + 3.0, "pts_3d": points})
