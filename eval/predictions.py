"""Predictions of any system: NPZ, NPY or CSV."""

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.protocol import FIRST_PIXELS
from synthgen.asset_io.images import IMAGE_SUFFIXES
from synthgen.core.bounded_file import open_regular
from synthgen.core.errors import AssetError
from synthgen.core.npz import read_npy, read_npz

Array = NDArray[np.float64]

MOST_BYTES = 8 << 30
KEYS = "points (N, K, 2 or 3), ids (N,) of text, and if you like boxes (N, 4) and first_pixel"
_SHAPES = {"points": 3, "ids": 1, "boxes": 2, "first_pixel": 0}


@dataclass(frozen=True)
class Predictions:
    """ids: of the samples without the suffix of a picture, None when they come in the benchmark's order; points:
    (N, K, D) as stored; boxes: (N, 4) left, top, right, bottom of the boxes they were made from, None without;
    first_pixel: what the file gives to the centre of the first pixel, None when it does not say; where: the file."""

    ids: tuple[str, ...] | None
    points: Array
    boxes: Array | None
    first_pixel: float | None
    where: str


def read_predictions(path: Path) -> Predictions:
    """The predictions of a file: .npz with `points` and `ids`, .npy with points in the benchmark's order, or .csv with
    the columns id, x0, y0 (, z0), x1, ...

    Raises AssetError when it is none of them, or holds an id twice.
    """
    readers = {".npz": _read_npz, ".npy": _read_npy, ".csv": _read_csv}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise AssetError(f"{path}: predictions are a .npz file with {KEYS}, a .npy file, or a .csv file")
    try:
        found = reader(path)
    except OSError as error:
        raise AssetError(f"{path}: the file cannot be read ({error.strerror or error})") from error
    except (ValueError, csv.Error) as error:
        raise AssetError(f"{path}: {error}") from error
    shape = found.points.shape
    if found.points.ndim != 3 or shape[2] not in (2, 3):
        turned = found.points.ndim == 3 and shape[1] in (2, 3)
        hint = "; turn it: points.transpose(0, 2, 1)" if turned else ""
        raise AssetError(f"{path}: points have the shape {shape}, expected (N, K, 2) or (N, K, 3){hint}")
    _check_ids(found)
    return found


def sample_id(text: str) -> str:
    """An id without the suffix of a picture and a leading ./"""
    plain = text.strip().replace("\\", "/").removeprefix("./")
    suffix = PurePosixPath(plain).suffix
    return plain[: -len(suffix)] if suffix.lower() in (*IMAGE_SUFFIXES, ".mat", ".pts") else plain


def _check_ids(found: Predictions) -> None:
    if found.ids is None:
        return
    if len(found.ids) != len(found.points):
        raise AssetError(f"{found.where}: {len(found.ids)} ids for {len(found.points)} faces")
    if len(set(found.ids)) < len(found.ids):
        doubles = [name for name, times in Counter(found.ids).items() if times > 1]
        raise AssetError(
            f"{found.where}: {len(doubles)} ids occur more than once, such as {doubles[0]}; "
            "expected one prediction for each face"
        )


def _read_npz(path: Path) -> Predictions:
    def judge(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        if name in _SHAPES and dtype.kind not in ("U" if name == "ids" else "fiu"):
            hint = " (save them with dtype=str)" if name == "ids" else ""
            raise ValueError(f"the array {name} has the type {dtype}{hint}; expected {KEYS}")

    with open_regular(path) as file:
        arrays = read_npz(file, judge, MOST_BYTES, compressed=True)
    if "points" not in arrays:
        raise ValueError(f"no array `points` among {', '.join(arrays) or 'nothing'}; expected {KEYS}")
    ids = tuple(sample_id(str(name)) for name in arrays["ids"].ravel()) if "ids" in arrays else None
    boxes = arrays["boxes"].astype(np.float64) if "boxes" in arrays else None
    if boxes is not None and boxes.shape != (len(arrays["points"]), 4):
        raise ValueError(f"boxes have the shape {boxes.shape}, expected ({len(arrays['points'])}, 4)")
    first = None
    if "first_pixel" in arrays:
        stored = arrays["first_pixel"].ravel().tolist()
        if len(stored) != 1 or stored[0] not in FIRST_PIXELS:
            wanted = ", ".join(f"{one:g}" for one in FIRST_PIXELS)
            raise ValueError(f"first_pixel is {stored[:3]}, expected one number of {wanted}")
        first = float(stored[0])
    return Predictions(ids, arrays["points"].astype(np.float64), boxes, first, str(path))


def _read_npy(path: Path) -> Predictions:
    with open_regular(path) as file:
        points = read_npy(file, MOST_BYTES)
    if points.dtype.kind not in "fiu":
        raise ValueError(f"values of type {points.dtype}, expected numbers (N, K, 2)")
    return Predictions(None, points.astype(np.float64), None, None, str(path))


def _read_csv(path: Path) -> Predictions:
    with open_regular(path) as raw:
        try:
            lines = raw.read(MOST_BYTES).decode("utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise ValueError(f"not a text file ({error})") from error
    rows = csv.reader(lines)
    head = [name.strip().lower() for name in next(rows, [])]
    depth = 3 if "z0" in head else 2
    axes = "xyz"[:depth]
    count = (len(head) - 1) // depth
    if head != ["id", *(f"{axis}{k}" for k in range(count) for axis in axes)] or not count:
        raise ValueError(f"its first line is {','.join(head[:4])}..., expected id,x0,y0,x1,y1,... or id,x0,y0,z0,...")
    ids, values = [], []
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        if len(row) != len(head):
            raise ValueError(f"line {number} has {len(row)} entries, the first one {len(head)}")
        try:
            values.append(np.array([cell or "nan" for cell in row[1:]]).astype(np.float64))
        except ValueError as error:
            raise ValueError(f"line {number}: an entry is not a number ({error})") from error
        ids.append(sample_id(row[0]))
    points = np.array(values).reshape(len(ids), count, depth)
    return Predictions(tuple(ids), points, None, None, str(path))
