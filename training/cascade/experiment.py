"""densereg's figure 7 (bottom) on rendered faces: refinement from a detector's box and from densereg."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.core.errors import DatasetError, UsageError
from synthgen.dataset.reader import open_dataset
from synthgen.predict.card import Network
from synthgen.predict.landmark_shapes import LandmarkShapes, learn_shapes
from synthgen.predict.outputs import predict_crops
from training.cascade.descriptors import Array, Floats, grey
from training.cascade.regressors import Cascade, CascadeOptions, train_cascade
from training.cascade.starts import box_starts, near_starts
from training.landmark_error import box_errors

BOX, NEAR = "box", "near"
TURNED_DEG = 30.0


@dataclass(frozen=True)
class Faces:
    """pictures: (N, H, W, 3) uint8; truth: (N, 68, 2) px; yaw_deg: (N,), NaN where the dataset does not say."""

    pictures: NDArray[np.uint8]
    truth: Array
    yaw_deg: Array

    @property
    def grey(self) -> Floats:
        """(N, H, W) in [0, 1]."""
        return grey(self.pictures)


@dataclass(frozen=True)
class Row:
    """One initialisation. name; errors: (S + 1,) mean NME before and after every step; turned: the same for faces
    turned by more than TURNED_DEG; per_face: (N,) at the end."""

    name: str
    errors: Array
    turned: Array
    per_face: Array


def read_faces(folder: Path, most: int | None = None) -> Faces:
    """The faces of a dataset with `image` and `landmarks_2d`. Raises DatasetError for one without."""
    dataset = open_dataset(folder)
    missing = [name for name in ("image", "landmarks_2d") if name not in dataset.array_names]
    if missing:
        raise DatasetError(f"{folder} has no label {', '.join(missing)}, which a cascade needs (recipes/densereg)")
    with_pose = "euler" in dataset.array_names
    some = dataset.with_labels("image", "landmarks_2d", *(("euler",) if with_pose else ()))
    samples = [some[number] for number in range(len(some) if most is None else min(most, len(some)))]
    samples = [sample for sample in samples if np.isfinite(sample["landmarks_2d"]).all()]
    if not samples:
        raise DatasetError(f"{folder} holds no sample with landmarks")
    yaw = [np.rad2deg(sample["euler"][1]) if with_pose else np.nan for sample in samples]
    return Faces(
        np.stack([sample["image"] for sample in samples]),
        np.stack([sample["landmarks_2d"] for sample in samples]).astype(np.float64),
        np.array(yaw),
    )


def train_cascades(
    faces: Faces,
    options: CascadeOptions,
    copies: int = 5,
    seed: int = 0,
    progress: Callable[[str, int, float], None] = lambda name, step, error: None,
) -> dict[str, Cascade]:
    """A cascade for each kind of start, trained with `copies` random ones of each face.

    Starts near the truth stand for densereg's landmarks: those on its own training pictures would be too good.
    """
    shapes = learn_shapes(faces.truth)
    pictures, rows = faces.grey, np.repeat(np.arange(len(faces.truth)), copies)
    found = {}
    for name, make in ((BOX, box_starts), (NEAR, near_starts)):
        starts = make(faces.truth[rows], shapes, np.random.default_rng(seed))

        def told(step: int, error: float, name: str = name) -> None:
            progress(name, step, error)

        found[name] = train_cascade(pictures, faces.truth, (rows, starts), shapes, options, told)
    return found


def compare_starts(cascades: Mapping[str, Cascade], faces: Faces, densereg: Network | None, seed: int = 1) -> list[Row]:
    """NME of every start and step. A face that densereg does not find starts from the box.

    Raises UsageError for a densereg of pictures of another size.
    """
    shapes = next(iter(cascades.values())).shapes
    pictures = faces.grey
    from_box = box_starts(faces.truth, shapes, np.random.default_rng(seed))
    starts = {"mean shape in the box": (BOX, from_box)}
    if densereg is not None:
        starts |= {name: (NEAR, points) for name, points in densereg_starts(densereg, faces, from_box, shapes).items()}
    turned = np.abs(faces.yaw_deg) > TURNED_DEG
    rows = []
    for name, (kind, points) in starts.items():
        steps, truth = cascades[kind].refine(pictures, points), torch.from_numpy(faces.truth)
        errors = np.stack([box_errors(torch.from_numpy(step), truth).numpy() for step in steps])
        apart = errors[:, turned].mean(axis=1) if turned.any() else np.full(len(errors), np.nan)
        rows.append(Row(name, errors.mean(axis=1), apart, errors[-1]))
    return rows


def densereg_starts(densereg: Network, faces: Faces, instead: Array, shapes: LandmarkShapes) -> dict[str, Array]:
    """(N, 68, 2) px of densereg's landmarks, as found and rebuilt by PCA; `instead` where it finds no face."""
    if densereg.card.method != "densereg" or "uv" not in densereg.card.outputs:
        raise UsageError(f"a cascade starts from a densereg of coordinates; this network is {densereg.card.method}")
    found = predict_crops(densereg, faces.pictures)
    assert found.landmarks is not None and found.raw_landmarks is not None
    kinds = {"densereg": found.raw_landmarks, "densereg, PCA": found.landmarks}
    return {
        name: np.where(np.isfinite(points).all(axis=(1, 2), keepdims=True), points, instead)
        for name, points in kinds.items()
    }
