"""Fittings: a morphable model's coefficients and camera measured for faces in photos, as one table of N faces."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.geometry.camera import Cameras

Array = NDArray[np.float64]
Box = tuple[float, float, float, float]  # left, top, right, bottom in px


@dataclass(frozen=True)
class FittingSet:
    """N fittings of one model with one kind of camera, in this project's conventions (core.conventions).

    names: unique, POSIX paths without extension below the set's folder, for example "AFW/AFW_134212_1_0".
    photos: the picture files, POSIX paths below the photo folder; several faces may share one.
    sizes: (N, 2) int32, height and width of the photos in px.
    perspective: the kind of camera; rotation (N, 3, 3) float64 world axes, translation (N, 3) mm camera space (zero for
    scaled orthographic), focal (N,) px or px/mm, principal (N, 2) px: as in geometry.camera.Cameras.
    depth_shift: (N,) px, the t_z of 3DDFA's pose, kept for `parameters_62` index 11 alone; 0 where there is none.
    identity: (N, I), standard deviations; expression: (N, E), the model's unit.
    landmarks: (N, 68, 2) px, annotated points in iBUG order; NaN where a point, or the whole face, has none.
    boxes: (N, 4) px, left, top, right, bottom that a detector or an annotator drew around the face; NaN where none did.
    ignore_boxes: per fitting, boxes of other faces in the photo; ignore_masks: per fitting, a mask picture (white =
    ignored) below the photo folder, or "".
    model: name of the model that the coefficients belong to, "" when unknown.
    """

    names: tuple[str, ...]
    photos: tuple[str, ...]
    sizes: NDArray[np.int32]
    perspective: bool
    rotation: Array
    translation: Array
    focal: Array
    principal: Array
    depth_shift: Array
    identity: Array
    expression: Array
    landmarks: Array
    boxes: Array
    ignore_boxes: tuple[tuple[Box, ...], ...]
    ignore_masks: tuple[str, ...]
    model: str = ""

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Skipped:
    """A fitting that was left out, and why: one sentence that names the file and key."""

    name: str
    reason: str


@dataclass(frozen=True)
class FittingsRead:
    """What a reader found. skipped is empty unless the caller asked to skip bad ones (they raise AssetError)."""

    fittings: FittingSet
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True)
class PhotoLandmarks:
    """One annotated face of a landmarks-only set.

    name, photo, size: as in FittingSet; points: (K, 2) float64 px (centre of the first pixel (0.5, 0.5)), NaN where
    a point is missing; visible: (K,) bool; scheme: "ibug68", "wflw98", "aflw21", "aflw19", "coco17" ...
    box: detector or annotation box, or None.
    """

    name: str
    photo: str
    size: tuple[int, int]
    points: Array
    visible: NDArray[np.bool_]
    scheme: str
    box: Box | None = None


def fitting_cameras(fittings: FittingSet, rows: NDArray[np.integer], device: str = "cpu") -> Cameras:
    """The cameras of some fittings as float32 tensors."""

    def tensor(array: Array) -> torch.Tensor:
        return torch.from_numpy(array[rows].astype(np.float32)).to(device)

    return Cameras(
        fittings.perspective,
        tensor(fittings.rotation),
        tensor(fittings.translation),
        tensor(fittings.focal),
        tensor(fittings.principal),
    )


def select_fittings(fittings: FittingSet, rows: NDArray[np.integer]) -> FittingSet:
    """Some fittings of a set, in the order of `rows` (M,)."""
    numbers = [int(row) for row in rows]
    arrays = ("sizes", "rotation", "translation", "focal", "principal", "depth_shift", "identity", "expression")
    tuples = ("names", "photos", "ignore_boxes", "ignore_masks")
    chosen: dict[str, Any] = {name: getattr(fittings, name)[numbers] for name in (*arrays, "landmarks", "boxes")}
    chosen |= {name: tuple(getattr(fittings, name)[row] for row in numbers) for name in tuples}
    return replace(fittings, **chosen)
