"""Scans with 68 landmarks each: the layout of the Florence release, or any folder of OBJ and PLY files."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eval.scans import FORMATS, Scan, load_scan
from synthgen.core.errors import DatasetError

Floats = NDArray[np.float64]
INDICES = "landmarks.txt"  # 68 vertex numbers, the same for all meshes below it
_RELEASE = re.compile(r"(?P<subject>subject_\d+)/Model/(?P<take>frontal\d+)/obj/")


@dataclass(frozen=True)
class ScanFile:
    """name: unique, "subject_01/frontal1" in the release, else the path without its ending; subject: what scans share,
    the first part of the name."""

    name: str
    path: Path

    @property
    def subject(self) -> str:
        """Whose scan it is."""
        return self.name.split("/")[0]


def find_scans(folder: Path) -> list[ScanFile]:
    """The scans below a folder, sorted by name. Raises DatasetError when there are none or two of one name."""
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder")
    found: dict[str, ScanFile] = {}
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in FORMATS):
        relative = path.relative_to(folder).as_posix()
        release = _RELEASE.match(relative)
        name = f"{release['subject']}/{release['take']}" if release else str(Path(relative).with_suffix("").as_posix())
        if name in found:
            raise DatasetError(f"{folder}: {found[name].path.name} and {path.name} are both {name}; keep one of them")
        found[name] = ScanFile(name, path)
    if not found:
        raise DatasetError(f"{folder} holds no scans; expected {' or '.join(FORMATS)} files somewhere below it")
    return list(found.values())


def load_landmarked(file: ScanFile, root: Path) -> tuple[Scan, Floats]:
    """A mesh and its landmarks (68, 3), NaN for unknown ones.

    They come from a file beside the mesh with the same stem, .ljson (menpo) or .txt (68 lines of x y z), or from
    landmarks.txt in its folder or one above up to `root`: 68 numbers of vertices, 0-based, -1 for unknown.
    Raises DatasetError when there are none or they are damaged.
    """
    scan = load_scan(file.path)
    for suffix, read in ((".ljson", _read_ljson), (".txt", _read_rows)):
        beside = file.path.with_suffix(suffix)
        if beside.is_file():
            return scan, _checked(beside, read(beside))
    for folder in (file.path.parent, *file.path.parent.parents):
        if (folder / INDICES).is_file():
            return scan, _at_vertices(folder / INDICES, scan)
        if folder == root:
            break
    raise DatasetError(
        f"{file.path} has no landmarks: expected {file.path.stem}.ljson or {file.path.stem}.txt (68 lines of x y z) "
        f"beside it, or {INDICES} (68 vertex numbers) in its folder or one above"
    )


def _read_ljson(path: Path) -> Floats:
    """Menpo's files of versions 2 and 3: {"landmarks": {"points": ...}}, or groups of them, of which there is one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if "groups" in content:
            (content,) = content["groups"].values()
        points = content["landmarks"]["points"]
        return np.array([[np.nan if x is None else float(x) for x in point] for point in points])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{path} is not menpo's landmark JSON: {error}") from error


def _read_rows(path: Path) -> Floats:
    try:
        return np.loadtxt(path, ndmin=2)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: expected 68 lines of x y z: {error}") from error


def _checked(path: Path, points: Floats) -> Floats:
    if points.shape != (68, 3):
        raise DatasetError(f"{path} holds landmarks of shape {points.shape}, expected (68, 3)")
    return points


def _at_vertices(path: Path, scan: Scan) -> Floats:
    try:
        numbers = np.loadtxt(path).astype(np.int64).ravel()
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: expected 68 vertex numbers: {error}") from error
    if len(numbers) != 68 or numbers.max() >= len(scan.vertices) or numbers.min() < -1:
        raise DatasetError(
            f"{path}: expected 68 numbers of vertices from 0 to {len(scan.vertices) - 1}, -1 for unknown; got "
            f"{len(numbers)} from {numbers.min(initial=0)} to {numbers.max(initial=0)}"
        )
    return np.where(numbers[:, None] >= 0, scan.vertices[np.maximum(numbers, 0)], np.nan)
