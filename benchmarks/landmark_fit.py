"""Fitting a morphable model to 68 landmarks as people annotate them, in batches, on one core, with default options."""

from time import process_time

import numpy as np

from benchmarks.figures import Figure
from benchmarks.fittings import EXPRESSION, IDENTITY, large_model
from synthgen.alignment.fit_landmarks import CameraModel, LandmarkFitter, fit_landmarks, open_landmark_fitter
from synthgen.alignment.jaw import jaw_rows
from synthgen.geometry.rotation import rotation_from_euler

GOAL_MS = 15.0
POSE = 6
BATCH, ROUNDS, SIDE = 32, 4, 450
# Identity and expression components: 62 unknowns with the pose, and those of the models that 300W-LP was fitted with.
COUNTS = ((46, 10), (IDENTITY, EXPRESSION))


def measure_landmark_fit() -> dict[str, list[Figure]]:
    """Section title -> figures."""
    figures = []
    for counts in COUNTS:
        fitter = open_landmark_fitter(large_model("base", counts))
        points = _annotated(fitter)
        for camera in (CameraModel("scaled_orthographic"), CameraModel("perspective")):
            fits = fit_landmarks(fitter, points, np.full((BATCH, 2), SIDE), camera)
            started = process_time()
            for _ in range(ROUNDS):
                fit_landmarks(fitter, points, np.full((BATCH, 2), SIDE), camera)
            seconds = (process_time() - started) / (ROUNDS * BATCH)
            goal = GOAL_MS if counts == COUNTS[0] else None
            note = f"median {np.median(fits.rms_px):.1f} px rms to jaws on the outline, 1 px of it noise"
            name = f"landmark fit, {POSE + sum(counts)} unknowns, {camera.kind}"
            figures.append(Figure(name, 1000 * seconds, "ms a photo", goal, False, note))
    return {f"fit to 68 landmarks, jaw marching, one core, batches of {BATCH}": figures}


def landmark_milliseconds() -> float:
    """Milliseconds a photo of the fit with 62 unknowns and orthographic cameras."""
    fitter = open_landmark_fitter(large_model("base", COUNTS[0]))
    points, sizes = _annotated(fitter), np.full((BATCH, 2), SIDE)
    fit_landmarks(fitter, points, sizes)
    started = process_time()
    for _ in range(ROUNDS):
        fit_landmarks(fitter, points, sizes)
    return 1000 * (process_time() - started) / (ROUNDS * BATCH)


def _annotated(fitter: LandmarkFitter) -> np.ndarray:
    """(BATCH, 68, 2) px: landmarks of random heads up to 60 degrees of yaw, with 1 px of noise; the jaw of the far side
    and the chin lie on the outline, as annotators see them."""
    random = np.random.default_rng(3)
    table = fitter.basis.points(random.standard_normal((BATCH, len(fitter.space.lower))))
    rotation = rotation_from_euler(np.radians(random.uniform([-15, -60, -20], [15, 60, 20], (BATCH, 3))))
    turned = table @ rotation.transpose(0, 2, 1)
    image = SIDE / 2 + 1.4 * turned[..., :2] * (1.0, -1.0)
    rows = jaw_rows(fitter.basis, "annotated", rotation, table, image)
    seen = np.take_along_axis(image, rows[..., None], axis=1)
    return np.asarray(seen + random.standard_normal(seen.shape), np.float64)
