"""Predicted or exact flow to the mean face, read from files: what a fit to dense correspondences starts from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from synthgen.core.conventions import MATCHABILITY_POLICIES
from synthgen.core.errors import AssetError

Array = NDArray[np.float64]
PROBABLE = 0.5  # a probability of a match from which it is used, and then it is its weight


@dataclass(frozen=True)
class FlowPicture:
    """One picture's flow.

    flow: (H, W, 2) px, from the picture to the mean face, or from the mean face to the picture where `backward`.
    weight: (H, W) float32 in [0, 1], 0 where there is no match. image: (H, W, 3) uint8, None where the source has none.
    landmarks: (68, 2) px, NaN where there is none. principal: (2,) px, of its perspective camera, NaN for the centre.
    """

    flow: NDArray[np.floating]
    weight: NDArray[np.float32]
    backward: bool
    image: NDArray[np.uint8] | None
    landmarks: Array
    principal: Array


class FlowSet(Protocol):
    """N pictures of one size with flow to or from the mean face."""

    @property
    def names(self) -> Sequence[str]:
        """Unique names."""

    @property
    def photos(self) -> Sequence[str]:
        """Picture files below the photo folder, "" where there is none."""

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of every picture."""

    @property
    def clips(self) -> NDArray[np.int64] | None:
        """(N,) which clip each picture is a frame of, None without clips."""

    def picture(self, row: int) -> FlowPicture:
        """The flow of one picture. Raises AssetError or DatasetError when it cannot be read."""


def match_weight(matchability: NDArray, where: str) -> NDArray[np.float32]:
    """(...,) weights of matches, from a mask (bool), reason codes (uint8; the policy `dfc`) or probabilities (float).

    Raises AssetError for another type, or probabilities outside [0, 1].
    """
    if matchability.dtype == np.bool_:
        return matchability.astype(np.float32)
    if matchability.dtype == np.uint8:
        return np.isin(matchability, MATCHABILITY_POLICIES["dfc"]).astype(np.float32)
    if matchability.dtype.kind != "f":
        raise AssetError(f"{where} has type {matchability.dtype}; expected bool, uint8 reason codes or float in [0, 1]")
    weight = np.nan_to_num(matchability.astype(np.float32), nan=0.0)
    if weight.size and not 0.0 <= weight.min() <= weight.max() <= 1.0:
        raise AssetError(f"{where} goes from {weight.min():g} to {weight.max():g}; expected probabilities in [0, 1]")
    return np.where(weight >= PROBABLE, weight, 0.0).astype(np.float32)


def is_flow_source(path: Path) -> bool:
    """Whether a path holds flow rather than landmarks: a dataset, an .npz with flow, or a folder of such files."""
    from synthgen.fittings.flow_dataset import is_dataset
    from synthgen.fittings.flow_file import is_flow_file

    if path.is_dir():
        files = sorted(path.glob("*.npz"))
        return is_dataset(path) or bool(files) and is_flow_file(files[0])
    return is_flow_file(path)


def open_flow_set(path: Path) -> FlowSet:
    """The flow in a file, a folder of files or a dataset of kind fittings. Raises AssetError or DatasetError."""
    from synthgen.fittings.flow_dataset import is_dataset, open_flow_dataset
    from synthgen.fittings.flow_file import open_flow_files

    if is_dataset(path):
        return open_flow_dataset(path)
    return open_flow_files(sorted(path.glob("*.npz")) if path.is_dir() else [path])
