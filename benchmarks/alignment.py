"""dfc's 3DMM alignment in batches on one core: dense correspondences, few and many, and what fewer cost in accuracy."""

from dataclasses import dataclass
from time import process_time

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.figures import Figure
from benchmarks.fittings import large_model
from benchmarks.landmark_fit import landmark_milliseconds
from synthgen.alignment.alignment_options import AlignmentFitter, Pictures, open_alignment
from synthgen.alignment.correspondences import Correspondences
from synthgen.alignment.fit_correspondences import AlignmentFits, fit_correspondences
from synthgen.alignment.flow_points import Matches, TargetSurface, surface_at
from synthgen.fittings.fit_flow import FlowFitOptions, chosen_correspondences
from synthgen.fittings.mean_face_surface import mean_face_surface
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.morphable.model import MorphableModel, evaluate_vertices
from synthgen.raster.rasterize import rasterize

BATCH, ROUNDS, SIDE = 32, 3, 256
COUNTS = (46, 10)  # identity and expression: 63 unknowns with pose and focal length
FOCAL = 330.0 * SIDE / 128
NOISE_PX = 0.5  # of a 128 px picture
GOALS_MS = {1000: 10.0, 10_000: 40.0}
LANDMARK_GOAL_MS = 2.0


@dataclass(frozen=True)
class Heads:
    """The truth. rotation (N, 3, 3); translation (N, 3) mm; identity (N, I); expression (N, E)."""

    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]
    identity: NDArray[np.float64]
    expression: NDArray[np.float64]


def measure_alignment() -> dict[str, list[Figure]]:
    """Section title -> figures."""
    model = large_model("base", COUNTS)
    target, heads = mean_face_surface(model, (SIDE, SIDE)), _heads()
    matches = _matches(model, target, heads)
    most = max(len(found.points) for found in matches)
    fitter = open_alignment(model)
    figures, fits = [], {}
    for count in (*GOALS_MS, most):
        found = _chosen(target, matches, count)
        milliseconds, fits[count] = _timed(fitter, found)
        note = (
            f"{fits[count].iterations.mean():.1f} steps; choosing them {_choosing(target, matches, count):.1f} ms more"
        )
        name = f"{int(fits[count].used.mean()):,} correspondences, {6 + 1 + sum(COUNTS)} unknowns"
        figures.append(Figure(name, milliseconds, "ms a picture", GOALS_MS.get(count), False, note))
    name = f"68 landmarks, {6 + sum(COUNTS)} unknowns"
    figures.append(Figure(name, landmark_milliseconds(), "ms a picture", LANDMARK_GOAL_MS, False, "orthographic"))
    accuracy = [row for count in fits for row in _accuracy(model, heads, fits[count])]
    title = f"dense alignment, perspective, free focal length, {NOISE_PX} px of noise, one core, batches of {BATCH}"
    return {title: figures, f"accuracy of the alignment to some of {most:,} correspondences": accuracy}


def _heads() -> Heads:
    random = np.random.default_rng(4)
    scale = random.uniform(0.5, 0.62, BATCH) * SIDE / 128
    place = random.uniform(-6, 6, (BATCH, 2)) * SIDE / 128
    return Heads(
        rotation_from_euler(np.radians(random.uniform([-12, -50, -20], [12, 50, 20], (BATCH, 3)))),
        np.concatenate([place / scale[:, None], (FOCAL / scale)[:, None]], axis=1),
        random.standard_normal((BATCH, COUNTS[0])),
        random.standard_normal((BATCH, COUNTS[1])),
    )


def _camera_points(heads: Heads, points: NDArray[np.floating], n: int) -> NDArray[np.float64]:
    """(..., 3) [x px, y px, depth mm] of points (..., 3) mm of head n."""
    camera = points @ heads.rotation[n].T * (1.0, -1.0, -1.0) + heads.translation[n]
    return np.concatenate([FOCAL * camera[..., :2] / camera[..., 2:] + SIDE / 2, camera[..., 2:]], axis=-1)


def _matches(model: MorphableModel, target: TargetSurface, heads: Heads) -> list[Matches]:
    """Backward matches: the mean face's pixels whose surface is seen in the photo, with noise."""
    random = np.random.default_rng(5)
    row, column = np.indices((SIDE, SIDE)).reshape(2, -1)
    place = np.stack([column + 0.5, row + 0.5], axis=-1)
    triangle, barycentric = surface_at(target, place)
    seen = triangle >= 0
    place, triangle, barycentric = place[seen], triangle[seen], barycentric[seen]
    vertices = evaluate_vertices(model, heads.identity, heads.expression)
    found = []
    for n in range(BATCH):
        image = _camera_points(heads, vertices[n], n).astype(np.float32)
        depth = rasterize(torch.from_numpy(image)[None], torch.from_numpy(model.template.triangles), (SIDE, SIDE), True)
        corners = vertices[n][model.template.triangles[triangle]]
        points = _camera_points(heads, np.einsum("kcd,kc->kd", corners, barycentric), n)
        cell = np.clip(points[:, :2].astype(int), 0, SIDE - 1)
        front = depth.depth[0].numpy()[cell[:, 1], cell[:, 0]]
        kept = np.flatnonzero(points[:, 2] < front + 3.0)  # mm; where nothing is drawn the depth is NaN
        noise = NOISE_PX * SIDE / 128 * random.standard_normal((len(kept), 2))
        found.append(Matches(points[kept, :2] + noise, place[kept], np.ones(len(kept))))
    return found


def _chosen(target: TargetSurface, matches: list[Matches], count: int) -> Correspondences:
    return chosen_correspondences(target, matches, FlowFitOptions(count=count), np.arange(BATCH))


def _choosing(target: TargetSurface, matches: list[Matches], count: int) -> float:
    """Milliseconds a picture."""
    started = process_time()
    _chosen(target, matches, count)
    return 1000 * (process_time() - started) / BATCH


def _timed(fitter: AlignmentFitter, found: Correspondences) -> tuple[float, AlignmentFits]:
    """Milliseconds a picture, and the fits."""
    pictures = Pictures(np.full((BATCH, 2), SIDE))
    fits = fit_correspondences(fitter, found, pictures)
    started = process_time()
    for _ in range(ROUNDS):
        fit_correspondences(fitter, found, pictures)
    return 1000 * (process_time() - started) / (ROUNDS * BATCH), fits


def _accuracy(model: MorphableModel, heads: Heads, fits: AlignmentFits) -> list[Figure]:
    cosine = (np.einsum("nij,nij->n", fits.heads.rotation, heads.rotation) - 1.0) / 2.0
    degrees = np.rad2deg(np.arccos(np.clip(cosine, -1.0, 1.0)))
    used = np.unique(model.template.triangles[: model.template.label_count])
    truth = evaluate_vertices(model, heads.identity, heads.expression)[:, used]
    error = evaluate_vertices(model, fits.identity, fits.expression)[:, used] - truth
    error -= error.mean(axis=1, keepdims=True)
    millimetres = np.linalg.norm(error, axis=-1).mean(axis=1)
    name = f"{int(fits.used.mean()):,} correspondences"
    return [
        Figure(f"{name}, pose", float(degrees.mean()), "degrees", None, False, f"largest {degrees.max():.2f}"),
        Figure(f"{name}, vertices", float(millimetres.mean()), "mm", None, False, f"largest {millimetres.max():.2f}"),
    ]
