"""Dask beside the supervised processes, its scheduling rate and its memory over many shards."""

import os
import tempfile
from collections.abc import Iterator
from statistics import median
from time import perf_counter

from benchmarks.cluster_model import ClusterInputs, simulate
from benchmarks.figures import Figure
from benchmarks.workload import bench_recipe
from synthgen.dataset.manifest import ShardRange
from synthgen.pipeline.build_shard import Stamp
from synthgen.pipeline.cluster import ClusterSpec
from synthgen.pipeline.memory import resident_bytes
from synthgen.pipeline.run import GenerateOptions, Progress, generate
from synthgen.pipeline.run_dask import DaskPool
from synthgen.pipeline.session import RendererSpec
from synthgen.pipeline.worker import Finished

ROUNDS = 5
SHARD_SIZE = 256
SHARDS = 20
SIMULATED = 100_000
TWO = ClusterSpec(kind="local", workers=2)


def measure_dask() -> dict[str, list[Figure]]:
    """Sections of figures."""
    ratios, rates = [], []
    for _ in range(ROUNDS):
        local = _steady_rate(GenerateOptions(SHARDS * SHARD_SIZE, workers=2))
        dask = _steady_rate(GenerateOptions(SHARDS * SHARD_SIZE, cluster=TWO))
        ratios.append(dask / local)
        rates.append(dask)
    runs = [
        Figure(
            "Dask, 2 workers, against --workers 2",
            median(ratios),
            "x",
            0.95,
            note=f"median of {ROUNDS}: {min(ratios):.2f} to {max(ratios):.2f}; {median(rates):.0f} samples/s",
        )
    ]
    rate, growth = _schedule(SIMULATED)
    scheduling = [
        Figure("tasks scheduled", rate, "tasks/s", 300, note=f"{SIMULATED} tasks that do nothing, 2 workers"),
        Figure("memory, driver + scheduler", growth / 1e6, "MB more", 50, higher_is_better=False),
    ]
    inputs = ClusterInputs(tasks_per_s=rate)
    model = simulate(inputs)
    scale = [
        Figure("makespan", model.hours, "h", note=inputs.describe()),
        Figure("efficiency of the workers", model.efficiency, "", note=f"{model.deaths} workers died on the way"),
        Figure("load of the scheduler", model.scheduler_load, "", note="share of its measured rate"),
    ]
    return {
        "Dask and supervised processes, two cores": runs,
        "scheduling, simulated shards": scheduling,
        "model of 1,000 workers and 10^7 samples": scale,
    }


def _steady_rate(options: GenerateOptions) -> float:
    """Samples per second between the first finished shard and the last but one, when both workers still have work."""
    marks: list[tuple[int, float]] = []

    def note(state: Progress) -> None:
        if not marks or state.done_shards > marks[-1][0]:
            marks.append((state.done_shards, perf_counter()))

    with tempfile.TemporaryDirectory(prefix="synthgen-bench-") as folder:
        generate(bench_recipe("images", f"shard_size={SHARD_SIZE}"), f"{folder}/data", options, note)
    finished = [mark for mark in marks if mark[0] > 0]
    (first, start), (last, end) = finished[1], finished[-2]
    return (last - first) * SHARD_SIZE / (end - start)


def _nothing(plugin: str, planned: ShardRange, stamp: Stamp) -> Finished:
    return Finished(planned.shard, planned.stop - planned.start, 0, {"render": 0.0}, 0, worker="host:1")


def _schedule(count: int) -> tuple[float, int]:
    """Tasks per second and the growth of this process, which holds driver and scheduler, after the first tenth."""
    spec = RendererSpec(bench_recipe("images"))
    least, most = 0, 0
    # As many tasks in flight as 67 workers have: what a large cluster's driver sees.
    with DaskPool(spec, "unused", TWO.model_copy(update={"window": 100}), task=_nothing) as pool:
        started = perf_counter()
        todo: Iterator[ShardRange] = (ShardRange(number, number, number + 1) for number in range(count))
        for number, _ in enumerate(pool.build(todo, Stamp("", {}))):
            if number % 1000 == 0:
                used = resident_bytes(os.getpid()) or 0
                least = used if number <= count // 10 else least
                most = max(most, used)
        rate = count / (perf_counter() - started)
    return rate, most - least
