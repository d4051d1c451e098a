"""The user's own list of the 68 landmark vertices, for models that come without one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.bounded_file import read_bounded
from synthgen.core.errors import ModelError
from synthgen.core.limits import MOST_LANDMARK_FILE_BYTES

HOW_TO = (
    'put a file landmarks.json beside the model: {"index_base": 0, "ibug68": [68 vertex numbers in the order of iBUG]}'
)


def find_landmark_file(model: Path) -> Path | None:
    """`<model>.landmarks.json` or `landmarks.json` in the folder of a model file, the first that exists."""
    for name in (f"{model.stem}.landmarks.json", "landmarks.json"):
        if (model.parent / name).is_file():
            return model.parent / name
    return None


def read_landmark_file(path: Path, vertex_count: int) -> NDArray[np.int64]:
    """(68,) vertices, 0-based, of a file {"index_base": 0 or 1, "ibug68": [...]}. Raises ModelError."""
    try:
        content: Any = json.loads(read_bounded(path, MOST_LANDMARK_FILE_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(content, dict) or content.get("index_base") not in (0, 1):
        raise ModelError(f'{path}: expected "index_base": 0 or 1, the number of the first vertex')
    rows = content.get("ibug68")
    if not isinstance(rows, list) or len(rows) != 68 or any(type(row) is not int for row in rows):
        found = len(rows) if isinstance(rows, list) else "none"
        raise ModelError(f'{path}: expected "ibug68": a list of 68 whole numbers, found {found}')
    base = int(content["index_base"])
    for point, row in enumerate(rows):
        if not base <= row < vertex_count + base:
            raise ModelError(
                f'{path}: "ibug68" names vertex {row} for point {point}, expected {base} to {vertex_count - 1 + base}'
            )
    if len(set(rows)) < 68:
        raise ModelError(f'{path}: "ibug68" names a vertex twice')
    return np.array(rows, np.int64) - base
