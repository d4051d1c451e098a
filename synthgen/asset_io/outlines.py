"""COCO outlines as masks: polygons, and run lengths plain or packed.

pycocotools allocates whatever a run-length outline claims, leaves unset what its runs do not reach, and follows
polygons pixel by pixel; so runs are read here, and polygons judged before they are handed over.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.limits import MOST_OUTLINE_PX

Mask = NDArray[np.uint8]


def outline_mask(outline: Any, height: int, width: int) -> Mask:
    """(H, W) uint8, 1 within a COCO `segmentation`. Raises ValueError when it is none of a picture of this size."""
    if isinstance(outline, list):
        return _polygon_mask(outline, height, width)
    if not isinstance(outline, dict) or not {"size", "counts"} <= outline.keys():
        raise ValueError("neither polygons nor run lengths with `size` and `counts`")
    if outline["size"] != [height, width]:
        size = str(outline["size"])[:40]
        raise ValueError(f"it is made for {size} pixels, its picture has [{height}, {width}]: another release?")
    counts = outline["counts"]
    runs = unpack_runs(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(type(run) is int and 0 <= run <= height * width for run in runs):
        raise ValueError("its run lengths are not whole numbers within the picture")
    if sum(runs) != height * width:
        raise ValueError(f"its runs have {sum(runs)} pixels, the picture {height * width}")
    flat = np.repeat((np.arange(len(runs)) % 2).astype(np.uint8), runs)
    return flat.reshape(width, height).T  # COCO counts down the columns


def unpack_runs(text: str) -> list[int]:
    """Run lengths of COCO's packed form: five bits a character, lowest first, from the third run on as the difference
    to the run before the last. Raises ValueError for anything else."""
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError("its packed run lengths are damaged")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    if shift:
        raise ValueError("its packed run lengths end early")
    return runs


def _polygon_mask(polygons: Sequence[Any], height: int, width: int) -> Mask:
    from pycocotools import mask as coco_mask

    length = 0.0
    for polygon in polygons:
        length += _polygon_length(polygon, height, width)
        if length > MOST_OUTLINE_PX:
            raise ValueError(f"its polygons are longer than {MOST_OUTLINE_PX} pixels")
    if not polygons:
        raise ValueError("it has no polygon")
    with warnings.catch_warnings():
        # pycocotools' arrays do not know the copy argument of NumPy 2; what they hold is right.
        warnings.simplefilter("ignore", DeprecationWarning)
        mask: Mask = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, height, width)))
    return mask


def _polygon_length(polygon: Any, height: int, width: int) -> float:
    """Steps along a polygon, px. Raises ValueError for polygons that pycocotools would follow for ever."""
    try:
        points = np.array(polygon, np.float64)
    except (TypeError, OverflowError) as error:
        raise ValueError("a polygon holds something else than numbers") from error
    if points.ndim != 1 or len(points) < 6 or len(points) % 2:
        raise ValueError("a polygon is not a list of at least three x, y")
    slack = max(height, width)  # annotators overshoot the border by a few pixels
    inside = (points >= -slack) & (points <= slack + np.tile([width, height], len(points) // 2))
    if not inside.all():  # NaN is not inside either
        raise ValueError(f"a polygon holds {points[~inside][0]:g}, far outside {height} x {width} pixels")
    corners = points.reshape(-1, 2)
    return float(np.abs(corners - np.roll(corners, 1, axis=0)).max(axis=1).sum())
