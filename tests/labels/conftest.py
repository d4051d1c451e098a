"""Pairs of pictures of real heads: ICT-FaceKit where the shared data is, and the built-in head."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from synthgen.geometry.camera import Cameras, project, to_camera_space
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.labels.view_geometry import ViewGeometry
from synthgen.morphable.model import MorphableModel, evaluate_vertices
from synthgen.morphable.model_file import load_model
from synthgen.morphable.procedural.build import build_procedural_model
from synthgen.raster.rasterize import rasterize

COUNT, SIZE = 3, 128


@dataclass(frozen=True)
class Pair:
    """Two batches of pictures of one model's heads, other identity, expression, pose in each."""

    model: MorphableModel
    source: ViewGeometry
    target: ViewGeometry
    triangles: torch.Tensor

    @property
    def label_count(self) -> int:
        return self.model.template.label_count


def random_heads(model: MorphableModel, rng: np.random.Generator) -> torch.Tensor:
    identity = rng.normal(size=(COUNT, len(model.identity_basis)))
    expression = np.zeros((COUNT, len(model.expression_basis)))
    low, high = model.expression_range.T
    for row in expression:
        active = rng.choice(len(row), 3, replace=False)
        row[active] = rng.uniform(0.5 * low, 0.5 * high)[active]
    vertices = evaluate_vertices(model, identity, expression)
    face = model.template.triangles[: model.template.label_count, 0]
    return torch.from_numpy(vertices - vertices[:, face].mean(axis=1, keepdims=True))


def random_view(model: MorphableModel, perspective: bool, seed: int) -> ViewGeometry:
    rng = np.random.default_rng(seed)
    vertices = random_heads(model, rng)
    euler = np.stack([rng.uniform(-bound, bound, COUNT) for bound in (0.4, 1.2, 0.4)], axis=-1)
    rotation = torch.from_numpy(rotation_from_euler(euler).astype(np.float32))
    pixels_per_mm = rng.uniform(0.55, 0.7, COUNT).astype(np.float32)
    translation = np.zeros((COUNT, 3), np.float32)
    focal = pixels_per_mm
    if perspective:
        focal = (SIZE * rng.uniform(1.5, 5, COUNT)).astype(np.float32)
        translation[:, 2] = focal / pixels_per_mm
    principal = SIZE / 2 + rng.uniform(-8, 8, (COUNT, 2)).astype(np.float32)
    cameras = Cameras(perspective, rotation, *map(torch.from_numpy, (translation, focal, principal.astype(np.float32))))
    vertices_camera = to_camera_space(cameras, vertices).contiguous()
    vertices_image = project(cameras, vertices_camera).contiguous()
    triangles = torch.from_numpy(model.template.triangles)
    fragments = rasterize(vertices_image, triangles, (SIZE, SIZE), perspective)
    return ViewGeometry(fragments, vertices_camera, vertices_image, cameras)


@pytest.fixture(scope="session")
def procedural_model() -> MorphableModel:
    return build_procedural_model("base")


@pytest.fixture(scope="session", params=["procedural-perspective", "procedural-orthographic", "ict-perspective"])
def pair(request: pytest.FixtureRequest) -> Pair:
    name, projection = request.param.split("-")
    if name == "ict":
        path: Path = request.getfixturevalue("ict_model_path")
        model = load_model(path)
    else:
        model = request.getfixturevalue("procedural_model")
    views = [random_view(model, projection == "perspective", seed) for seed in (1, 2)]
    return Pair(model, views[0], views[1], torch.from_numpy(model.template.triangles))


def hit_before(o: np.ndarray, d: np.ndarray, reach: float, corners: np.ndarray) -> bool:
    """Whether the ray o + s d meets a triangle (T, 3, 3) that faces it before s = reach (Moeller-Trumbore, float64)."""
    a = corners[:, 0]
    first, second = corners[:, 1] - a, corners[:, 2] - a
    across = np.cross(d, second)
    determinant = (first * across).sum(axis=-1)
    faces = determinant > 0  # camera space is right-handed, so outside stays outside
    with np.errstate(divide="ignore", invalid="ignore"):
        u = ((o - a) * across).sum(axis=-1) / determinant
        q = np.cross(o - a, first)
        v = q @ d / determinant
        s = (second * q).sum(axis=-1) / determinant
    return bool((faces & (u >= 0) & (v >= 0) & (u + v <= 1) & (s > 0) & (s < reach)).any())


def cast_rays(
    view: ViewGeometry,
    triangles: np.ndarray,
    n: int,
    surface: tuple[np.ndarray, np.ndarray],
    lift: float = 0.0,
) -> np.ndarray:
    """(P,) bool: hidden or facing away in picture n of a view, in its camera space in float64.

    surface: triangle (P,) and barycentrics (P, 3) of the points. lift: mm by which they are judged nearer to the
    camera than they are (along a normal they would leave a lid's or lip's rim into the eye or the other lip); with it
    a point at a vertex faces the camera if any triangle around does, and facing does not count behind a surface.
    """
    ids, weights = surface
    corners = view.vertices_camera[n].numpy().astype(np.float64)[triangles]
    weights = weights.astype(np.float64) / weights.astype(np.float64).sum(axis=-1, keepdims=True)
    points = np.einsum("pkc,pk->pc", corners[ids], weights)
    perspective = view.cameras.perspective
    flat = corners[..., :2] / corners[..., 2:] if perspective else corners[..., :2]
    low, high = flat.min(axis=1), flat.max(axis=1)  # a ray meets no triangle whose outline's box it misses
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    hidden = np.zeros(len(points), bool)
    for i, point in enumerate(points):
        around = np.array([ids[i]])
        if lift and weights[i].max() > 0.999:
            around = np.flatnonzero((triangles == triangles[ids[i]][weights[i].argmax()]).any(axis=1))
        ray = point / point[2] if perspective else np.array([0.0, 0.0, 1.0])
        away = (normals[around] @ ray >= 0).all()
        origin = np.zeros(3) if perspective else np.array([point[0], point[1], -1e4])
        reach = point[2] - origin[2]
        aim = ray[:2] + origin[:2]
        near = ((low <= aim) & (high >= aim)).all(axis=-1)
        hidden[i] = hit_before(origin, ray, reach - max(lift, 1e-3), corners[near])
        if away:
            hidden[i] |= not lift or not hit_before(origin, ray, reach - 0.02, corners[near])
    return hidden


@pytest.fixture(scope="session")
def ray_hidden() -> Callable[..., np.ndarray]:
    return cast_rays
