"""Rendered samples as stills with known answers: an `images` dataset becomes photos and the fittings that made them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.conventions import CAMERA_FROM_WORLD, LANDMARK_OUTSIDE
from synthgen.core.errors import DatasetError
from synthgen.dataset.manifest import MANIFEST_FILE
from synthgen.dataset.pictures import encode_png, plain_png
from synthgen.dataset.reader import Dataset, open_dataset
from synthgen.dataset.whole_file import write_whole
from synthgen.fittings.fitting import FittingSet
from synthgen.fittings.fitting_file import save_fittings

NEEDED = ("image", "camera_from_world", "intrinsics", "identity_coeffs", "expression_coeffs")
FITTINGS_FILE = "fittings.npz"
PHOTO_FOLDER, MASK_FOLDER = "photos", "masks"
DIGITS = 9

Progress = Callable[[int, int], None]
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class RenderedStills:
    """file: the fitting file, whose photos lie beside it. model: the dataset's section of a recipe, as plain data."""

    file: Path
    model: dict[str, Any]


def is_dataset(path: Path) -> bool:
    """Whether a path is a folder that this package wrote as a dataset."""
    return (path / MANIFEST_FILE).is_file()


def write_stills(source: Path, folder: Path, resume: bool = False, progress: Progress | None = None) -> RenderedStills:
    """Writes the samples of dataset `source` as PNG photos, masks, and a fitting file with their exact answers.

    folder: made if need be. resume: keep what an earlier call has finished. progress: called with (done, total).
    The landmarks are the dataset's own where it has them and they are inside the picture. What hides a face, and other
    faces, becomes the mask of pixels to ignore: neither moves with the head.
    Raises DatasetError for another kind of dataset, and for one that did not store what is needed.
    """
    dataset = open_dataset(source)
    try:
        _check_usable(source, dataset)
        stills = RenderedStills(folder / FITTINGS_FILE, dict(dataset.recipe["model"]))
        if not (resume and stills.file.is_file()):
            answers = [_write_still(dataset, position, folder, progress) for position in range(len(dataset))]
            perspective = dataset.recipe["camera"]["projection"] == "perspective"
            save_fittings(_fittings(answers, dataset.layout.size, perspective), stills.file)
    finally:
        dataset.close()
    return stills


def _check_usable(source: Path, dataset: Dataset) -> None:
    if dataset.layout.kind != "images":
        raise DatasetError(f"{source}: a dataset of kind {dataset.layout.kind}; stills come from kind images")
    missing = [name for name in NEEDED if name not in dataset.layout.labels]
    if missing:
        raise DatasetError(
            f"{source}: the dataset does not hold {', '.join(missing)}; render it with `parameters` among its labels"
        )
    if len(dataset) == 0:
        raise DatasetError(f"{source}: the dataset holds no sample")


def _write_still(dataset: Dataset, position: int, folder: Path, progress: Progress | None) -> tuple[str, str, Arrays]:
    """Name, mask file and answer of one sample, whose picture and mask are written."""
    sample = dataset[position]
    name = f"{dataset.sample_index(position):0{DIGITS}d}"
    for subfolder in (PHOTO_FOLDER, MASK_FOLDER):
        (folder / subfolder).mkdir(parents=True, exist_ok=True)
    write_whole(folder / PHOTO_FOLDER / f"{name}.png", encode_png(sample["image"]))
    mask = _write_mask(sample, folder, name)
    if progress is not None:
        progress(position + 1, len(dataset))
    return name, mask, _answer(sample)


def _write_mask(sample: Arrays, folder: Path, name: str) -> str:
    """The picture of the pixels to ignore, below `folder`, or "" where there are none."""
    masks = [sample[label] for label in ("ignore_mask", "occluder_mask") if label in sample]
    ignored = np.any(masks, axis=0) if masks else np.zeros(1, np.bool_)
    if not ignored.any():
        return ""
    write_whole(folder / MASK_FOLDER / f"{name}.png", plain_png(np.where(ignored, 255, 0).astype(np.uint8)))
    return f"{MASK_FOLDER}/{name}.png"


def _answer(sample: Arrays) -> Arrays:
    """What the fitting of one sample holds."""
    pose, matrix = sample["camera_from_world"].astype(np.float64), sample["intrinsics"].astype(np.float64)
    landmarks = np.full((68, 2), np.nan)
    if "landmarks_2d" in sample and "landmarks_visibility" in sample:
        inside = sample["landmarks_visibility"] != LANDMARK_OUTSIDE
        landmarks[inside] = sample["landmarks_2d"][inside]
    return {
        "rotation": CAMERA_FROM_WORLD @ pose[:3, :3],
        "translation": pose[:3, 3],
        "focal": matrix[0, 0],
        "principal": matrix[:2, 2],
        "identity": sample["identity_coeffs"].astype(np.float64),
        "expression": sample["expression_coeffs"].astype(np.float64),
        "landmarks": landmarks,
    }


def _fittings(answers: list[tuple[str, str, Arrays]], size: tuple[int, int], perspective: bool) -> FittingSet:
    names, masks, values = zip(*answers, strict=True)
    count = len(names)

    def stacked(key: str) -> NDArray[np.float64]:
        return np.array([value[key] for value in values], np.float64)

    return FittingSet(
        names=names,
        photos=tuple(f"{PHOTO_FOLDER}/{name}.png" for name in names),
        sizes=np.tile(np.array(size, np.int32), (count, 1)),
        perspective=perspective,
        rotation=stacked("rotation"),
        translation=stacked("translation"),
        focal=stacked("focal"),
        principal=stacked("principal"),
        depth_shift=np.zeros(count),
        identity=stacked("identity"),
        expression=stacked("expression"),
        landmarks=stacked("landmarks"),
        boxes=np.full((count, 4), np.nan),
        ignore_boxes=((),) * count,
        ignore_masks=masks,
    )
