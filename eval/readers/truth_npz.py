"""Annotated faces as arrays, for benchmarks whose own file format is not public, and for anybody's own data."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from eval.predictions import MOST_BYTES, sample_id
from eval.readers.pictures import picture_of
from eval.truth import Truth, new_truth
from synthgen.core.bounded_file import open_regular
from synthgen.core.errors import AssetError
from synthgen.core.npz import read_npz

KEYS = (
    "points (N, K, 2 or 3), ids (N,) of text, and if you like visible (N, K), boxes (N, 4), yaw_deg (N,), videos (N,) "
    "of text, first_pixel (0 when it is missing), and pictures in the folder of the file, called like the ids"
)


def read_truth_npz(path: Path, scheme: str, count: int | None = None) -> Truth:
    """The faces of an .npz file with the arrays KEYS; NaN marks points that are not annotated.

    count: of points for each face, None for any. Raises AssetError for a file of something else.
    """
    try:
        with open_regular(path) as file:
            arrays = read_npz(file, lambda name, shape, dtype: None, MOST_BYTES, compressed=True)
    except OSError as error:
        raise AssetError(f"{path}: the file cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise AssetError(f"{path}: {error}; expected an .npz file with {KEYS}") from error
    for key in ("points", "ids"):
        if key not in arrays:
            raise AssetError(f"{path}: no array {key!r}; expected {KEYS}")
    points = _numbers(path, arrays, "points")
    if points.ndim != 3 or points.shape[2] not in (2, 3) or count not in (None, points.shape[1]):
        wanted = f"(N, {count or 'K'}, 2 or 3)"
        raise AssetError(f"{path}: points have the shape {points.shape}, expected {wanted}")
    total = len(points)
    first = float(_numbers(path, arrays, "first_pixel").ravel()[0]) if "first_pixel" in arrays else 0.0
    points = points.copy()
    points[..., :2] += 0.5 - first
    ids = [sample_id(name) for name in _texts(path, arrays, "ids", total)]
    boxes = _shaped(path, arrays, "boxes", (total, 4))
    visible = _shaped(path, arrays, "visible", points.shape[:2])
    truth = new_truth(
        scheme,
        ids,
        points,
        str(path),
        None if visible is None else visible != 0,
        None if boxes is None else boxes + (0.5 - first),
        [picture_of(path.parent, name) for name in ids],
    )
    yaw = _shaped(path, arrays, "yaw_deg", (total,))
    videos = tuple(_texts(path, arrays, "videos", total)) if "videos" in arrays else ()
    return replace(truth, yaw_deg=truth.yaw_deg if yaw is None else yaw, videos=videos)


def _numbers(path: Path, arrays: dict[str, Any], key: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    if arrays[key].dtype.kind not in "fiub":
        raise AssetError(f"{path}: {key} has the type {arrays[key].dtype}, expected numbers")
    return np.asarray(arrays[key].astype(np.float64))


def _shaped(
    path: Path, arrays: dict[str, Any], key: str, shape: tuple[int, ...]
) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    if key not in arrays:
        return None
    values = _numbers(path, arrays, key)
    if values.shape != shape:
        raise AssetError(f"{path}: {key} has the shape {values.shape}, expected {shape}")
    return values


def _texts(path: Path, arrays: dict[str, Any], key: str, count: int) -> list[str]:
    values = arrays[key]
    if values.dtype.kind != "U" or values.shape != (count,):
        raise AssetError(
            f"{path}: {key} has the shape {values.shape} and type {values.dtype}, expected ({count},) text"
        )
    return [str(value) for value in values]
