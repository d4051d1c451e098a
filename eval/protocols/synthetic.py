"""The frozen synthetic benchmark: recipes/benchmark.yaml and recipes/benchmark_pairs.yaml, or any dataset like them."""

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from eval.benchmark_bins import IMAGE_AXES, PAIR_AXES, image_values, pair_values
from eval.benchmark_drawing import draw_image, draw_pair
from eval.benchmark_numbers import benchmark_result
from eval.benchmark_run import FileSource, Source, collect_scores, without_missing
from eval.benchmark_scores import FLOW_METRICS, IMAGE_METRICS, NEEDED, score_image, score_pair
from eval.matching import MISSING_ERROR
from eval.plane_predictions import PlanePredictions, check_numbers, load_plane_predictions
from eval.plausibility import check_plausible
from eval.protocol import Protocol, Request, Result
from synthgen.core.errors import UsageError
from synthgen.dataset.reader import Dataset, open_dataset
from synthgen.recipe.schema import Recipe

NAME = "synthetic"
TITLE = "Synthetic benchmark: exact labels, by yaw, light, occlusion and expression"
FINGERPRINT_DIGITS = 12
HEADLINE = ("landmarks", "landmarks_visible", "uv_median", "depth", "normals", "pose_geodesic", "flow", "flow_affine")
_IMAGE_LABELS = ("image", "uv", "parts", "depth", "normals", "occluder_mask", "amodal_mask", "landmarks_2d",
                 "landmarks_visibility", "camera_from_world")  # fmt: skip
_PAIR_LABELS = ("source_image", "target_image", "flow", "matchability")
# What a sample without a prediction counts with --missing fail; errors of depth and flow have no worst value.
_ANGLES = [name for name in IMAGE_METRICS if name.startswith("pose") or name == "normals"]
WORST = {
    **dict.fromkeys(("landmarks", "landmarks_visible", "landmarks_contour"), MISSING_ERROR),
    "uv_median": 1.0,
    "uv_mean": 1.0,
    "uv_near": 0.0,
    "uv_area": 0.0,
    **dict.fromkeys(("depth_covered", "normals_covered"), 0.0),
    **dict.fromkeys(_ANGLES, 180.0),
}


def run(request: Request) -> Result:
    """Scores of predictions, or of a network, on a dataset of kind `images` or `pairs`."""
    dataset = open_dataset(request.data)
    kind = dataset.recipe["kind"]
    if kind not in ("images", "pairs"):
        raise UsageError(f"{request.data} is of kind {kind}; this protocol scores images and pairs")
    policy = request.options.get("policy", "dfc")
    if kind == "pairs":
        return _run_pairs(request, dataset, policy)
    return _run_images(request, dataset)


def _run_images(request: Request, dataset: Dataset) -> Result:
    source = open_source(request, dataset)
    wanted = set(_IMAGE_LABELS) | {"landmarks_2d_contour"}
    seen = dataset.with_labels(*(name for name in dataset.array_names if name in wanted))
    lacking = sorted(set(_IMAGE_LABELS) - set(seen.array_names))
    if lacking:
        raise UsageError(f"{request.data} lacks the labels {', '.join(lacking)}; recipes/benchmark.yaml stores them")
    light = str(dataset.recipe["light"]["source"])
    scores = collect_scores(seen, source, score_image, partial(image_values, light_source=light))
    scores, notes = without_missing(scores, request.missing, WORST)
    named = fingerprint(dataset)
    result = benchmark_result((NAME, TITLE), scores, IMAGE_METRICS, HEADLINE, IMAGE_AXES, named, request.resamples)
    notes = [_dataset_note(dataset), *notes, *_model_notes(request, source)]
    return replace(result, notes=(*notes, *_coverage_notes(source)), draw=partial(_draw, seen, source))


def _run_pairs(request: Request, dataset: Dataset, policy: str) -> Result:
    source = open_source(request, dataset)
    seen = dataset.with_labels(*_PAIR_LABELS)
    score = partial(score_pair, policy=policy)
    scores = collect_scores(seen, source, score, lambda row, sample: pair_values(row))
    scores, notes = without_missing(scores, request.missing, WORST)
    named = fingerprint(dataset)
    result = benchmark_result((NAME, TITLE), scores, FLOW_METRICS, HEADLINE, PAIR_AXES, named, request.resamples)
    told = (
        f"Matchability by the policy {policy}: mean over pairs of each pair's mean end-point error; IoU of all pixels."
    )
    return replace(result, notes=(_dataset_note(dataset), told, *notes), draw=partial(_draw, seen, source))


def open_source(request: Request, dataset: Dataset) -> Source:
    """The predictions of a request. Raises UsageError unless it names one source whose arrays fit the dataset."""
    pairs = dataset.recipe["kind"] == "pairs"
    if (request.predictions is None) == (request.model is None):
        raise UsageError("give one of --predictions FILE and --model CKPT_OR_ONNX")
    if request.predictions is not None:
        where = str(request.predictions)
        predictions = load_plane_predictions(request.predictions, dataset.layout.size)
        check_numbers(where, predictions, [dataset.sample_index(position) for position in range(len(dataset))])
        source: Source = FileSource(predictions)
        usable = {"flow", "matchability"} if pairs else set(NEEDED) | {"parts"}
        if not usable & set(source.names) or (pairs and set(source.names) - usable):
            raise UsageError(
                f"{request.predictions} holds {', '.join(source.names)}; a dataset of kind {dataset.recipe['kind']} is "
                f"scored on {', '.join(sorted(usable))}"
            )
        if "landmarks_2d" in source.names:
            _check_landmarks(where, predictions, dataset)
        return source
    assert request.model is not None
    # Torch, which scoring a file does not need.
    from eval.benchmark_model import BenchmarkModel, ModelSource
    from eval.networks import open_network

    section = Recipe.model_validate(dataset.recipe).model
    return ModelSource(BenchmarkModel(open_network(request.model), section), pairs)


def _check_landmarks(where: str, predictions: PlanePredictions, dataset: Dataset) -> None:
    """Raise UsageError for landmarks in other axes or another unit."""
    positions = {dataset.sample_index(position): position for position in range(len(dataset))}
    seen = dataset.with_labels("landmarks_2d")
    true = np.stack([seen[positions[number]]["landmarks_2d"] for number in predictions.numbers]).astype(np.float64)
    check_plausible(predictions.stacked("landmarks_2d"), true, np.ones(true.shape[:2], bool), where)


def fingerprint(dataset: Dataset) -> str:
    """How a dataset is named in every number: its fingerprint says what a sample is, the count how many there are."""
    return f"[{dataset.fingerprint[:FINGERPRINT_DIGITS]} x {len(dataset)}]"


def _draw(dataset: Dataset, source: Source, name: str) -> NDArray[np.uint8]:
    position = dataset.position_of(int(name))
    sample = dataset[position]
    predicted = source.of([int(name)], [sample])[0]
    return (draw_pair if "flow" in sample else draw_image)(sample, predicted)


def _dataset_note(dataset: Dataset) -> str:
    height, width = dataset.layout.size
    return f"Dataset {dataset.fingerprint}: {len(dataset)} samples, {height} x {width} px."


def _model_notes(request: Request, source: Source) -> list[str]:
    if request.model is None:
        return []
    notes = ["The network sees the whole picture, resized; what it says is brought back to the picture's pixels."]
    card = source.card
    if card.needs_landmarks:
        notes.append(f"{card.method} is given the true landmarks, where its paper gives those of a detector.")
    if card.method == "dfc":
        notes.append("dfc's landmarks and template coordinates are those where its flow to the mean face ends.")
    return notes


def _coverage_notes(source: Source) -> list[str]:
    if not {"depth", "normals"} & set(source.names):
        return []
    return ["Depth and normals are compared where both are there; how much of the face that is stands beside them."]


PROTOCOL = Protocol(
    NAME,
    TITLE,
    "folder of a dataset: recipes/benchmark.yaml or recipes/benchmark_pairs.yaml",
    "NPZ of arrays named like labels: landmarks_2d, uv, parts, depth, normals, rotation or parameters_62; for pairs "
    "flow and matchability; ids are sample numbers",
    run,
    {"policy": "which reason codes match, dfc (default) or visible"},
    takes_points=False,
)
