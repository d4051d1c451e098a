"""What the landmark protocols share: predictions of a file or a model, checked, and the result's common parts."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from eval.landmark_drawing import draw_face
from eval.matching import MISSING_ERROR, Matched, match
from eval.plausibility import check_plausible
from eval.predictions import Predictions, read_predictions
from eval.protocol import Request, Result
from eval.scoring import Variant, errors_of, numbers_of
from eval.truth import Truth
from synthgen.core.errors import UsageError

Array = NDArray[np.float64]


def predicted_faces(request: Request, truth: Truth, counts: Sequence[int] = ()) -> Matched:
    """The predictions of the request by face.

    counts: numbers of points that are taken, the truth's by default. Raises SynthgenError as `match` and
    `check_plausible` do, and UsageError unless the request names predictions or a model.
    """
    counts = counts or (truth.points.shape[1],)
    predictions, notes = _predictions(request, truth)
    matched = match(predictions, truth, counts, request.missing, request.first_pixel, request.in_order)
    matched = replace(matched, notes=(*notes, *matched.notes))
    if matched.points.shape[1] == truth.points.shape[1]:
        return plausible(matched, request)
    return matched


def plausible(matched: Matched, request: Request) -> Matched:
    """The same with notes on coordinates. Raises UsageError for predictions in other ones."""
    truth = matched.truth
    used = np.isfinite(truth.points).all(axis=2) & matched.found[:, None]
    where = str(request.predictions or request.model)
    notes = check_plausible(matched.points[..., :2], truth.points[..., :2], used, where)
    return replace(matched, notes=(*matched.notes, *notes))


def _predictions(request: Request, truth: Truth) -> tuple[Predictions, tuple[str, ...]]:
    if (request.predictions is None) == (request.model is None):
        raise UsageError("give one of --predictions FILE and --model CKPT_OR_ONNX")
    if request.predictions is not None:
        return read_predictions(request.predictions), ()
    from eval.model_predictions import predict_landmarks

    return predict_landmarks(request, truth)


def with_missing(errors: Array, matched: Matched) -> Array:
    """Errors (N,) with those of faces without a prediction, which count as failures."""
    return np.where(matched.found, errors, MISSING_ERROR)


def landmark_result(
    name: str, title: str, matched: Matched, variants: Sequence[Variant], request: Request, notes: Sequence[str] = ()
) -> Result:
    """The result of a landmark protocol; the first variant ranks the faces."""
    numbers = [number for variant in variants for number in numbers_of(variant, request.resamples)]
    return Result(
        protocol=name,
        title=title,
        numbers=tuple(numbers),
        errors=tuple(errors_of(variant) for variant in _different(variants)),
        notes=(*notes, *matched.truth.notes, *matched.notes),
        draw=partial(draw_face, matched),
    )


def _different(variants: Sequence[Variant]) -> list[Variant]:
    """The variants without those that only count the same errors in another way."""
    first: dict[int, Variant] = {}
    for variant in variants:
        first.setdefault(id(variant.errors), variant)
    return list(first.values())
