"""Face boxes in CSV or JSON, by picture."""

import csv
import io
from pathlib import Path
from typing import Any

from synthgen.core.bounded_file import read_bounded
from synthgen.core.errors import AssetError
from synthgen.core.limits import MOST_FITTING_JSON_BYTES
from synthgen.fittings.fitting import Box
from synthgen.fittings.json_values import number, read_json, shown

COLUMNS = ("picture", "left", "top", "right", "bottom")
_SIDES = COLUMNS[1:]


def read_boxes(path: Path) -> dict[str, list[Box]]:
    """Picture file name -> boxes of its faces, px from the picture's upper left corner, so that a box around the first
    pixel is 0, 0, 1, 1.

    CSV with the columns picture, left, top, right, bottom; or JSON, {"photo.jpg": [[left, top, right, bottom], ...]} or
    a list of objects with the keys of the columns. Raises AssetError, naming file and place, for anything else.
    """
    if path.suffix.lower() == ".csv":
        rows = _csv_rows(path)
    elif path.suffix.lower() == ".json":
        rows = _json_rows(path)
    else:
        raise AssetError(f"{path}: boxes are read from .csv ({', '.join(COLUMNS)}) or .json")
    found: dict[str, list[Box]] = {}
    for picture, sides, where in rows:
        found.setdefault(picture, []).append(_box(sides, where))
    if not found:
        raise AssetError(f"{path}: it holds no box")
    return found


Row = tuple[str, list[Any], str]


def _csv_rows(path: Path) -> list[Row]:
    try:
        text = read_bounded(path, MOST_FITTING_JSON_BYTES).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise AssetError(f"{path}: the file does not exist") from error
    except (OSError, ValueError) as error:
        raise AssetError(f"{path}: the file cannot be read ({error})") from error
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise AssetError(f"{path}: no column {', '.join(missing)}; the first line must name {', '.join(COLUMNS)}")
    rows: list[Row] = []
    for entry in reader:
        where = f"{path}:{reader.line_num}"
        if not entry["picture"]:
            raise AssetError(f"{where}: no picture")
        try:
            rows.append((entry["picture"], [float(entry[side]) for side in _SIDES], where))
        except (TypeError, ValueError) as error:
            raise AssetError(f"{where}: {', '.join(_SIDES)} must be numbers") from error
    return rows


def _json_rows(path: Path) -> list[Row]:
    content = read_json(path)
    rows: list[Row] = []
    if isinstance(content, dict):
        for picture, value in content.items():
            one = isinstance(value, list) and value and not isinstance(value[0], list)
            for place, box in enumerate([value] if one else value if isinstance(value, list) else [value]):
                rows.append((picture, box, f"{path}: {picture!r}" + ("" if one else f"[{place}]")))
        return rows
    if not isinstance(content, list):
        raise AssetError(f"{path}: expected pictures with boxes, got {shown(content)}")
    for place, entry in enumerate(content):
        where = f"{path}: [{place}]"
        if not isinstance(entry, dict) or any(name not in entry for name in COLUMNS):
            raise AssetError(f"{where}: expected an object with {', '.join(COLUMNS)}")
        rows.append((str(entry["picture"]), [entry[side] for side in _SIDES], where))
    return rows


def _box(sides: Any, where: str) -> Box:
    if not isinstance(sides, list) or len(sides) != 4:
        raise AssetError(f"{where}: expected left, top, right, bottom; got {shown(sides)}")
    left, top, right, bottom = (number(side, where) for side in sides)
    if not all(abs(side) < 1e9 for side in (left, top, right, bottom)):
        raise AssetError(f"{where}: numbers that are not finite, or too large")
    if right <= left or bottom <= top:
        raise AssetError(
            f"{where}: a box from {left:g}, {top:g} to {right:g}, {bottom:g} has no area; expected left, top, right, "
            "bottom (not width and height)"
        )
    return left, top, right, bottom
