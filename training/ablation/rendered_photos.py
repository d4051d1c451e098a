"""Renders as photos whose fittings are known: what stage 2 of dfc trains on where there are no photos."""

from pathlib import Path

import numpy as np
from PIL import Image

from synthgen.core.errors import DatasetError
from synthgen.dataset.reader import open_dataset
from synthgen.fittings.fitting import FittingSet
from synthgen.fittings.fitting_file import save_fittings
from synthgen.geometry.rotation import rotation_from_euler

FITTINGS = "fittings.npz"
_LABELS = ("image", "landmarks_2d", "parameters")


def write_rendered_photos(dataset: Path, folder: Path) -> Path:
    """Write the pictures of a dataset of scaled-orthographic faces, and their true parameters as fittings; that file.

    Raises DatasetError for a dataset of other labels or cameras.
    """
    faces = open_dataset(dataset).with_labels(*_LABELS)
    if faces.recipe["camera"]["projection"] != "scaled_orthographic":
        raise DatasetError(f"{dataset} has perspective cameras; fittings are made of scaled-orthographic ones")
    samples = [faces[position] for position in range(len(faces))]
    folder.mkdir(parents=True, exist_ok=True)
    names = tuple(f"face_{position:06d}" for position in range(len(samples)))
    for name, sample in zip(names, samples, strict=True):
        Image.fromarray(sample["image"]).save(folder / f"{name}.png")
    height, width = faces.layout.size
    count = len(samples)

    def stacked(label: str) -> np.ndarray:
        return np.stack([sample[label] for sample in samples]).astype(np.float64)

    intrinsics = stacked("intrinsics")
    fittings = FittingSet(
        names=names,
        photos=tuple(f"{name}.png" for name in names),
        sizes=np.tile(np.array([height, width], np.int32), (count, 1)),
        perspective=False,
        rotation=rotation_from_euler(stacked("euler")),
        translation=np.zeros((count, 3)),
        focal=intrinsics[:, 0, 0],
        principal=intrinsics[:, :2, 2],
        depth_shift=np.zeros(count),
        identity=stacked("identity_coeffs"),
        expression=stacked("expression_coeffs"),
        landmarks=stacked("landmarks_2d"),
        boxes=np.full((count, 4), np.nan),
        ignore_boxes=((),) * count,
        ignore_masks=("",) * count,
    )
    save_fittings(fittings, folder / FITTINGS)
    return folder / FITTINGS
