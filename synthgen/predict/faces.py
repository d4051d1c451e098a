"""Which faces of which pictures are looked at: given by boxes, by landmarks, or whole pictures."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthgen.asset_io.images import IMAGE_SUFFIXES
from synthgen.asset_io.photos import Orientation
from synthgen.core.errors import AssetError, UsageError
from synthgen.fittings.fitting import Box
from synthgen.fittings.landmark_schemes import as_ibug68
from synthgen.fittings.landmark_sets import read_landmarks
from synthgen.predict.box_files import read_boxes
from synthgen.predict.crop import FaceCrop, box_crop, landmark_crop, whole_crop

_SHOWN = 5


@dataclass(frozen=True)
class FaceInput:
    """A face to look at. name: unique; photo: its picture; landmarks: (68, 2) px or None; box: px or None; with neither
    it is the whole picture."""

    name: str
    photo: Path
    landmarks: NDArray[np.float64] | None = None
    box: Box | None = None


@dataclass(frozen=True)
class FaceSource:
    """Where faces come from.

    pictures: a photo or a folder of them; boxes, landmarks: file or None, not both; tight: the boxes are those of the
    68 landmarks, not a detector's; orientation: of photos with an EXIF turn.
    """

    pictures: Path
    boxes: Path | None = None
    landmarks: Path | None = None
    tight: bool = False
    orientation: Orientation = "refuse"


def read_faces(source: FaceSource) -> tuple[list[FaceInput], list[str]]:
    """The faces of a source in the order of its pictures, and the names of pictures without one.

    Raises AssetError for pictures, boxes or landmarks that cannot be used, UsageError for both boxes and landmarks.
    """
    if source.boxes is not None and source.landmarks is not None:
        raise UsageError("--boxes and --landmarks exclude each other")
    photos = _photos(source.pictures)
    given: dict[str, list[tuple[NDArray[np.float64] | None, Box | None]]] = {photo.name: [] for photo in photos}
    if source.boxes is not None:
        for name, boxes in _boxes_of(source, given).items():
            given[name] = [(None, box) for box in boxes]
    elif source.landmarks is not None:
        for name, points in _landmarks_of(source, photos).items():
            given[name] = [(face, None) for face in points]
    else:
        given = {name: [(None, None)] for name in given}
    faces: list[FaceInput] = []
    names = {"sheet"}  # what the sheet of all faces is called
    for photo in photos:
        for landmarks, box in given[photo.name]:
            faces.append(FaceInput(_unused(photo.stem, names), photo, landmarks, box))
    without = [photo.name for photo in photos if not given[photo.name]]
    if not faces:
        raise AssetError(f"{source.boxes or source.landmarks}: no face in {_listed(without)}")
    return faces, without


def face_crop(face: FaceInput, picture: tuple[int, int], share: float, size: tuple[int, int], tight: bool) -> FaceCrop:
    """What a network sees of a face in a picture of (h, w). Raises AssetError for a box beside the picture."""
    if face.landmarks is not None:
        return landmark_crop(face.landmarks, share, size)
    if face.box is None:
        return whole_crop(picture, size)
    left, top, right, bottom = face.box
    if right <= 0 or bottom <= 0 or left >= picture[1] or top >= picture[0]:
        raise AssetError(
            f"{face.photo}: the box from {left:g}, {top:g} to {right:g}, {bottom:g} lies outside the picture of "
            f"{picture[1]} x {picture[0]} px; expected left, top, right, bottom in its pixels"
        )
    return box_crop(face.box, share, size, tight)


def _photos(place: Path) -> list[Path]:
    if place.is_dir():
        found = sorted(file for file in place.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file())
        if not found:
            raise AssetError(f"{place}: the folder holds no picture ({', '.join(IMAGE_SUFFIXES)})")
        return found
    if not place.is_file():
        raise AssetError(f"{place}: no such photo or folder")
    return [place]


def _boxes_of(source: FaceSource, given: Collection[str]) -> dict[str, list[Box]]:
    assert source.boxes is not None
    boxes = read_boxes(source.boxes)
    unknown = [name for name in boxes if name not in given]
    if unknown and source.pictures.is_dir():
        raise AssetError(f"{source.boxes}: no picture {_listed(unknown)} in {source.pictures}")
    return {name: entries for name, entries in boxes.items() if name in given}


def _landmarks_of(source: FaceSource, photos: list[Path]) -> dict[str, list[NDArray[np.float64]]]:
    assert source.landmarks is not None
    names = {photo.name for photo in photos}
    folder = photos[0].parent
    try:
        read = read_landmarks(source.landmarks, folder, orientation=source.orientation)
    except AssetError:
        # What is wrong with other photos is nothing to a single one.
        if source.pictures.is_dir():
            raise
        read = read_landmarks(source.landmarks, folder, skip_bad=True, orientation=source.orientation)
        if any(entry.name in names for entry in read.skipped):
            raise
    found: dict[str, list[NDArray[np.float64]]] = {}
    for face in read.faces:
        if face.photo in names:
            found.setdefault(face.photo, []).append(as_ibug68(face).points)
    return found


def _unused(stem: str, names: set[str]) -> str:
    name, number = stem, 1
    while name in names:
        number += 1
        name = f"{stem}-{number}"
    names.add(name)
    return name


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
