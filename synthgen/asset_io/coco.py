"""COCO instances files: which pictures show people, and the outlines of things.

The file is reduced while it is parsed: the annotations of a full COCO training set take gigabytes as Python objects,
and a background needs two numbers of each.
"""

import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthgen.asset_io.catalogue import NOT_STATED, problems_error
from synthgen.core.bounded_file import read_bounded
from synthgen.core.errors import AssetError
from synthgen.core.limits import COCO_OUTLINE_BYTES, MOST_COCO_BYTES
from synthgen.core.relative_path import is_utf8, path_problem

PERSON = "person"
_MISSING_SHOWN = 5
_LICENCE_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class CocoAnnotation:
    """One annotated thing. outline: COCO `segmentation` (polygons or run lengths), None where it was not asked for.
    area: square pixels."""

    image_id: int
    category_id: int
    is_crowd: bool
    area: float
    outline: Any


@dataclass(frozen=True)
class CocoIndex:
    """The part of a COCO file that pictures are chosen by.

    files: image id -> file name. people: ids of the `person` category (empty when the file has none).
    licence: the licences named in the file, joined.
    """

    path: str
    files: dict[int, str]
    annotations: tuple[CocoAnnotation, ...]
    people: frozenset[int]
    licence: str

    def images_with_people(self) -> frozenset[int]:
        """Ids of the pictures with at least one annotated person, crowds included."""
        return frozenset(a.image_id for a in self.annotations if a.category_id in self.people)


def read_coco(path: str | Path, min_area: float | None = None) -> CocoIndex:
    """The index of a COCO instances file.

    min_area: keep the outlines of single things of at least this many square pixels, of very large files an even share
    chosen by annotation id; None keeps no outline.
    Raises AssetError when the file is missing, is not JSON or lacks what COCO prescribes.
    """
    try:
        data = read_bounded(path, MOST_COCO_BYTES)
        share = 1 + len(data) // COCO_OUTLINE_BYTES
        content = json.loads(data.decode(), object_hook=_reducer(min_area, share))
    except OSError as error:
        raise AssetError(f"{path}: the annotation file cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise AssetError(f"{path}: not a valid JSON file ({error}); expected a COCO instances file") from error
    return _checked_index(str(path), content)


def check_files(index: CocoIndex, folder: str | Path, image_ids: Iterable[int]) -> None:
    """Raises one AssetError that counts the pictures without a file in `folder` and names the first of them."""
    if not Path(folder).is_dir():
        raise AssetError(f"{folder}: no such folder; expected the pictures of {index.path}")
    names = sorted(index.files[number] for number in image_ids)
    missing = [name for name in names if not (Path(folder) / name).is_file()]
    if missing:
        raise problems_error(
            f"{folder}: {len(missing)} of the {len(names)} pictures that {index.path} lists are not there; "
            "expected each `file_name` below this folder",
            missing,
            _MISSING_SHOWN,
        )


def _reducer(min_area: float | None, share: int) -> Callable[[dict[str, Any]], Any]:
    def keeps_outline(entry: dict[str, Any], area: float) -> bool:
        if min_area is None or area < min_area or entry.get("iscrowd"):
            return False
        return share == 1 or zlib.crc32(str(entry.get("id")).encode()) % share == 0

    def reduce(entry: dict[str, Any]) -> Any:
        if "image_id" not in entry or "category_id" not in entry:
            return entry
        area = _area(entry.get("area"))
        outline = entry.get("segmentation") if keeps_outline(entry, area) else None
        return CocoAnnotation(entry["image_id"], entry["category_id"], bool(entry.get("iscrowd")), area, outline)

    return reduce


def _area(value: Any) -> float:
    """Square pixels; 0 for anything that is no number."""
    try:
        return float(value) if isinstance(value, int | float) else 0.0
    except OverflowError:
        return 0.0


def _checked_index(path: str, content: Any) -> CocoIndex:
    problems = []
    for key in ("images", "annotations", "categories"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            problems.append(f"the list `{key}` is missing")
    if problems:
        raise problems_error(f"{path}: not a COCO instances file", problems)
    files = _files_by_id(content["images"], problems)
    annotations = content["annotations"]
    for number, annotation in enumerate(annotations):
        if not isinstance(annotation, CocoAnnotation):
            problems.append(f"annotations[{number}]: `image_id` or `category_id` is missing")
        elif not isinstance(annotation.image_id, int) or not isinstance(annotation.category_id, int):
            problems.append(f"annotations[{number}]: `image_id` or `category_id` is no number")
        elif annotation.image_id not in files:
            problems.append(f"annotations[{number}]: image_id {annotation.image_id!r} is not in `images`")
    if problems:
        raise problems_error(f"{path}: {len(problems)} wrong entries in the COCO instances file", problems)
    categories = [c for c in content["categories"] if isinstance(c, dict) and isinstance(c.get("id"), int)]
    people = frozenset(c["id"] for c in categories if c.get("name") == PERSON)
    return CocoIndex(path, files, tuple(annotations), people, _licences(content))


def _files_by_id(images: Sequence[Any], problems: list[str]) -> dict[int, str]:
    files: dict[int, str] = {}
    for number, image in enumerate(images):
        name = image.get("file_name") if isinstance(image, dict) else None
        if not isinstance(name, str) or not isinstance(image.get("id"), int):
            problems.append(f"images[{number}]: `id` (a number) or `file_name` (a text) is missing")
        elif image["id"] in files:
            problems.append(f"images[{number}]: id {image['id']} is listed twice")
        elif (problem := path_problem(name)) is not None:
            problems.append(f"images[{number}]: `file_name` is {name[:200]!r}: {problem}")
        else:
            files[image["id"]] = name
    return files


def _licences(content: dict[str, Any]) -> str:
    listed = content.get("licenses")
    entries = listed if isinstance(listed, list) else []
    whole = [e for e in entries if isinstance(e, dict) and isinstance(e.get("id"), int)]
    names = {entry["id"]: entry["name"][:_LICENCE_CHARACTERS] for entry in whole if isinstance(entry.get("name"), str)}
    numbers = [image.get("license") for image in content["images"]]
    used = {names[number] for number in numbers if isinstance(number, int) and number in names}
    return "per picture: " + ", ".join(sorted(filter(is_utf8, used))) if used else NOT_STATED
