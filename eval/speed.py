"""Size, work and latency of the five networks, of vertex reconstruction and of alignment."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from eval.protocol import Number, Result
from eval.timing import Latency, TimingOptions, measure_latency
from synthgen.core.errors import UsageError
from training.methods.registry import open_method
from training.networks.cost import count_multiply_adds, count_parameters
from training.recipe import load_training_recipe

ROOT = Path(__file__).resolve().parents[1]
METHODS = ("dfc", "densereg", "dal2d", "tddfa_v2", "anisotropic")
# Height and width of a network's pictures, as the recipes of their training sets have it.
SIDES = {
    "paper": {"dfc": 128, "densereg": 321, "dal2d": 120, "tddfa_v2": 120, "anisotropic": 256},
    "compact": {"dfc": 64, "densereg": 96, "dal2d": 64, "tddfa_v2": 64, "anisotropic": 64},
}
PUBLISHED = {
    ("tddfa_v2", "paper"): (
        "3.27 M, 183.5 M; 6.2 ms on 4 cores (Table 5); ONNX Runtime 4.4 ms on one core, 1.35 ms on four (i5-8259U, "
        "supplement)"
    ),
    ("dfc", "paper"): "9.35 ms on a GPU (Table 5)",
    ("vertices", ""): "1 ms CPU, 0.1 ms GPU for 45,000 vertices (tddfa_v2 section 3.4)",
}


@dataclass(frozen=True)
class SpeedRow:
    """parameters, multiply_adds: None where there is no network; latencies: "torch, 1 thread" and so on -> ms."""

    name: str
    size: str
    parameters: int | None
    multiply_adds: int | None
    latencies: dict[str, Latency]
    published: str = ""


class _Forward(nn.Module):
    """What a network does with one picture when it is used: tensors in, tensors out."""

    def __init__(self, network: nn.Module, regress: bool) -> None:
        super().__init__()
        self.network, self._regress = network, regress

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Outputs of the network; of dal2d those of its regressor."""
        found = self.network("regress", *inputs) if self._regress else self.network(*inputs)
        if isinstance(found, torch.Tensor):
            return (found,)
        return tuple(found.values()) if isinstance(found, dict) else tuple(found)


def check_names(methods: Sequence[str], sizes: Sequence[str]) -> None:
    """Raise UsageError unless these are methods and sizes of networks."""
    for name in (*(m for m in methods if m not in METHODS), *(s for s in sizes if s not in SIDES)):
        raise UsageError(f"no network {name}; methods: {', '.join(METHODS)}; sizes: {', '.join(SIDES)}")


def network_of(method: str, size: str) -> tuple[nn.Module, nn.Module, tuple[torch.Tensor, ...]]:
    """The network of a recipe with fresh weights, what is timed of it, and one picture for it.

    Raises UsageError for an unknown method or size.
    """
    check_names((method,), (size,))
    recipe = load_training_recipe(ROOT / "training" / "recipes" / method / f"{size}.yaml")
    stages = list(recipe.stages.values())
    opened = open_method(method, recipe.stage_options(stages[0]))
    network = opened.build().eval()
    side = SIDES[size][method]
    picture = torch.zeros(1, 4 if method == "dal2d" else 3, side, side)
    inputs = (picture, picture.clone()) if method == "dfc" else (picture,)
    used: nn.Module = network.regressor if method == "dal2d" else network  # type: ignore[assignment]
    return used, _Forward(network, method == "dal2d").eval(), inputs


def time_network(
    method: str, size: str, options: TimingOptions, onnx: bool, told: Callable[[str], None] = lambda text: None
) -> SpeedRow:
    """Parameters, multiply-adds and latency of one picture, by torch and, if asked for, ONNX Runtime.

    told: what is being timed.
    """
    network, forward, inputs = network_of(method, size)
    latencies: dict[str, Latency] = {}
    for threads, label in thread_counts():
        told(f"{method} {size}: torch, {label}")
        with torch_threads(threads), torch.no_grad():
            latencies[f"torch, {label}"] = measure_latency(lambda: forward(*inputs), options)
    if torch.cuda.is_available():
        latencies["torch, GPU"] = _on_gpu(forward, inputs, options)
    if onnx:
        told(f"{method} {size}: export to ONNX, and its runtime")
        latencies |= _by_onnx(forward, inputs, options)
    used = (inputs[0],) if method != "dfc" else inputs
    work = count_multiply_adds(network, *used)
    side = inputs[0].shape[-1]
    published = PUBLISHED.get((method, size), "")
    return SpeedRow(method, f"{size}, {side} px", count_parameters(network), work, latencies, published)


def time_vertices(options: TimingOptions, count: int = 38_365) -> SpeedRow:
    """Vertices of 62 parameters: a product with the basis, then the pose, in float32; count: of the mesh (3DDFA-V2's).

    The time depends on sizes alone, so the basis is random.
    """
    random = np.random.default_rng(0)
    basis = random.standard_normal((50, count * 3)).astype(np.float32)
    mean, coefficients = basis[0].copy(), random.standard_normal(50).astype(np.float32)
    pose = random.standard_normal((3, 4)).astype(np.float32)

    def reconstruct() -> object:
        shape = (coefficients @ basis + mean).reshape(count, 3)
        return shape @ pose[:, :3].T + pose[:, 3]

    latencies = {"numpy, threads as set": measure_latency(reconstruct, options)}
    tensors = [torch.from_numpy(array) for array in (basis, mean, coefficients, pose)]
    for threads, label in thread_counts():
        with torch_threads(threads):
            latencies[f"torch, {label}"] = measure_latency(lambda: _vertices(tensors), options)
    if torch.cuda.is_available():
        moved = [tensor.cuda() for tensor in tensors]

        def by_gpu() -> None:
            _vertices(moved)
            torch.cuda.synchronize()

        latencies["torch, GPU"] = measure_latency(by_gpu, options)
    return SpeedRow("vertices", f"{count} vertices", None, None, latencies, PUBLISHED["vertices", ""])


def time_alignment(options: TimingOptions) -> SpeedRow:
    """Pose, identity and expression of the built-in head from 68 landmarks of one face."""
    from synthgen.alignment.fit_landmarks import CameraModel, fit_landmarks, open_landmark_fitter
    from synthgen.morphable.open_model import open_model
    from synthgen.morphable.template import evaluate_points
    from synthgen.recipe.sections import ProceduralModel

    model = open_model(ProceduralModel())
    fitter = open_landmark_fitter(model)
    points = evaluate_points(model.template.landmarks["ibug68"], model.template.triangles, model.mean)
    shown = (points[:, :2] * (1.0, -1.0) + 225.0)[None].astype(np.float64)
    camera, sizes = CameraModel("scaled_orthographic"), np.full((1, 2), 450)
    latencies = {
        "one face": measure_latency(lambda: fit_landmarks(fitter, shown, sizes, camera), options),
    }
    return SpeedRow("alignment to landmarks", "68 points", None, None, latencies)


def thread_counts() -> list[tuple[int, str]]:
    """One thread, and all that this process may use where that is more."""
    every = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return [(1, "1 thread"), *([(every, f"{every} threads")] if every > 1 else [])]


class torch_threads:
    """Within it, torch has so many threads."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __enter__(self) -> None:
        self._before = torch.get_num_threads()
        torch.set_num_threads(self._count)

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self._before)


def speed_rows(
    methods: tuple[str, ...],
    sizes: tuple[str, ...],
    options: TimingOptions,
    onnx: bool,
    told: Callable[[str], None] = lambda text: None,
) -> Iterator[SpeedRow]:
    """One row after the other: networks, then vertices and alignment. told: what is being timed.

    Raises UsageError for a network that there is not, before anything is timed.
    """
    check_names(methods, sizes)
    for method in methods:
        for size in sizes:
            yield time_network(method, size, options, onnx, told)
    told("vertices")
    yield time_vertices(options)
    told("alignment")
    yield time_alignment(options)


def speed_result(rows: Sequence[SpeedRow]) -> Result:
    """The rows as numbers that the papers' tables have a place for: "tddfa_v2/paper", "ONNX Runtime, 1 thread, p50"."""
    numbers = []
    for row in rows:
        variant = f"{row.name}/{row.size.split(',')[0]}"
        for metric, count in (("parameters", row.parameters), ("MACs", row.multiply_adds)):
            if count is not None:
                numbers.append(Number(variant, metric, count / 1e6, "M"))
        for label, latency in row.latencies.items():
            for metric, value in (("p50", latency.median), ("p90", latency.p90), ("p99", latency.p99)):
                numbers.append(Number(variant, f"{label}, {metric}", value, "ms", count=latency.calls))
    return Result("speed", "Parameters, multiply-adds and latency of one picture", tuple(numbers))


def _vertices(tensors: list[torch.Tensor]) -> torch.Tensor:
    basis, mean, coefficients, pose = tensors
    return (coefficients @ basis + mean).view(-1, 3) @ pose[:, :3].T + pose[:, 3]


def _on_gpu(forward: nn.Module, inputs: tuple[torch.Tensor, ...], options: TimingOptions) -> Latency:
    forward = forward.cuda()
    moved = tuple(tensor.cuda() for tensor in inputs)

    def call() -> None:
        forward(*moved)
        torch.cuda.synchronize()

    with torch.no_grad():
        latency = measure_latency(call, options)
    forward.cpu()
    return latency


def _by_onnx(forward: nn.Module, inputs: tuple[torch.Tensor, ...], options: TimingOptions) -> dict[str, Latency]:
    import warnings

    import onnxruntime

    names = [f"input{number}" for number in range(len(inputs))]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter warns of its own future
            program = torch.onnx.export(forward, inputs, dynamo=True, input_names=names, verbose=False)
        assert program is not None
        program.save(str(file))
        latencies = {}
        for threads, label in thread_counts():
            session_options = onnxruntime.SessionOptions()
            session_options.intra_op_num_threads = threads
            session_options.log_severity_level = 3
            session = onnxruntime.InferenceSession(str(file), session_options, providers=["CPUExecutionProvider"])
            given = {entry.name: tensor.numpy() for entry, tensor in zip(session.get_inputs(), inputs, strict=True)}
            call = partial(session.run, None, given)
            latencies[f"ONNX Runtime, {label}"] = measure_latency(call, options)
    return latencies
