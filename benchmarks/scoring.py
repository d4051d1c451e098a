"""Scoring landmarks: errors of many faces and the bootstrap over them."""

from time import process_time

import numpy as np

from benchmarks.figures import Figure
from eval.metrics import box_size, mean_error, points_box
from eval.scoring import Measures, Variant, numbers_of

FACES, POINTS, RESAMPLES = 100_000, 68, 1_000


def measure_scoring() -> dict[str, list[Figure]]:
    """Seconds of processor time from points to numbers with intervals: mean, yaw bins, areas and failure rates."""
    random = np.random.default_rng(0)
    truth = random.uniform(0, 200, (FACES, POINTS, 2))
    predicted = truth + random.normal(0, 3, truth.shape)
    yaw = random.uniform(-90, 90, FACES)
    started = process_time()
    errors = mean_error(predicted, truth, box_size(points_box(truth)))
    between = process_time()
    measures = tuple(Measures(errors).yaw(yaw).limits((8.0, 10.0)).without_worst(20).found)
    numbers_of(Variant("all", tuple(map(str, range(FACES))), errors, measures), RESAMPLES)
    ended = process_time()
    note = f"{FACES:,} faces x {POINTS} points, {RESAMPLES:,} resamples of {len(measures)} numbers"
    return {
        "scoring": [
            Figure("errors of faces", between - started, "s"),
            Figure("errors and bootstrap", ended - started, "s", 5.0, higher_is_better=False, note=note),
        ]
    }
