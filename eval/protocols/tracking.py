"""Deformable tracking on a dataset of kind video: an aligner started from the mean shape, from a network, or warm."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.matching import MISSING_ERROR
from eval.metrics import areas, box_size, failures, mean_error, offset_error, points_box
from eval.protocol import Number, Protocol, Request, Result, SampleErrors
from eval.scoring import Measure, Variant, numbers_of
from eval.statistics import mean_of
from eval.tracking import Aligner, Floats, Mode, Starter, track, unaligned
from synthgen.core.errors import UsageError
from synthgen.dataset.layout import frame_prefix
from synthgen.dataset.reader import Dataset, open_dataset

NAME = "tracking"
TITLE = "Deformable tracking: an aligner from the mean shape, from a dense network, and warm-started"
FAILED = 0.1
NOTES = (
    "The box is that of the true landmarks, of the first frame for warm starts and of every frame otherwise: what a "
    "perfect detector would say.",
    "NME over the root of the area of the true box of each frame; a frame is lost when it exceeds 10 %; stability is "
    "the NME of the movement between adjacent frames (tddfa_v2 section 3.1).",
)


def run(request: Request) -> Result:
    """Errors of every combination of start and mode, frame by frame."""
    dataset = open_dataset(request.data)
    if dataset.recipe["kind"] != "video":
        raise UsageError(f"{request.data} is of kind {dataset.recipe['kind']}; tracking needs kind video")
    if "frame0_landmarks_2d" not in dataset.array_names:
        raise UsageError(f"{request.data} has no landmarks_2d; add it to the labels of its recipe")
    mean, aligners = _aligners(request.options.get("aligner"))
    network = _network_starter(request.model, dataset) if request.model is not None else None
    kinds: dict[str, tuple[str, Mode]] = {
        "mean shape, per frame": ("box", "per frame"),
        "mean shape, warm": ("box", "warm"),
    }
    if network is not None:
        kinds |= {"network, per frame": ("network", "per frame"), "network, warm": ("network", "warm")}
    names = ("image", "landmarks_2d")
    frames = range(dataset.layout.frames)
    seen = dataset.with_labels(*(frame_prefix(frame) + name for frame in frames for name in names))
    errors: dict[str, list[float]] = {kind: [] for kind in kinds}
    moves: dict[str, list[float]] = {kind: [] for kind in kinds}
    for clip in range(len(seen)):
        sample = seen[clip]
        truth = np.stack([sample[frame_prefix(frame) + "landmarks_2d"] for frame in frames]).astype(np.float64)
        pictures = [sample[frame_prefix(frame) + "image"] for frame in frames]
        size = box_size(points_box(truth))
        for kind, (start, mode) in kinds.items():
            in_box: Starter = partial(_in_box, mean, truth)
            starter = in_box if start == "box" or network is None else network
            found = track(pictures, aligners[start], starter, mode, placed_in_box(mean, truth[0]))
            finite = np.isfinite(found.points).all(axis=(1, 2))
            nme = np.where(finite, mean_error(found.points, truth, size), MISSING_ERROR)
            errors[kind] += nme.tolist()
            moves[kind].append(float(np.mean(offset_error(found.points, truth, size))))
    return _result(request, dataset, {kind: np.array(values) for kind, values in errors.items()}, moves)


def placed_in_box(mean: Floats, points: Floats) -> Floats:
    """(68, 2) px: a mean shape (68, 2) of any size, upright, in the box of points (68, 2)."""
    low, high = points.min(axis=0), points.max(axis=0)
    own = mean.min(axis=0), mean.max(axis=0)
    scale = (high - low).max() / (own[1] - own[0]).max()
    placed: Floats = (mean - (own[0] + own[1]) / 2) * scale + (low + high) / 2
    return placed


def _in_box(mean: Floats, truth: Floats, picture: NDArray[np.uint8], frame: int) -> Floats:
    return placed_in_box(mean, truth[frame])


def _aligners(path: str | None) -> tuple[Floats, dict[str, Aligner]]:
    """Mean shape, and the aligner for each kind of start: those of a cascade, or ones that do nothing."""
    if path is None:
        raise UsageError(
            "give --set aligner=FOLDER of python -m training cascade, or --set aligner=none for the starts alone"
        )
    if path == "none":
        from eval.mean_face_target import mean_face_target
        from synthgen.recipe.sections import ProceduralModel

        return mean_face_target(ProceduralModel(), (128, 128)).landmarks, {"box": unaligned, "network": unaligned}
    from training.cascade.store import load_cascades

    cascades = load_cascades(Path(path))
    near = next((name for name in cascades if name != "box"), "box")
    chosen = {"box": cascades.get("box", cascades[near]), "network": cascades[near]}
    shapes = next(iter(cascades.values())).shapes
    return shapes.mean, {start: partial(_refined, cascade) for start, cascade in chosen.items()}


def _refined(cascade: Any, picture: NDArray[np.uint8], start: Floats) -> Floats:
    from training.cascade.descriptors import grey

    refined: Floats = cascade.refine(grey(picture[None]), start[None])[-1, 0]
    return refined


def _network_starter(path: Path, dataset: Dataset) -> Starter:
    from eval.benchmark_model import BenchmarkModel
    from eval.networks import open_network
    from synthgen.recipe.schema import Recipe

    model = BenchmarkModel(open_network(path), Recipe.model_validate(dataset.recipe).model)
    if model.network.card.needs_landmarks:
        raise UsageError(f"{model.network.card.method} takes landmarks; tracking starts from a network that finds them")

    def start(picture: NDArray[np.uint8], frame: int) -> Floats | None:
        found = model.on_images([picture], [np.zeros((68, 2))])[0].get("landmarks_2d")
        return None if found is None else np.asarray(found, np.float64)

    return start


def _result(
    request: Request, dataset: Dataset, errors: dict[str, NDArray[np.float64]], moves: dict[str, list[float]]
) -> Result:
    frames = dataset.layout.frames
    tag = f"[{dataset.fingerprint[:12]} x {len(dataset)}]"
    clips = [str(dataset.sample_index(clip)) for clip in range(len(dataset))]
    ids = tuple(f"{clip}/{frame}" for clip in clips for frame in range(frames))
    clusters = tuple(clip for clip in clips for _ in range(frames))
    numbers: list[Number] = []
    curves = []
    for kind, values in errors.items():
        name = f"{kind} {tag}"
        measures = (
            Measure("NME of 68 points", "%", mean_of(values), len(values)),
            Measure("AUC10", "", mean_of(areas(values, FAILED)), len(values), 1.0),
            Measure("lost frames", "%", mean_of(failures(values, FAILED)), len(values)),
        )
        numbers += numbers_of(Variant(name, ids, values, measures, clusters=clusters), request.resamples)
        numbers.append(Number(name, "stability", 100 * float(np.mean(moves[kind])), "%", count=len(moves[kind])))
        curves.append(SampleErrors(name, ids, 100 * values, clusters=clusters))
    return Result(NAME, TITLE, tuple(numbers), tuple(curves), NOTES)


PROTOCOL = Protocol(
    NAME,
    TITLE,
    "folder of a dataset of kind video with landmarks_2d, such as of recipes/tddfa_v2/short_video.yaml",
    "none: give --model, a network whose landmarks start the aligner (dfc, densereg, anisotropic, tddfa_v2)",
    run,
    {"aligner": "folder of python -m training cascade, or none for the starts alone"},
    takes_predictions=False,
    takes_points=False,
)
