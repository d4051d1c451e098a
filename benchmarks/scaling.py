"""Two workers against one, interleaved with a control that only computes, so that a busy machine is fair to both."""

import multiprocessing
import tempfile
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.figures import Figure
from benchmarks.workload import bench_recipe
from synthgen.core.conventions import BLOCK
from synthgen.pipeline.run import GenerateOptions, Progress, generate
from synthgen.recipe.schema import Recipe

ROUNDS = 5
CONTROL_S = 2.0
SHARD_SIZE = 2 * BLOCK
COUNT = 16 * SHARD_SIZE
MEMORY_GOAL_MB = 1500


def measure_scaling() -> dict[str, list[Figure]]:
    """Section title -> scaling of generate against the control, and memory per worker."""
    recipe = bench_recipe("images", f"shard_size={SHARD_SIZE}")
    ratios, job_scalings, control_scalings, peaks = [], [], [], []
    for _ in range(ROUNDS):
        control = control_rate(2) / control_rate(1)
        single, single_peak = job_rate(recipe, 1)
        double, double_peak = job_rate(recipe, 2)
        ratios.append(double / single / control)
        job_scalings.append(double / single)
        control_scalings.append(control)
        peaks.append(max(single_peak, double_peak))
    note = f"median of {ROUNDS}: job {median(job_scalings):.2f} x, control {median(control_scalings):.2f} x"
    figures = [
        Figure("--workers 2, scaling against control", median(ratios), "x", 0.95, note=note),
        Figure("memory of a worker", max(peaks) / 1e6, "MB", MEMORY_GOAL_MB, higher_is_better=False),
    ]
    return {"two workers, two cores": figures}


class _SteadyRate:
    """Samples per second between the moment every worker is busy and the one when the first may run out of work."""

    def __init__(self, workers: int) -> None:
        self._first = 2 * BLOCK * workers
        self._last = COUNT - SHARD_SIZE * workers
        self._marks: list[tuple[int, float]] = []

    def __call__(self, state: Progress) -> None:
        """Note the time of a state inside the window."""
        if self._first <= state.done_samples <= self._last:
            self._marks.append((state.done_samples, perf_counter()))

    def rate(self) -> float:
        """Samples per second."""
        (first, start), (last, end) = self._marks[0], self._marks[-1]
        return (last - first) / (end - start)


def job_rate(recipe: Recipe, workers: int) -> tuple[float, int]:
    """Samples per second of a run once it runs, and the largest resident memory of a worker, bytes."""
    steady = _SteadyRate(workers)
    with tempfile.TemporaryDirectory(prefix="synthgen-bench-") as folder:
        summary = generate(recipe, f"{folder}/data", GenerateOptions(COUNT, workers), steady)
    return steady.rate(), summary.peak_bytes


def control_rate(processes: int) -> float:
    """Loops per second of a kernel that touches no memory to speak of, summed over processes."""
    context: Any = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn")
    start = context.Barrier(processes)
    results: Any = context.Queue()
    pool = [context.Process(target=_control, args=(start, results)) for _ in range(processes)]
    for process in pool:
        process.start()
    rates = [results.get() for _ in pool]
    for process in pool:
        process.join()
    return float(sum(rates))


def _control(start: Any, results: Any) -> None:
    start.wait()
    loops, value, begun = 0, 1, perf_counter()
    while perf_counter() - begun < CONTROL_S:
        for _ in range(10_000):
            value = (value * 1103515245 + 12345) & 0x7FFFFFFF
        loops += 1
    results.put(loops / (perf_counter() - begun))
