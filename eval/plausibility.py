"""Predictions in other coordinates than the truth's: found before they are scored, with a hint of what they are."""

import numpy as np
from numpy.typing import NDArray

from eval.metrics import box_size, points_box
from synthgen.core.errors import UsageError

Array = NDArray[np.float64]

# Wrong by more than this fraction of the face, and better by half in other axes, is no bad method but other axes.
_SUSPICIOUS, _MUCH_BETTER = 0.05, 0.5
_AXES = (
    ("x and y are exchanged: store x first", lambda p: p[..., ::-1]),
    ("y runs upward: flip it, y down is expected", lambda p: p * np.array([1.0, -1.0])),
    ("left and right are exchanged: the picture or the order of the points is mirrored",
     lambda p: p * np.array([-1.0, 1.0])),
)  # fmt: skip
_FIRST_PIXELS = (0.5, 1.0)


def check_plausible(predicted: Array, truth: Array, used: NDArray[np.bool_], where: str) -> tuple[str, ...]:
    """Notes on what looks like another first pixel.

    predicted, truth: (N, K, 2) our pixels; used: (N, K) points that count.
    Raises UsageError when most faces would fit much better with x and y exchanged, y upward, mirrored, or in another
    unit than pixels.
    """
    rows = used.sum(axis=1) >= 3
    if not rows.any():
        return ()
    predicted, truth, used = predicted[rows], np.nan_to_num(truth[rows]), used[rows]
    size = box_size(points_box(truth, used), "diagonal")
    _check_unit(predicted, truth, used, where)
    plain = _centred_error(predicted, truth, used, size)
    for hint, turn in _AXES:
        turned = _centred_error(turn(predicted), truth, used, size)
        if plain > _SUSPICIOUS and turned < _MUCH_BETTER * plain:
            raise UsageError(
                f"{where}: points are {100 * plain:.3g} % of the face from their places (median, after centring), but "
                f"{100 * turned:.3g} % if {hint}"
            )
    return _shift_note(predicted, truth, used, size)


def check_depth_sign(predicted: Array, truth: Array, where: str) -> None:
    """Raises UsageError when most faces' z (N, K) runs the other way than the truth's."""
    first = predicted - predicted.mean(axis=1, keepdims=True)
    second = truth - truth.mean(axis=1, keepdims=True)
    if np.median((first * second).sum(axis=1)) < 0:
        raise UsageError(f"{where}: z runs the other way than the truth's: larger z is nearer to the viewer, in pixels")


def _check_unit(predicted: Array, truth: Array, used: NDArray[np.bool_], where: str) -> None:
    extents = [float(np.median(box_size(points_box(points, used), "diagonal"))) for points in (predicted, truth)]
    if not 0.1 < extents[0] / extents[1] < 10.0:
        largest = float(np.abs(predicted).max())
        hint = " (they look like fractions of the picture)" if largest <= 2.0 else ""
        raise UsageError(
            f"{where}: faces are {extents[0]:.3g} wide and high, the annotated ones {extents[1]:.3g} px: expected "
            f"pixels of the whole picture{hint}"
        )


def _centred_error(predicted: Array, truth: Array, used: NDArray[np.bool_], size: Array) -> float:
    weight = used[..., None] / used.sum(axis=1)[:, None, None]
    difference = predicted - truth
    difference = difference - (difference * weight).sum(axis=1, keepdims=True)
    return float(np.median((np.linalg.norm(difference, axis=2) * weight[..., 0]).sum(axis=1) / size))


def _shift_note(predicted: Array, truth: Array, used: NDArray[np.bool_], size: Array) -> tuple[str, ...]:
    """What to say of a shift that both axes share, as another first pixel makes it."""
    shift = np.median((predicted - truth)[used], axis=0)
    note = f"Median offset of the points: ({shift[0]:+.2f}, {shift[1]:+.2f}) px."
    for first in _FIRST_PIXELS:
        for sign in (1.0, -1.0):
            if np.abs(shift - sign * first).max() < 0.15:
                percent = 100.0 * float(np.median(np.hypot(*shift) / size))
                note += (
                    f" That is what another first pixel looks like ({percent:.2g} % of the diagonal): check "
                    "--first-pixel."
                )
    return (note,)
