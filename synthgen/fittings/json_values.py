"""Values of JSON files that people write: strict about duplicates and types, exact about where something is wrong."""

import json
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.bounded_file import read_bounded
from synthgen.core.errors import AssetError
from synthgen.core.limits import MOST_FITTING_JSON_BYTES

Array = NDArray[np.float64]


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises AssetError when it cannot be read, is no JSON or has a key twice."""
    try:
        text = read_bounded(path, MOST_FITTING_JSON_BYTES).decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=_no_duplicates)
    except FileNotFoundError as error:
        raise AssetError(f"{path}: the file does not exist") from error
    except OSError as error:
        raise AssetError(f"{path}: the file cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise AssetError(f"{path}: not a valid JSON file ({error})") from error


def check_keys(value: Any, known: Collection[str], required: Collection[str], where: str) -> dict[str, Any]:
    """`value` as a mapping that has all `required` keys and only `known` ones. Raises AssetError otherwise."""
    if not isinstance(value, dict):
        raise AssetError(f"{where}: expected an object {{...}}, got {shown(value)}")
    for key in value:
        if key not in known:
            close = get_close_matches(key, known, 1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; expected {', '.join(sorted(known))}"
            raise AssetError(f"{where}: unknown key {key!r}{hint}")
    for key in required:
        if key not in value:
            raise AssetError(f"{where}: the key {key!r} is missing")
    return value


def number(value: Any, where: str) -> float:
    """A number. Raises AssetError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AssetError(f"{where}: expected a number, got {shown(value)}")
    try:
        return float(value)
    except OverflowError as error:
        raise AssetError(f"{where}: {str(value)[:12]}... is too large a number") from error


def numbers(value: Any, where: str, shape: tuple[int, ...] | None = None) -> Array:
    """An array of this shape, or a list of any length. Raises AssetError for anything else."""
    if shape is not None and len(shape) > 1:
        if not isinstance(value, list) or len(value) != shape[0]:
            raise AssetError(f"{where}: expected a list of {shape[0]} lists, got {shown(value)}")
        return np.array([numbers(item, f"{where}[{k}]", shape[1:]) for k, item in enumerate(value)])
    if not isinstance(value, list) or (shape is not None and len(value) != shape[0]):
        wanted = "a list of numbers" if shape is None else f"a list of {shape[0]} numbers"
        raise AssetError(f"{where}: expected {wanted}, got {shown(value)}")
    return np.array([number(item, f"{where}[{k}]") for k, item in enumerate(value)], np.float64)


def text(value: Any, where: str) -> str:
    """A text. Raises AssetError for anything else."""
    if not isinstance(value, str):
        raise AssetError(f"{where}: expected a text, got {shown(value)}")
    return value


def points(value: Any, where: str) -> Array:
    """(K, 2) from a list of [x, y] and null, which becomes NaN. Raises AssetError for anything else."""
    if not isinstance(value, list):
        raise AssetError(f"{where}: expected a list of [x, y], got {shown(value)}")
    missing = np.full(2, np.nan)
    rows = [missing if item is None else numbers(item, f"{where}[{k}]", (2,)) for k, item in enumerate(value)]
    return np.array(rows, np.float64).reshape(-1, 2)


def shown(value: Any) -> str:
    """A value as a message shows it: short."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object with {len(value)} keys"
    return repr(value)[:60]


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} occurs twice in one object")
    return content
