"""Rasteriser and labels between views, ms per picture at 128 x 128 on one core, against the goals of the project."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.figures import Figure
from synthgen.core.conventions import BLOCK
from synthgen.geometry.camera import Cameras, project, to_camera_space
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.labels.landmark_visibility import landmark_visibility, place_points
from synthgen.labels.matchability import match_views
from synthgen.labels.view_geometry import ViewGeometry
from synthgen.morphable.model import MorphableModel, evaluate_vertices
from synthgen.morphable.procedural.build import build_procedural_model
from synthgen.raster.normals import build_adjacency, vertex_normals
from synthgen.raster.rasterize import rasterize

SIZE = 128
REPEATS = 15
# Goals, ms per picture and resolution of the built-in head.
GOALS = {"base": {"rasterize": 0.6, "match one way": 1.0}, "fine": {"rasterize": 1.6}}


@dataclass(frozen=True)
class Timing:
    """stage: name; milliseconds: median per picture; goal: or None."""

    stage: str
    milliseconds: float
    goal: float | None


def posed_batch(model: MorphableModel, perspective: bool, seed: int) -> tuple[Cameras, torch.Tensor, torch.Tensor]:
    """Cameras, vertices_camera and vertices_image of one block of random heads with random poses."""
    rng = np.random.default_rng(seed)
    identity = rng.normal(size=(BLOCK, len(model.identity_basis)))
    vertices = torch.from_numpy(evaluate_vertices(model, identity, np.zeros((BLOCK, len(model.expression_basis)))))
    euler = np.stack([rng.uniform(-bound, bound, BLOCK) for bound in (0.4, 1.2, 0.4)], axis=-1)
    rotation = torch.from_numpy(rotation_from_euler(euler).astype(np.float32))
    pixels_per_mm = 0.47 * SIZE / 128  # heads that cover about two fifths of the picture
    focal = 2.5 * SIZE if perspective else pixels_per_mm
    translation = torch.zeros((BLOCK, 3))
    translation[:, 2] = focal / pixels_per_mm if perspective else 0.0
    centre = torch.full((BLOCK, 2), SIZE / 2)
    cameras = Cameras(perspective, rotation, translation, torch.full((BLOCK,), focal), centre)
    vertices_camera = to_camera_space(cameras, vertices - vertices.mean(dim=1, keepdim=True)).contiguous()
    return cameras, vertices_camera, project(cameras, vertices_camera).contiguous()


def milliseconds(stage: Callable[[], object]) -> float:
    """Median processor time per picture of a block. Processor time: other processes share these cores."""
    stage()
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        stage()
        times.append(time.process_time() - start)
    return 1e3 * float(np.median(times)) / BLOCK


def measure(model: MorphableModel, resolution: str) -> tuple[list[Timing], float]:
    """Timings of every stage, and the mean coverage."""
    triangles = torch.from_numpy(model.template.triangles)
    adjacency = build_adjacency(triangles, len(model.mean))
    views = []
    for seed in (1, 2):
        cameras, in_camera, in_image = posed_batch(model, True, seed)
        fragments = rasterize(in_image, triangles, (SIZE, SIZE), True)
        views.append(ViewGeometry(fragments, in_camera, in_image, cameras))
    flat_image = posed_batch(model, False, 1)[2]
    source, target = views
    occluders = torch.zeros((BLOCK, SIZE, SIZE), dtype=torch.bool)
    points = place_points(model.template.landmarks["ibug68"], triangles)
    stages: dict[str, Callable[[], object]] = {
        "rasterize": lambda: rasterize(source.vertices_image, triangles, (SIZE, SIZE), True),
        "rasterize, orthographic": lambda: rasterize(flat_image, triangles, (SIZE, SIZE), False),
        "vertex normals": lambda: vertex_normals(source.vertices_camera, triangles, adjacency),
        "match one way": lambda: match_views(source, target, triangles, model.template.label_count),
        "landmark visibility": lambda: landmark_visibility(
            points, triangles, source.vertices_image, occluders, True, fronts=source.fragments.fronts
        ),
    }
    timings = [Timing(name, milliseconds(stage), GOALS[resolution].get(name)) for name, stage in stages.items()]
    return timings, float((source.fragments.triangle_id >= 0).float().mean())


def measure_raster() -> dict[str, list[Figure]]:
    """Section title -> figures, for the built-in head in both resolutions."""
    sections = {}
    for resolution in ("base", "fine"):
        model = build_procedural_model(resolution)
        timings, coverage = measure(model, resolution)
        sizes = f"{len(model.mean)} vertices, {len(model.template.triangles)} triangles, coverage {coverage:.2f}"
        sections[f"stages, one core, {SIZE} x {SIZE}: {sizes}"] = [
            Figure(timing.stage, timing.milliseconds, "ms each", timing.goal, higher_is_better=False)
            for timing in timings
        ]
    return sections
