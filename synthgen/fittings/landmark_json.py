"""Landmarks in JSON: COCO-style keypoints, and two plain forms. All count pixels from 0 at the centre of the first.

COCO's keypoints are whole pixel indices, so the first pixel's centre is 0, while its boxes are measured from the corner
of the picture; the plain forms are read like COCO's keypoints, their boxes too.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import AssetError
from synthgen.fittings.json_values import numbers, points, read_json, shown, text
from synthgen.fittings.photo_points import PhotoPoints, scheme_of, shifted_box

Array = NDArray[np.float64]

FIRST_PIXEL = 0.0
_LABELLED, _VISIBLE = 1, 2


def read_landmark_json(path: Path, found: PhotoPoints) -> None:
    """Adds the faces of a JSON file to `found`. One of:

    COCO: {"images": [{"id", "file_name"}], "annotations": [{"image_id", "keypoints": [x, y, v, ...], "bbox"?}]};
    v = 0 marks a point that is not there, 1 one that is hidden. Annotations without a labelled point are noted.
    Faces by picture: {"images": [{"file", "faces": [{"landmarks": [[x, y], ...], "scheme"?, "bbox_xywh"?}]}]}.
    Plain: {"photo.jpg": [[x, y], ...]}, or a list of such faces.
    Raises AssetError when it is none of them.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise AssetError(f"{path}: expected an object, got {shown(content)}")
    if "annotations" in content:
        _read_coco(path, content, found)
    elif "images" in content:
        _read_faces(path, content, found)
    else:
        _read_plain(path, content, found)


def _read_coco(path: Path, content: dict[str, Any], found: PhotoPoints) -> None:
    files: dict[Any, str] = {}
    for row, image in enumerate(_entries(content, "images", str(path))):
        where = f"{path}: images[{row}]"
        if not isinstance(image.get("id"), int | str):
            raise AssetError(f"{where}.id: expected a number")
        files[image["id"]] = text(image.get("file_name"), f"{where}.file_name")
    annotations = _entries(content, "annotations", str(path))
    for row, entry in enumerate(annotations):
        where = f"{path}: annotations[{row}]"
        photo = files.get(entry["image_id"]) if isinstance(entry.get("image_id"), int | str) else None
        try:
            if photo is None:
                raise AssetError(f"{where}.image_id: {shown(entry.get('image_id'))} is not in `images`")
            _add_coco(photo, entry, where, found)
        except AssetError as error:
            found.skips.add(photo or f"annotations[{row}]", str(error))
        found.options.report(row + 1, len(annotations))


def _add_coco(photo: str, entry: dict[str, Any], where: str, found: PhotoPoints) -> None:
    if "keypoints" not in entry:
        found.skips.note(photo, f"{where} has no keypoints")
        return
    values = numbers(entry["keypoints"], f"{where}.keypoints")
    if len(values) % 3:
        raise AssetError(f"{where}.keypoints: {len(values)} numbers, expected x, y, v for each point")
    triples = values.reshape(-1, 3)
    scheme = scheme_of(len(triples), f"{where}.keypoints")
    labelled = triples[:, 2] >= _LABELLED
    if not labelled.any():
        found.skips.note(photo, f"{where} has no labelled keypoint")
        return
    stored = np.where(labelled[:, None], triples[:, :2], np.nan)
    box = _box(entry.get("bbox"), f"{where}.bbox", 0.0)
    found.add(photo, stored, scheme, triples[:, 2] >= _VISIBLE, box, where)


def _read_faces(path: Path, content: dict[str, Any], found: PhotoPoints) -> None:
    images = _entries(content, "images", str(path))
    for row, image in enumerate(images):
        where = f"{path}: images[{row}]"
        photo = text(image.get("file"), f"{where}.file")
        faces = _entries(image, "faces", where)
        if not faces:
            found.skips.note(photo, f"{where} lists no face")
        for number, face in enumerate(faces):
            place = f"{where}.faces[{number}]"
            try:
                stored = points(face.get("landmarks"), f"{place}.landmarks")
                scheme = scheme_of(len(stored), f"{place}.landmarks")
                if face.get("scheme", scheme) != scheme:
                    raise AssetError(f"{place}.scheme: {face['scheme']!r}, but {len(stored)} points are {scheme}")
                box = _box(face.get("bbox_xywh"), f"{place}.bbox_xywh", found.shift)
                found.add(photo, stored, scheme, box=box, where=place)
            except AssetError as error:
                found.skips.add(photo, str(error))
        found.options.report(row + 1, len(images))


def _read_plain(path: Path, content: dict[str, Any], found: PhotoPoints) -> None:
    for row, (photo, value) in enumerate(content.items()):
        for number, face in enumerate(_plain_faces(value)):
            where = f"{path}: {photo!r}" + (f"[{number}]" if face is not value else "")
            try:
                stored = points(face, where)
                found.add(photo, stored, scheme_of(len(stored), where), where=where)
            except AssetError as error:
                found.skips.add(photo, str(error))
        found.options.report(row + 1, len(content))


def _plain_faces(value: Any) -> list[Any]:
    """One face, or several: told by how deep the lists go."""
    first = next((item for item in value if item is not None), None) if isinstance(value, list) else None
    nested = isinstance(first, list) and any(isinstance(item, list) for item in first)
    return value if nested else [value]


def _entries(content: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    """A list of objects. Raises AssetError for anything else."""
    entries = content.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        kinds = Counter(type(entry).__name__ for entry in entries) if isinstance(entries, list) else shown(entries)
        raise AssetError(f"{where}: {key}: expected a list of objects, got {kinds}")
    return entries


def _box(value: Any, where: str, shift: float) -> tuple[float, float, float, float] | None:
    if value is None:
        return None
    left, top, width, height = numbers(value, where, (4,))
    return shifted_box(left, top, left + width, top + height, shift)
