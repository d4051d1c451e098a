"""Fitting a morphable model to 68 landmarks, in batches, on one core."""

from time import process_time

import numpy as np

from benchmarks.figures import Figure
from synthgen.alignment.fit_landmarks import CameraModel, LandmarkFitOptions, fit_landmarks, open_landmark_fitter
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.morphable.model import MorphableModel, evaluate_vertices
from synthgen.morphable.procedural.build import build_procedural_model
from synthgen.morphable.template import evaluate_points

GOAL_MS = 15.0
BATCH, ROUNDS, SIDE = 32, 4, 450


def measure_landmark_fit() -> dict[str, list[Figure]]:
    """Section title -> figures."""
    model = build_procedural_model("base")
    count = len(model.identity_basis) + len(model.expression_basis)
    points = _annotated(model)
    sizes = np.full((BATCH, 2), SIDE)
    fitter = open_landmark_fitter(model, LandmarkFitOptions(jaw="fixed"))
    figures = []
    for camera in (CameraModel("scaled_orthographic"), CameraModel("perspective")):
        fits = fit_landmarks(fitter, points, sizes, camera)
        started = process_time()
        for _ in range(ROUNDS):
            fit_landmarks(fitter, points, sizes, camera)
        seconds = (process_time() - started) / (ROUNDS * BATCH)
        note = f"{count} coefficients, 6 of pose; median {np.median(fits.rms_px):.1f} px rms, 1 px of it noise"
        figures.append(Figure(f"landmark fit, {camera.kind}", 1000 * seconds, "ms a photo", GOAL_MS, False, note))
    return {f"fit to 68 landmarks, one core, batches of {BATCH}": figures}


def _annotated(model: MorphableModel) -> np.ndarray:
    """(BATCH, 68, 2) px: landmarks of random heads up to 60 degrees of yaw, with 1 px of noise."""
    random = np.random.default_rng(3)
    low, high = model.expression_range.T
    identity = random.standard_normal((BATCH, len(model.identity_basis)))
    expression = low + (high - low) * random.uniform(0, 0.4, (BATCH, len(low)))
    vertices = evaluate_vertices(model, identity, expression)
    points = evaluate_points(model.template.landmarks["ibug68"], model.template.triangles, vertices)
    angles = np.radians(random.uniform([-15, -60, -20], [15, 60, 20], (BATCH, 3)))
    turned = points @ rotation_from_euler(angles).transpose(0, 2, 1)
    image: np.ndarray = np.stack([SIDE / 2 + 1.4 * turned[..., 0], SIDE / 2 - 1.4 * turned[..., 1]], axis=-1)
    return image + random.standard_normal(image.shape)
