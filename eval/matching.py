"""Predictions beside the faces that they are of, or a message that says what is wrong with them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from eval.predictions import Predictions
from eval.protocol import Missing
from eval.truth import Truth, selected
from synthgen.core.errors import AssetError, UsageError

Array = NDArray[np.float64]

OUR_FIRST_PIXEL = 0.5
# With `--missing fail` a face without a prediction has this error, as a fraction of its normaliser.
MISSING_ERROR = 1.0
_SHOWN = 5


@dataclass(frozen=True)
class Matched:
    """truth: the faces that are scored; points: (N, K, D) predicted, our pixels, any numbers where not found;
    found: (N,) whether there is a prediction; notes: for the result."""

    truth: Truth
    points: Array
    found: NDArray[np.bool_]
    notes: tuple[str, ...]


def match(
    predictions: Predictions,
    truth: Truth,
    counts: Sequence[int],
    missing: Missing | None,
    first_pixel: float,
    in_order: bool,
) -> Matched:
    """The predictions by face, in the order of the truth and in our pixels.

    counts: numbers of points that the protocol takes. first_pixel: of predictions that do not say themselves.
    Raises UsageError when faces lack a prediction and nobody chose what that means, AssetError for predictions with
    another number of points, with NaN, or of faces that are not in the benchmark.
    """
    _check_points(predictions, counts)
    rows = _rows(predictions, truth, in_order)
    found = rows >= 0
    notes = []
    if not found.all():
        notes.append(_missing_note(truth, found, missing, predictions.where))
        if missing == "exclude":
            truth, rows, found = selected(truth, found), rows[found], found[found]
    points = np.zeros((len(truth), *predictions.points.shape[1:]))
    points[found] = predictions.points[rows[found]]
    _check_finite(points, truth, predictions.where)
    stored = first_pixel if predictions.first_pixel is None else predictions.first_pixel
    points[..., :2] += OUR_FIRST_PIXEL - stored
    notes.append(f"Predictions give {stored:g} to the centre of the first pixel.")
    return Matched(truth, points, found, tuple(notes))


def with_boxes(truth: Truth, boxes: Array) -> Truth:
    """The truth with other given boxes."""
    return replace(truth, boxes=boxes)


def _check_points(predictions: Predictions, counts: Sequence[int]) -> None:
    points = predictions.points.shape[1]
    if points not in counts:
        wanted = " or ".join(str(count) for count in counts)
        raise AssetError(f"{predictions.where}: {points} points for each face, expected {wanted}")


def _rows(predictions: Predictions, truth: Truth, in_order: bool) -> NDArray[np.int64]:
    """(N,) the prediction of each face, -1 where there is none."""
    if predictions.ids is None:
        if not in_order:
            raise UsageError(
                f"{predictions.where} has no ids; add the array `ids`, or say --in-order if its faces are those of "
                f"{truth.where} in that order: {', '.join(truth.ids[:3])}, ..."
            )
        if len(predictions.points) != len(truth):
            raise AssetError(
                f"{predictions.where}: {len(predictions.points)} faces without ids, but {truth.where} has {len(truth)}"
            )
        return np.arange(len(truth))
    number = {name: row for row, name in enumerate(predictions.ids)}
    rows = np.array([number.get(name, -1) for name in truth.ids], np.int64)
    unknown = sorted(set(predictions.ids) - set(truth.ids))
    if unknown:
        raise AssetError(
            f"{predictions.where}: {len(unknown)} of {len(predictions.ids)} ids are no face of {truth.where}: "
            f"{', '.join(unknown[:_SHOWN])}; its ids are like {', '.join(truth.ids[:3])}"
        )
    return rows


def _missing_note(truth: Truth, found: NDArray[np.bool_], missing: Missing | None, where: str) -> str:
    names = [truth.ids[row] for row in np.flatnonzero(~found)]
    lacking = f"{len(names)} of {len(truth)} faces have no prediction"
    if missing is None:
        raise UsageError(
            f"{where}: {lacking}: {', '.join(names[:_SHOWN])}{', ...' if len(names) > _SHOWN else ''}; "
            f"choose --missing fail (each counts with an error of {100 * MISSING_ERROR:g} % of its normaliser and as a "
            "failure) or --missing exclude (they are left out, which makes most numbers better)"
        )
    if missing == "exclude":
        if not found.any():
            raise AssetError(f"{where}: no face of {truth.where} has a prediction")
        return f"{lacking} and are left out: not comparable with results on all faces."
    return f"{lacking}; each counts with an error of {100 * MISSING_ERROR:g} % and as a failure."


def _check_finite(points: Array, truth: Truth, where: str) -> None:
    wrong = np.flatnonzero(~np.isfinite(points).all(axis=(1, 2)))
    if len(wrong):
        names = ", ".join(truth.ids[row] for row in wrong[:_SHOWN])
        raise AssetError(
            f"{where}: {len(wrong)} faces have coordinates that are NaN or infinite: {names}; leave such faces out of "
            "the file and choose --missing fail or exclude"
        )
