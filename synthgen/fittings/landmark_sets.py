"""Annotated photos without a fitting, from any supported source."""

from pathlib import Path
from typing import Literal, NamedTuple

from synthgen.asset_io.photos import Orientation
from synthgen.core.errors import AssetError
from synthgen.fittings import aflw, landmark_json, pts_files, wflw
from synthgen.fittings.fitting import PhotoLandmarks, Skipped
from synthgen.fittings.fitting_json import FORMAT
from synthgen.fittings.photo_points import PhotoPoints
from synthgen.fittings.read_options import Progress, ReadOptions, Skips

Format = Literal["pts", "wflw", "aflw19", "table", "json"]

_FIRST_PIXEL: dict[Format, float] = {
    "pts": pts_files.FIRST_PIXEL,
    "wflw": wflw.FIRST_PIXEL,
    "aflw19": aflw.FIRST_PIXEL,
    "table": aflw.FIRST_PIXEL,
    "json": landmark_json.FIRST_PIXEL,
}
_BY_SUFFIX: dict[str, Format] = {".txt": "wflw", ".mat": "aflw19", ".npy": "table", ".json": "json"}
_PEEK_BYTES = 4096


class LandmarksRead(NamedTuple):
    """What a reader found.

    skipped: what was left out because it is wrong, and what holds nothing to read, like people without keypoints.
    """

    faces: tuple[PhotoLandmarks, ...]
    skipped: tuple[Skipped, ...]


def read_landmarks(
    path: str | Path,
    photos: str | Path | None = None,
    skip_bad: bool = False,
    progress: Progress | None = None,
    *,
    orientation: Orientation = "refuse",
    first_pixel: float | None = None,
) -> LandmarksRead:
    """The annotated faces at `path`, in our pixels and the source's own landmark scheme.

    path: a folder with .pts files (300W), a WFLW list (.txt), AFLWinfo_release.mat, a .npy table of AFLW's 21 or 68
    points, or a JSON file (landmark_json). photos: folder of the photos, None for the place where the format has them.
    skip_bad: list what cannot be used instead of raising. progress: called with (done, total).
    orientation: what the points of photos with an EXIF turn refer to. first_pixel: what the source gives to the centre
    of the first pixel, None for what the format is known for: 1 for .pts, .mat and .npy, 0 for the others.
    Raises AssetError that lists what is wrong: photos that are missing, points outside them by more than a quarter of
    their size, wrong numbers of points.
    """
    source = Path(path)
    kind = landmark_format(source)
    if kind is None:
        problem = "holds no landmarks that can be read" if source.exists() else "no such file or folder"
        raise AssetError(
            f"{source}: {problem}; expected a folder of .pts files, a WFLW list (.txt), AFLWinfo_release.mat, "
            "a .npy table of points, a .json file, or for synthgen fit flow in an .npz or a dataset (docs/alignment.md)"
        )
    options = ReadOptions(
        skip_bad, None if photos is None else Path(photos), orientation, first_pixel=first_pixel, progress=progress
    )
    folder = options.photos or _photo_folder(source, kind)
    skips = Skips(source, skip_bad)
    found = PhotoPoints(folder, options, skips, _FIRST_PIXEL[kind])
    _READERS[kind](source, found)
    return LandmarksRead(tuple(found.faces), skips.finish(len(found.faces)))


def landmark_format(path: Path) -> Format | None:
    """Which landmark format a path has, or None: a fittings file or folder, for example."""
    if path.is_dir():
        return "pts" if pts_files.holds_pts(path) else None
    kind = _BY_SUFFIX.get(path.suffix.lower()) if path.is_file() else None
    if kind == "json":
        with open(path, "rb") as file:
            return None if f'"{FORMAT}"'.encode() in file.read(_PEEK_BYTES) else kind
    return kind


def photo_folder(path: Path) -> Path:
    """Where the photos of landmarks at `path` are when nobody says: beside them, or where their format has them."""
    kind = landmark_format(path)
    return path.parent if kind is None else _photo_folder(path, kind)


def _photo_folder(source: Path, kind: Format) -> Path:
    if kind == "wflw":
        return wflw.photo_folder(source)
    if kind == "aflw19":
        return aflw.photo_folder(source)
    return source if source.is_dir() else source.parent


_READERS = {
    "pts": pts_files.read_pts_folder,
    "wflw": wflw.read_wflw_list,
    "aflw19": aflw.read_aflw19,
    "table": aflw.read_point_table,
    "json": landmark_json.read_landmark_json,
}
