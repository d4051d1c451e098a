"""Photometric fits of rendered heads whose truth is known: how long, and how much nearer than landmarks alone."""

from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np

from benchmarks.figures import Figure
from benchmarks.rendered_heads import (
    ANNOTATION_NOISE_PX,
    SIZE,
    annotate,
    fit_annotated,
    head_errors,
    landmark_options,
    photo_of,
    render_heads,
    start_of,
)
from benchmarks.workload import SHARED
from synthgen.alignment.photometric import fit_photometric
from synthgen.alignment.photometric_model import open_photometric_model
from synthgen.morphable.loaders.ict_facekit import convert_ict
from synthgen.morphable.loaders.ict_npz import read_ict_npz
from synthgen.morphable.model_file import save_model

GOAL_SECONDS = 1.0
COUNT = 32


def measure_photometric() -> dict[str, list[Figure]]:
    """Section title -> figures; ICT-FaceKit where its arrays lie beside the checkout."""
    sections = {}
    for camera in ("perspective", "scaled_orthographic"):
        sections[_title("built-in head", camera)] = _measure("{source: procedural}", camera)
    arrays = SHARED / "ict_facekit.npz"
    if arrays.is_file():
        with TemporaryDirectory() as folder:
            path = Path(folder) / "ict.npz"
            save_model(convert_ict(read_ict_npz(arrays)), path)
            sections[_title("ICT-FaceKit", "perspective")] = _measure(f"{{path: {path}}}", "perspective")
    return sections


def _title(model: str, camera: str) -> str:
    noise = f"landmarks with {ANNOTATION_NOISE_PX} px of noise"
    return f"photometric fit, {SIZE} x {SIZE}, {COUNT} heads, {model}, {camera}, {noise}"


def _measure(section: str, camera: str) -> list[Figure]:
    truth, assets = render_heads(COUNT, section, camera)
    model = open_photometric_model(assets.model, landmark_options())
    points = annotate(truth)
    starts = [start_of(model, fits) for fits in fit_annotated(assets.model, truth, points)]
    photos = [photo_of(truth, points, row) for row in range(COUNT)]
    fit_photometric(model, photos[0], starts[0])  # kernels are loaded now
    started = process_time()
    fits = [fit_photometric(model, photo, start) for photo, start in zip(photos, starts, strict=True)]
    seconds = (process_time() - started) / COUNT
    before = [head_errors(assets.model, truth, row, start) for row, start in enumerate(starts)]
    after = [head_errors(assets.model, truth, row, fit.head) for row, fit in enumerate(fits)]
    better = sum(new.vertex_mm < old.vertex_mm for old, new in zip(before, after, strict=True))
    unknowns = starts[0].count + 27 + model.albedo.count
    return [
        Figure("photometric fit", seconds, "s a photo", GOAL_SECONDS, False, f"{unknowns} unknowns"),
        Figure("mean vertex error, landmarks alone", float(np.mean([e.vertex_mm for e in before])), "mm"),
        Figure(
            "mean vertex error, photometric",
            float(np.mean([e.vertex_mm for e in after])),
            "mm",
            note=f"nearer for {better} of {COUNT}",
        ),
        Figure("NME of 68 surface points, landmarks alone", 100 * float(np.mean([e.nme for e in before])), "%"),
        Figure("NME of 68 surface points, photometric", 100 * float(np.mean([e.nme for e in after])), "%"),
    ]
