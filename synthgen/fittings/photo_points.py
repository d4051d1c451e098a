"""Annotated points as a source stores them, checked against their photos and brought into our pixels."""

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import AssetError
from synthgen.core.relative_path import path_problem
from synthgen.fittings.coefficients import LANDMARK_MARGIN, outside_picture, outside_reasons
from synthgen.fittings.fitting import Box, PhotoLandmarks
from synthgen.fittings.read_options import ReadOptions, Skips

Array = NDArray[np.float64]

# The schemes that can be told by their number of points.
SCHEME_BY_COUNT = {17: "coco17", 19: "aflw19", 21: "aflw21", 68: "ibug68", 98: "wflw98"}
_OUR_FIRST_PIXEL = 0.5


@dataclass
class PhotoPoints:
    """The faces of one landmark set, collected while its file is read.

    folder: of the photos. first_pixel: what the source gives to the centre of the first pixel, unless the options say
    otherwise.
    """

    folder: Path
    options: ReadOptions
    skips: Skips
    first_pixel: float
    faces: list[PhotoLandmarks] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)
    _sizes: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def shift(self) -> float:
        """Added to stored coordinates to make them ours."""
        stored = self.first_pixel if self.options.first_pixel is None else self.options.first_pixel
        return _OUR_FIRST_PIXEL - stored

    def add(
        self,
        photo: str,
        stored: Array,
        scheme: str,
        visible: NDArray[np.bool_] | None = None,
        box: Box | None = None,
        where: str = "",
    ) -> None:
        """One face: (K, 2) points as stored, NaN where there is none.

        visible: (K,), None for all that are there. box: in our pixels. where: place in the source, for messages.
        A face that cannot be used is added to `skips`.
        """
        try:
            self.faces.append(self._face(photo, stored, scheme, visible, box))
        except AssetError as error:
            self.skips.add(photo, f"{where}: {error}" if where else str(error))

    def _face(
        self, photo: str, stored: Array, scheme: str, visible: NDArray[np.bool_] | None, box: Box | None
    ) -> PhotoLandmarks:
        problem = path_problem(photo)
        if problem:
            raise AssetError(f"photo {photo[:200]!r}: {problem}")
        if photo not in self._sizes:
            self._sizes[photo] = self.options.photo_size(self.folder / photo)
        size = self._sizes[photo]
        points = np.where(np.isfinite(stored).all(axis=1, keepdims=True), stored, np.nan) + self.shift
        there: NDArray[np.bool_] = np.asarray(np.isfinite(points).all(axis=1))
        if np.isinf(stored).any() or not there.any():
            raise AssetError(f"{self.folder / photo}: landmarks: no finite point, or one that is infinite")
        sizes = np.array([size], np.int32)
        outside = outside_picture(points[None], sizes, LANDMARK_MARGIN)
        for reason in outside_reasons(points[None], sizes, outside).values():
            raise AssetError(f"{self.folder / photo}: landmarks{reason}")
        return PhotoLandmarks(
            name=self._unused_name(photo),
            photo=photo,
            size=size,
            points=points,
            visible=there if visible is None else there & visible,
            scheme=scheme,
            box=box,
        )

    def _unused_name(self, photo: str) -> str:
        """The photo's path without extension; further faces in it, or photos of that name, get -2, -3, ..."""
        stem = PurePosixPath(photo).with_suffix("").as_posix()
        name, number = stem, 1
        while name in self._names:
            number += 1
            name = f"{stem}-{number}"
        self._names.add(name)
        return name


def scheme_of(count: int, where: str) -> str:
    """The landmark scheme with this many points. Raises AssetError when there is none."""
    if count not in SCHEME_BY_COUNT:
        known = ", ".join(f"{number} ({name})" for number, name in SCHEME_BY_COUNT.items())
        raise AssetError(f"{where}: {count} points per face; expected {known}")
    return SCHEME_BY_COUNT[count]


def shifted_box(left: float, top: float, right: float, bottom: float, shift: float) -> Box | None:
    """A box in our pixels from one whose sides are stored like points; None when it has no area or is not finite."""
    box = (float(left) + shift, float(top) + shift, float(right) + shift, float(bottom) + shift)
    return box if np.isfinite(box).all() and box[2] > box[0] and box[3] > box[1] else None
