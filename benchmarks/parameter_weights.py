"""fWPDC against WPDC (tddfa_v2 section 2.2): the same weights, one reconstruction of the vertices instead of 63."""

from collections.abc import Callable
from time import process_time

import torch

from benchmarks.figures import Figure
from training.losses.parameter_distance import fwpdc_weights, wpdc_weights
from training.losses.shape_model import ShapeModel

VERTICES, BATCH, REPEATS = 4_000, 32, 3


def measure_parameter_weights() -> dict[str, list[Figure]]:
    """Processor time of both, and their ratio; the paper has 41.7 and 3.6 ms for 128 faces on its device."""
    random = torch.Generator().manual_seed(0)
    mean, basis = (torch.randn(VERTICES, 3, *more, generator=random) for more in ((), (50,)))
    model = ShapeModel(50 * mean, basis, torch.zeros(62), torch.ones(62))
    outputs, targets = torch.randn(2, BATCH, 62, generator=random)
    slow = _seconds(lambda: wpdc_weights(outputs, targets, model))
    fast = _seconds(lambda: fwpdc_weights(outputs, targets, model))
    note = f"{BATCH} faces of {VERTICES:,} vertices"
    return {
        "weights of parameters": [
            Figure("WPDC", 1e3 * slow, "ms", note=note),
            Figure("fWPDC", 1e3 * fast, "ms", note=note),
            Figure("WPDC over fWPDC", slow / fast, "times", 10.0, note="the paper: over 10"),
        ]
    }


def _seconds(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(REPEATS):
        started = process_time()
        work()
        times.append(process_time() - started)
    return min(times)
