"""The whole job on one core, written to disk, and where its time goes."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import reduce, wraps
from importlib import import_module
from statistics import median
from time import perf_counter, process_time
from typing import Any

from benchmarks.figures import Figure
from benchmarks.workload import bench_recipe, coco_recipe
from synthgen.core.conventions import BLOCK
from synthgen.dataset.manifest import ShardRange
from synthgen.pipeline.build_shard import Stamp
from synthgen.pipeline.session import RendererSpec, Session
from synthgen.recipe.schema import Recipe

SHARDS, SHARD_BLOCKS = 5, 2
STAMP = Stamp("0" * 64, {})

FINE = "model.resolution=fine"
# name, kind, overrides, goal in samples per second and core, goal in kB per sample
CASES: tuple[tuple[str, str, tuple[str, ...], float, float], ...] = (
    ("images, 11k vertices", "images", (), 350, 95),
    ("images, 44k vertices", "images", (FINE,), 180, 95),
    ("pairs, 11k vertices", "pairs", (), 170, 75),
    ("pairs, 44k vertices", "pairs", (FINE,), 90, 75),
)

# Stage -> functions whose processor time it is, as (module that calls, name). None calls another one of the list.
STAGES: dict[str, tuple[tuple[str, str], ...]] = {
    "sample scenes": (("synthgen.render.frame", "sample_scene"),),
    "vertices, poses": (("synthgen.render.view", "pose_heads"),),
    "vertex normals": (("synthgen.render.view", "vertex_normals"),),
    "rasterise": (("synthgen.render.view", "rasterize"),),
    "shade": (("synthgen.render.view", "shade_heads"), ("synthgen.render.view", "merge_faces")),
    "backgrounds, occluders": (("synthgen.render.view", "_picture_layers"),),
    "composite, sensor": (("synthgen.render.view", "develop_pictures"),),
    "labels of a view": (("synthgen.render.frame", "label_view"),),
    "flow, matchability": (("synthgen.render.frame", "label_pair"),),
    "encode": (("synthgen.dataset.codecs", "SampleCodec.encode"),),
    "write": (("synthgen.dataset.writer", "ShardWriter.add"), ("synthgen.dataset.writer", "ShardWriter.finish")),
}


def measure_throughput() -> dict[str, list[Figure]]:
    """Section title -> figures."""
    rates: list[Figure] = []
    sections: dict[str, list[Figure]] = {"whole job, one core, 128 x 128, written to disk": rates}
    for name, kind, overrides, goal_rate, goal_kilobytes in CASES:
        recipe = bench_recipe(kind, *overrides)
        unit = "pairs/s" if kind == "pairs" else "samples/s"
        figures, stages = _measure(name, recipe, unit, goal_rate, goal_kilobytes)
        rates += figures
        sections[f"where the processor time goes: {name}"] = stages
    coco = coco_recipe()
    if coco is not None:
        figures, _ = _measure("images, 11k, COCO behind", coco, "samples/s", None, None)
        rates += figures[:1]
    return sections


def _measure(
    name: str, recipe: Recipe, unit: str, goal_rate: float | None, goal_kilobytes: float | None
) -> tuple[list[Figure], list[Figure]]:
    samples = SHARD_BLOCKS * BLOCK
    with tempfile.TemporaryDirectory(prefix="synthgen-bench-") as folder:
        started = perf_counter()
        session = Session(RendererSpec(recipe), folder)
        session.build(ShardRange(0, 0, BLOCK), STAMP)  # kernels are compiled and loaded here
        start_up = perf_counter() - started
        walls, busy, built = [], [], []
        for shard in range(1, SHARDS + 1):
            wall, cpu = perf_counter(), process_time()
            built.append(session.build(ShardRange(shard, shard * samples, (shard + 1) * samples), STAMP))
            walls.append(perf_counter() - wall)
            busy.append(process_time() - cpu)
        stages = _stage_times(session, samples)
    wall_rate, cpu_rate = samples / median(walls), samples / median(busy)
    size = median(shard.index.bytes for shard in built) / samples / 1000
    coverage = _coverage(built[0].index.checks)
    note = f"{cpu_rate:.0f} per CPU second; coverage {coverage:.2f}; first sample after {start_up:.1f} s"
    rates = [
        Figure(name, wall_rate, unit, goal_rate, note=note),
        Figure(f"{name}: size", size, "kB each", goal_kilobytes, higher_is_better=False),
    ]
    return rates, [Figure(stage, 1000 * value, "ms each") for stage, value in stages.items()]


def _coverage(checks: dict[str, dict[str, float]]) -> float:
    values = [value["mean"] for check, value in checks.items() if check.endswith("coverage")]
    return sum(values) / len(values)


def _stage_times(session: Session, samples: int) -> dict[str, float]:
    """Stage -> processor seconds per sample, measured in a pass of their own."""
    with stopwatches(STAGES) as spent:
        started = process_time()
        session.build(ShardRange(0, 0, samples), STAMP)
        spent["everything else"] = process_time() - started - sum(spent.values())
    return {stage: seconds / samples for stage, seconds in spent.items() if seconds > 0}


@contextmanager
def stopwatches(stages: dict[str, tuple[tuple[str, str], ...]]) -> Iterator[dict[str, float]]:
    """Stage -> processor seconds spent in its functions while the block lasts. stages: as STAGES."""
    spent = dict.fromkeys(stages, 0.0)
    originals: list[tuple[Any, str, Any]] = []

    def timed(function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            started = process_time()
            try:
                return function(*args, **options)
            finally:
                spent[stage] += process_time() - started

        return call

    try:
        for stage, functions in stages.items():
            for module_name, name in functions:
                *outer, last = name.split(".")
                owner = reduce(getattr, outer, import_module(module_name))
                originals.append((owner, last, getattr(owner, last)))
                setattr(owner, last, timed(getattr(owner, last), stage))
        yield spent
    finally:
        for owner, name, function in originals:
            setattr(owner, name, function)
