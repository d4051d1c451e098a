"""Faces cut by their true landmarks against faces cut by given boxes: the same benchmark scored twice.

anisotropic's row in its Table 3 is of the first kind ("GTBbox"), the rows it is compared with of the second.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from eval.protocol import Number, Protocol, Request, Result, SampleErrors
from eval.scoring import SEED
from eval.statistics import bootstrap, cluster_sums, interval, mean_of, sign_flip_test
from synthgen.core.errors import UsageError

TITLE = "True boxes against given ones (anisotropic Table 3): one benchmark scored twice"
BENCHMARKS = ("wflw", "aflw2000", "aflw19", "aflw21")
KINDS = ("truth", "given")
FLIPS = 10_000
OPTIONS = {
    "benchmark": f"which: {', '.join(BENCHMARKS)}; wflw by default",
    "given": "predictions made from the benchmark's boxes; --predictions are then those made from true landmarks",
}


def run(request: Request) -> Result:
    """Numbers of both kinds, and their difference. Raises SynthgenError for what cannot be scored."""
    from eval.protocols.registry import load_protocol

    name = request.options.get("benchmark", "wflw")
    if name not in BENCHMARKS:
        raise UsageError(f"benchmark={name}: expected {', '.join(BENCHMARKS)}")
    protocol = load_protocol(name)
    results = {kind: protocol.run(_request(request, kind)) for kind in KINDS}
    numbers = [
        replace(number, variant=f"crop-{kind}/{number.variant}")
        for kind, result in results.items()
        for number in result.numbers
    ]
    truth, given = results["truth"], results["given"]
    for first, second in zip(truth.errors, given.errors):
        if first.ids != second.ids:
            raise UsageError(
                "the two predictions leave out different faces; say --missing fail, or score the same faces"
            )
        numbers.append(_difference(first, second, request.resamples))
    errors = [
        replace(part, variant=f"crop-{kind}/{part.variant}")
        for kind, result in results.items()
        for part in result.errors
    ]
    notes = (
        "difference is the mean error with given boxes minus that with true ones, on the same faces.",
        *dict.fromkeys((*truth.notes, *given.notes)),
    )
    return Result("gt_box", f"{TITLE}: {name}", tuple(numbers), tuple(errors), notes, given.draw)


def _request(request: Request, kind: str) -> Request:
    """The request for one kind of box."""
    if request.model is not None:
        return replace(request, options={"crop": kind})
    if request.predictions is None or "given" not in request.options:
        raise UsageError(
            "give --model, or --predictions made from true landmarks with --set given=FILE made from given boxes"
        )
    path = request.predictions if kind == "truth" else Path(request.options["given"])
    return replace(request, predictions=path, options={})


def _difference(truth: SampleErrors, given: SampleErrors, resamples: int) -> Number:
    change = given.values - truth.values
    generator = np.random.Generator(np.random.Philox(SEED))
    clusters = np.unique(np.asarray(truth.clusters), return_inverse=True)[1] if truth.clusters else None
    low = high = None
    if resamples:
        bounds = interval(bootstrap([mean_of(change)], resamples, generator, clusters))
        low, high = float(bounds[0, 0]), float(bounds[1, 0])
    p = sign_flip_test(cluster_sums(change, truth.clusters), FLIPS, generator)
    note = f"p of no difference {p:.4f}"
    return Number(truth.variant, "difference", float(change.mean()), truth.unit, low, high, len(change), note)


PROTOCOL = Protocol(
    "gt_box",
    TITLE,
    "that of the benchmark",
    "of faces cut by their true landmarks; --set given=FILE has those of faces cut by given boxes",
    run,
    OPTIONS,
)
