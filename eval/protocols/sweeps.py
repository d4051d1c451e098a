"""dfc's sweeps on our renderer: the same faces under growing yaw, occlusion, harsh light and a wrong box."""

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from eval.benchmark_drawing import draw_image
from eval.benchmark_run import CHUNK
from eval.matching import MISSING_ERROR
from eval.metrics import box_size, failures, mean_error, points_box
from eval.plane_predictions import check_numbers, load_plane_predictions
from eval.plausibility import check_plausible
from eval.protocol import Protocol, Request, Result, SampleErrors
from eval.scoring import Measure, Variant, numbers_of
from eval.statistics import mean_of
from eval.sweep_set import SweepSet, open_sweeps
from synthgen.core.conventions import LANDMARK_VISIBLE
from synthgen.core.errors import UsageError
from synthgen.recipe.sections import Model

NAME = "sweeps"
TITLE = "Sweeps on rendered faces: yaw, occluded features, light x yaw, box jitter (dfc figures 7 to 9)"
FAILED = 0.1  # NME from which a face counts as missed


def run(request: Request) -> Result:
    """NME of the visible points and of all at every level of every sweep."""
    sweeps = open_sweeps(request.data)
    points, found = predicted_points(request, sweeps)
    notes = [f"Sweeps {sweeps.fingerprint}: {len(found)} pictures. A face is missed when its NME exceeds 10 %."]
    if not found.all():
        notes.append(_missing(request, found))
        points = np.where(found[:, None, None], points, np.nan)
    true = sweeps.landmarks.astype(np.float64)
    size = box_size(points_box(true))
    visible = sweeps.visibility == LANDMARK_VISIBLE
    # Points that are not finite are those of a face that was not found, as samples without a prediction are.
    lost = ~np.isfinite(points).all(axis=(1, 2))
    kept = found | (request.missing != "exclude")
    every = np.where(lost, MISSING_ERROR, mean_error(points, true, size))
    seen = np.where(lost, MISSING_ERROR, mean_error(points, true, size, visible))
    some_visible = visible.any(axis=1)
    variants = []
    ids = tuple(str(number) for number in range(len(points)))
    tag = f"[{sweeps.fingerprint[:12]}]"
    for row, level in enumerate(sweeps.levels):
        here = (sweeps.level == row) & kept
        count = int(here.sum())
        measures = (
            Measure("NME of 68 points over the true box", "%", mean_of(every, here), count),
            Measure(
                "NME of the visible points", "%", mean_of(seen, here & some_visible), int((here & some_visible).sum())
            ),
            Measure("missed", "%", mean_of(failures(every, FAILED), here), count),
        )
        variants.append(Variant(f"{level['sweep']}: {level['level']} {tag}", ids, every, measures))
    numbers = [number for variant in variants for number in numbers_of(variant, request.resamples)]
    ranked = tuple(name for name, keep in zip(ids, kept, strict=True) if keep)
    errors = SampleErrors(f"all levels {tag}", ranked, 100 * every[kept], limit=20.0)
    result = Result(NAME, TITLE, tuple(numbers), (errors,), tuple(notes))
    return replace(result, draw=partial(_draw, sweeps, points))


def predicted_points(request: Request, sweeps: SweepSet) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(N, 68, 2) px of every picture, and (N,) whether there is a prediction.

    Raises UsageError unless the request names one source that says landmarks.
    """
    count = len(sweeps.level)
    if (request.predictions is None) == (request.model is None):
        raise UsageError("give one of --predictions FILE and --model CKPT_OR_ONNX")
    points, found = np.full((count, 68, 2), np.nan), np.zeros(count, bool)
    if request.predictions is not None:
        predictions = load_plane_predictions(request.predictions, sweeps.size)
        if "landmarks_2d" not in predictions.names:
            raise UsageError(f"{request.predictions} holds {', '.join(predictions.names)}, but no landmarks_2d")
        check_numbers(str(request.predictions), predictions, range(count))
        said = np.array(predictions.numbers)
        points[said], found[said] = predictions.stacked("landmarks_2d"), True
        true = sweeps.landmarks[said].astype(np.float64)
        check_plausible(points[said], true, np.ones(true.shape[:2], bool), str(request.predictions))
        return points, found
    assert request.model is not None
    from eval.benchmark_model import BenchmarkModel
    from eval.networks import open_network

    section: Model = TypeAdapter(Model).validate_python(sweeps.model)
    model = BenchmarkModel(open_network(request.model), section)
    for first in range(0, count, CHUNK):
        rows = range(first, min(first + CHUNK, count))
        answers = model.on_images([sweeps.picture(row) for row in rows], [sweeps.landmarks[row] for row in rows])
        for row, answer in zip(rows, answers, strict=True):
            points[row], found[row] = answer["landmarks_2d"], True
    return points, found


def _missing(request: Request, found: NDArray[np.bool_]) -> str:
    text = f"{int((~found).sum())} of {len(found)} pictures have no prediction"
    if request.missing is None:
        raise UsageError(f"{text}; choose --missing fail or --missing exclude")
    return f"{text}; they " + ("count as missed." if request.missing == "fail" else "are left out.")


def _draw(sweeps: SweepSet, points: NDArray[np.float64], name: str) -> NDArray[np.uint8]:
    number = int(name)
    sample = {"image": sweeps.picture(number), "landmarks_2d": sweeps.landmarks[number]}
    return draw_image(sample, {"landmarks_2d": points[number]})


PROTOCOL = Protocol(
    NAME,
    TITLE,
    "folder that python -m eval make-sweeps wrote",
    "NPZ with landmarks_2d (N, 68, 2) px of pictures/00000.png and so on",
    run,
    takes_points=False,
)
