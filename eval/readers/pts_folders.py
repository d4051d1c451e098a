"""Benchmarks of .pts files: 300W, 300VW, and videos with points in space."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from eval.readers.pictures import picture_of
from eval.truth import Truth, new_truth
from synthgen.core.errors import AssetError
from synthgen.fittings.paired_files import files_below
from synthgen.fittings.pts_files import read_pts

_SHIFT = -0.5  # first pixel 1

# Subset of 300W -> folders whose faces it holds, as parts of a path.
W300_SUBSETS: Mapping[str, tuple[str, ...]] = {
    "common": ("helen/testset", "lfpw/testset"),
    "challenging": ("ibug",),
    "private": ("01_Indoor", "02_Outdoor"),
}
# Faces in the release.
W300_COUNTS = {"common": 554, "challenging": 135, "full": 689, "private": 600}
# Videos of the 300VW competition's three test categories.
VW300_CATEGORIES = {
    "category 1": "114 124 125 126 150 158 401 402 505 506 507 508 509 510 511 514 515 518 519 520 521 522 524 525 537 "
    "538 540 541 546 547 548",
    "category 2": "203 208 211 212 213 214 218 224 403 404 405 406 407 408 409 412 550 551 553",
    "category 3": "410 411 516 517 526 528 529 530 531 533 557 558 559 562",
}


def read_w300(folder: Path) -> Truth:
    """300W's faces outside its training sets, with the subsets common, challenging, full and private.

    Raises AssetError when no folder of the release is there, or a file is no .pts of 68 points.
    """
    subset_of = {name: _w300_subset(name) for name in _names(folder)}
    names = sorted(name for name, subset in subset_of.items() if subset)
    if not names:
        wanted = ", ".join(part for parts in W300_SUBSETS.values() for part in parts)
        raise AssetError(f"{folder}: no .pts file below {wanted}; expected 300W's folders")
    truth = _read(folder, names, 2)
    subset = np.array([subset_of[name] for name in truth.ids])
    subsets = {name: np.asarray(subset == name) for name in W300_SUBSETS}
    subsets["full"] = subsets["common"] | subsets["challenging"]
    notes = [
        f"{name} holds {int(mask.sum())} faces, the release {W300_COUNTS[name]}."
        for name, mask in subsets.items()
        if mask.any() and mask.sum() != W300_COUNTS[name]
    ]
    return replace(truth, subsets=subsets, notes=tuple(notes))


def _w300_subset(name: str) -> str:
    """The subset of a face by its path; "" for training faces and others."""
    path = f"/{name.lower()}"
    for subset, folders in W300_SUBSETS.items():
        if any(f"/{folder.lower()}/" in path for folder in folders):
            return subset
    return ""


def read_vw300(folder: Path) -> Truth:
    """The frames of a folder of videos, VIDEO/annot/000001.pts, with the competition's test categories as subsets.

    Ids are VIDEO/000001; pictures are looked for in VIDEO/imgs, VIDEO/frames and VIDEO/annot.
    Raises AssetError when there is no such video.
    """
    names = [name for name in _names(folder) if name.count("/") >= 2 and name.split("/")[-2] == "annot"]
    if not names:
        raise AssetError(f"{folder}: no VIDEO/annot/000001.pts below this folder; expected 300VW's folders")
    truth = _read(folder, names, 2)
    ids = [name.replace("/annot/", "/") for name in truth.ids]
    videos = tuple(name.rpartition("/")[0] for name in ids)
    numbers = np.array([name.rpartition("/")[2] for name in videos])
    subsets = {name: np.isin(numbers, listed.split()) for name, listed in VW300_CATEGORIES.items()}
    pictures = tuple(_frame(folder, name) for name in ids)
    return replace(truth, ids=tuple(ids), videos=videos, subsets=subsets, pictures=pictures)


def _frame(folder: Path, name: str) -> Path | None:
    video, _, frame = name.rpartition("/")
    for part in ("imgs", "frames", "annot"):
        path = picture_of(folder / video / part, frame)
        if path is not None:
            return path
    return None


def read_videos_3d(folder: Path) -> Truth:
    """Frames of VIDEO/NAME.pts with 68 points x, y, z each. Raises AssetError when there is none."""
    names = [name for name in _names(folder) if "/" in name]
    if not names:
        raise AssetError(f"{folder}: no VIDEO/NAME.pts below this folder; expected a folder of .pts for each video")
    truth = _read(folder, names, 3)
    return replace(truth, videos=tuple(name.rpartition("/")[0] for name in truth.ids))


def _names(folder: Path) -> list[str]:
    return sorted(files_below(folder, (".pts",)).by_name)


def _read(folder: Path, names: Sequence[str], axes: int) -> Truth:
    files = files_below(folder, (".pts",)).by_name
    points = np.stack([read_pts(folder / files[name], axes=axes) for name in names])
    points[..., :2] += _SHIFT
    pictures = [picture_of(folder, name) for name in names]
    return new_truth("ibug68", list(names), points, str(folder), pictures=pictures)
