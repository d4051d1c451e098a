"""Wavefront OBJ files with one mesh: positions and polygons, whole lines at a time."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthgen.core.bounded_file import read_bounded
from synthgen.core.errors import ModelError
from synthgen.core.limits import MOST_OBJ_BYTES
from synthgen.morphable.loaders.array_checks import check_believable


@dataclass(frozen=True)
class ObjMesh:
    """vertices: (V, 3) float64, the file's unit; polygons: (P, 4) int32, 0-based, -1 pads triangles."""

    vertices: NDArray[np.float64]
    polygons: NDArray[np.int32]


def read_obj(path: Path) -> ObjMesh:
    """The mesh of an OBJ file of triangles and quads; texture coordinates, normals and materials are skipped.

    Raises ModelError for a missing file, a line that is not numbers, other polygons, or an index out of range.
    """
    lines = _read_lines(path)
    vertices = _vertices(path, lines)
    polygons = _polygons(path, lines)
    if polygons.max(initial=-1) >= len(vertices) or not len(polygons):
        raise ModelError(f"{path}: polygons use vertex {polygons.max(initial=-1) + 1}, the file has {len(vertices)}")
    return ObjMesh(vertices, polygons)


def read_obj_target(path: Path, neutral: ObjMesh) -> NDArray[np.float64]:
    """Vertices (V, 3) of an OBJ file that must have the polygons of `neutral`. Raises ModelError like `read_obj`."""
    lines = _read_lines(path)
    vertices = _vertices(path, lines)
    if len(vertices) != len(neutral.vertices):
        raise ModelError(f"{path}: {len(vertices)} vertices, expected {len(neutral.vertices)} as in the neutral mesh")
    if not np.array_equal(_polygons(path, lines), neutral.polygons):
        raise ModelError(f"{path}: its polygons differ from the neutral mesh's; all files must be of one release")
    return vertices


def _read_lines(path: Path) -> list[bytes]:
    try:
        return read_bounded(path, MOST_OBJ_BYTES).splitlines()
    except FileNotFoundError as error:
        raise ModelError(f"{path}: file not found; the importer needs the whole model folder") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot read: {error.strerror or error}") from error
    except ValueError as error:
        raise ModelError(f"{path}: {error}") from error


def _vertices(path: Path, lines: list[bytes]) -> NDArray[np.float64]:
    rows = [line[2:] for line in lines if line.startswith(b"v ")]
    try:
        numbers = np.array(b" ".join(rows).split(), np.float64)
    except ValueError as error:
        raise ModelError(f"{path}: a vertex line is not numbers: {error}") from error
    if not rows or numbers.size != 3 * len(rows):
        raise ModelError(f"{path}: {len(rows)} vertex lines hold {numbers.size} numbers, expected three a line")
    vertices = numbers.reshape(-1, 3)
    check_believable(f"{path}: the list of vertices", vertices)
    return vertices


def _polygons(path: Path, lines: list[bytes]) -> NDArray[np.int32]:
    rows = [line[2:].split() for line in lines if line.startswith(b"f ")]
    sizes = np.array([len(row) for row in rows], np.int64)
    if not rows or sizes.min() < 3 or sizes.max() > 4:
        raise ModelError(
            f"{path}: expected triangles and quads, found polygons of {sorted(set(sizes.tolist()))} corners"
        )
    corners = [corner.partition(b"/")[0] for row in rows for corner in row]
    try:
        numbers = np.array(corners, np.int64)
    except (ValueError, OverflowError) as error:
        raise ModelError(f"{path}: a polygon line is not indices: {error}") from error
    if numbers.min() < 1 or numbers.max() > np.iinfo(np.int32).max:
        raise ModelError(
            f"{path}: polygon indices {numbers.min()} to {numbers.max()}, expected 1 to the number of vertices; "
            "relative or zero ones are not supported"
        )
    polygons = np.full((len(rows), 4), -1, np.int32)
    polygons[np.arange(4) < sizes[:, None]] = numbers - 1
    return polygons


def fan_triangles(polygons: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Triangles (T, 3), each polygon's in turn, and (T,) the row of the polygon each one comes from."""
    fans = polygons[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)
    real = fans.min(axis=1) >= 0
    return fans[real], np.repeat(np.arange(len(polygons)), 2)[real]
