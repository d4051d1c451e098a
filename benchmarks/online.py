"""Online batches on the device that is there, beside two floors: what moving the bytes and doing the products takes.

Both floors are measured on the same device in the same run, so they need no data sheet: the rate of copying a large
array, and that of a large float32 product.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter

import torch

from benchmarks.figures import Figure
from benchmarks.workload import bench_recipe
from synthgen.core.conventions import BLOCK
from synthgen.core.label_spec import labels_of_kind
from synthgen.render.device_labels import Planes
from synthgen.render.stream import FaceStream, StreamPlan, torch_stream

BLOCKS, ROUNDS = 4, 5
# name, overrides of recipes/bench.yaml, goal on an H200
CASES = (("11k vertices", (), 20_000.0), ("44k vertices", ("model.resolution=fine",), 8_000.0))
FLOAT = 4


@dataclass(frozen=True)
class DeviceRates:
    """bytes_per_s: of a copy, each byte read and written counted; operations_per_s: of a float32 matrix product."""

    bytes_per_s: float
    operations_per_s: float


def measure_online() -> dict[str, list[Figure]]:
    """Section title -> figures."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    rates = device_rates(device)
    figures = [
        Figure("copying memory", rates.bytes_per_s / 1e9, "GB/s", note="floor of bytes"),
        Figure("float32 products", rates.operations_per_s / 1e9, "GFLOP/s", note="floor of products"),
    ]
    for name, overrides, goal in CASES:
        recipe = bench_recipe("images", *overrides)
        labels = [label for label in labels_of_kind("images") if label not in ("albedo", "shading")]
        stream = torch_stream(recipe, StreamPlan(batch_size=BLOCK), labels=labels, device=device)
        first = stream.render_block(0)
        job = partial(_render, stream)
        seconds = median(_seconds(job, device) for _ in range(ROUNDS)) / (BLOCKS * BLOCK)
        moved, operations = sample_work(stream, first)
        floors = 1e6 * moved / rates.bytes_per_s, 1e6 * operations / rates.operations_per_s
        note = f"floors: {floors[0]:.1f} us of bytes, {floors[1]:.1f} us of products; {1e6 * seconds:.0f} us taken"
        # The goal is one of a GPU.
        asked = goal if device == "cuda" else None
        figures.append(Figure(f"all labels, 128 x 128, {name}", 1.0 / seconds, "renderings/s", asked, note=note))
    return {f"online batches on {device}, nothing written": figures}


def device_rates(device: str) -> DeviceRates:
    """What the device does at best."""
    source = torch.ones(2**26, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    square = torch.ones((1024, 1024), device=device)
    copied = median(_seconds(lambda: target.copy_(source), device) for _ in range(ROUNDS))
    product = median(_seconds(lambda: torch.mm(square, square), device) for _ in range(ROUNDS))
    return DeviceRates(2.0 * FLOAT * len(source) / copied, 2.0 * 1024**3 / product)


def sample_work(stream: FaceStream, block: Planes) -> tuple[float, float]:
    """Least bytes that a sample moves, and operations of its blendshapes.

    Bytes: the basis once a block, vertices written and read in model, camera and image space, triangles and normals
    read once, and every label written once.
    """
    assets = stream.open_assets()
    basis, vertices = assets.tensors.basis, len(assets.tensors.mean)
    written = sum(plane.element_size() * plane[0].numel() for plane in block.values())
    geometry = FLOAT * (basis.numel() / BLOCK + 2 * 4 * vertices + assets.tensors.triangles.numel())
    return written + geometry, 2.0 * len(basis) * vertices


def _render(stream: FaceStream) -> None:
    for number in range(1, BLOCKS + 1):
        stream.render_block(number)


def _seconds(job: Callable[[], object], device: str) -> float:
    job()
    _finish(device)
    started = perf_counter()
    job()
    _finish(device)
    return perf_counter() - started


def _finish(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
