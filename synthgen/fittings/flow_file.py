"""Flow that a network predicted, as .npz files: one with N pictures, or a folder with one picture a file.

flow or flow_backward  (N, H, W, 2) float   px, from the picture to the mean face, or back
matchability, or matchability_backward with flow_backward
                       (N, H, W)            bool, float probability, or uint8 reason codes
names                  (N,) text            unique; the file's own name, numbered, without it
photos                 (N,) text            picture files below the photo folder, of H x W pixels
image                  (N, H, W, 3) uint8   the pictures, where there are no files
landmarks              (N, 68, 2) float     px, iBUG order, NaN where there is none
principal              (N, 2) float         px, principal point of a perspective camera; the picture's centre without
clip                   (N,) int             pictures with the same number are consecutive frames of one clip

A file with one picture may leave out the first axis.
"""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.bounded_file import open_regular
from synthgen.core.errors import AssetError
from synthgen.core.limits import MOST_FITTING_ARRAY_BYTES, MOST_SIDE
from synthgen.core.npz import read_npz
from synthgen.core.relative_path import path_problem
from synthgen.fittings.flow_set import FlowPicture, match_weight

# Name -> shape after the pictures' axis (names stand for the picture's sides) and kinds of type.
_ARRAYS: dict[str, tuple[tuple[str | int, ...], str]] = {
    "flow": (("H", "W", 2), "f"),
    "flow_backward": (("H", "W", 2), "f"),
    "matchability": (("H", "W"), "bfu"),
    "matchability_backward": (("H", "W"), "bfu"),
    "names": ((), "U"),
    "photos": ((), "U"),
    "image": (("H", "W", 3), "u"),
    "landmarks": ((68, 2), "f"),
    "principal": ((2,), "f"),
    "clip": ((), "i"),
}
_ADVICE = "a file of flow to the mean face (docs/alignment.md)"
_SMALLEST = 16


@dataclass(frozen=True)
class FlowFiles:
    """The pictures of some files; as flow_set.FlowSet. arrays: of each file; owner: (file, row) of each picture."""

    names: tuple[str, ...]
    photos: tuple[str, ...]
    size: tuple[int, int]
    clips: NDArray[np.int64] | None
    arrays: tuple[Mapping[str, NDArray[Any]], ...]
    owner: tuple[tuple[int, int], ...]

    def picture(self, row: int) -> FlowPicture:
        """The flow of one picture. Raises AssetError for a matchability that is none."""
        file, place = self.owner[row]
        arrays = self.arrays[file]
        backward = "flow" not in arrays
        suffix = "_backward" if backward else ""
        weight = match_weight(arrays["matchability" + suffix][place], f"{self.names[row]}: matchability{suffix}")
        landmarks = arrays["landmarks"][place] if "landmarks" in arrays else np.full((68, 2), np.nan)
        principal = arrays["principal"][place] if "principal" in arrays else np.full(2, np.nan)
        image = arrays["image"][place] if "image" in arrays else None
        flow = arrays["flow" + suffix][place]
        return FlowPicture(flow, weight, backward, image, landmarks.astype(float), principal.astype(float))


def is_flow_file(path: Path) -> bool:
    """Whether a file is an .npz with an array of flow."""
    if path.suffix.lower() != ".npz" or not path.is_file():
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.removesuffix(".npy") in ("flow", "flow_backward") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile, ValueError):
        return False


def open_flow_files(paths: Sequence[Path]) -> FlowFiles:
    """The pictures of files of one size. Raises AssetError, naming file and array, for anything else."""
    arrays = [_read(path) for path in paths]
    names: list[str] = []
    photos: list[str] = []
    owner: list[tuple[int, int]] = []
    sizes = {path: _flow(found).shape[1:3] for path, found in zip(paths, arrays)}
    size = next(iter(sizes.values()))
    for number, (path, found) in enumerate(zip(paths, arrays)):
        if sizes[path] != size:
            raise AssetError(f"{path}: flow of {sizes[path]} pixels beside {size} in {paths[0]}; one size per fit")
        count = len(_flow(found))
        own = [path.stem] if count == 1 else [f"{path.stem}_{row:05d}" for row in range(count)]
        names += [str(name) for name in found["names"]] if "names" in found else own
        photos += [str(photo) for photo in found["photos"]] if "photos" in found else [""] * count
        owner += [(number, row) for row in range(count)]
    _check_texts(paths[0], names, photos)
    return FlowFiles(tuple(names), tuple(photos), (size[0], size[1]), _clips(arrays), tuple(arrays), tuple(owner))


def _flow(arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    return arrays["flow"] if "flow" in arrays else arrays["flow_backward"]


def _clips(arrays: Sequence[Mapping[str, NDArray[Any]]]) -> NDArray[np.int64] | None:
    if not all("clip" in found for found in arrays):
        return None
    return np.concatenate([found["clip"] for found in arrays]).astype(np.int64)


def _check_texts(path: Path, names: Sequence[str], photos: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        problem = path_problem(name) or ("it occurs twice" if name in seen else None)
        if problem:
            raise AssetError(f"{path}: name {name[:200]!r}: {problem}")
        seen.add(name)
    for photo in photos:
        problem = path_problem(photo) if photo else None
        if problem:
            raise AssetError(f"{path}: photo {photo[:200]!r}: {problem}")


def _read(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of one file, with an axis of pictures."""

    def judge(key: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        if key not in _ARRAYS:
            raise AssetError(f"{path}: unknown array {key!r}; expected {_ADVICE} with {', '.join(_ARRAYS)}")
        if dtype.kind not in _ARRAYS[key][1]:
            raise AssetError(f"{path}: array {key!r} has type {dtype}; expected {_ADVICE}")

    try:
        with open_regular(path) as file:
            arrays = read_npz(file, judge, MOST_FITTING_ARRAY_BYTES, compressed=True)
    except FileNotFoundError as error:
        raise AssetError(f"{path}: the file does not exist; expected {_ADVICE}") from error
    except OSError as error:
        raise AssetError(f"{path}: the file cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise AssetError(f"{path}: damaged or no such file ({error}); expected {_ADVICE}") from error
    _check_present(path, arrays)
    if _flow(arrays).ndim == 3 and _flow(arrays).shape[-1] == 2:
        arrays = {key: array[None] for key, array in arrays.items()}
    _check_shapes(path, arrays)
    return arrays


def _check_present(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    for flow, matchability in (("flow", "matchability"), ("flow_backward", "matchability_backward")):
        if flow in arrays:
            if matchability not in arrays:
                raise AssetError(f"{path}: array {matchability!r} is missing beside {flow!r}; expected {_ADVICE}")
            return
    raise AssetError(f"{path}: array 'flow' is missing; expected {_ADVICE}")


def _check_shapes(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    flow = _flow(arrays)
    if flow.ndim != 4 or not len(flow):
        raise AssetError(f"{path}: flow has shape {flow.shape}; expected (N, H, W, 2), or (H, W, 2) for one picture")
    sides = {"H": flow.shape[1], "W": flow.shape[2]}
    if not _SMALLEST <= min(sides.values()) <= max(sides.values()) <= MOST_SIDE:
        raise AssetError(f"{path}: flow of {flow.shape[1]} x {flow.shape[2]} pixels; expected {_SMALLEST}..{MOST_SIDE}")
    for key, array in arrays.items():
        wanted = (len(flow), *(sides[side] if isinstance(side, str) else side for side in _ARRAYS[key][0]))
        if array.shape != wanted:
            raise AssetError(f"{path}: array {key!r} has shape {array.shape}, expected {wanted} beside this flow")
