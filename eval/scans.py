"""Scans and reconstructions: triangle meshes from OBJ and PLY files, in the order of the file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import DatasetError, UsageError

Floats = NDArray[np.float64]
FORMATS = (".obj", ".ply")
GREY = 190


@dataclass(frozen=True)
class Scan:
    """vertices: (V, 3) in the unit of the file, mm for Florence; triangles: (T, 3), may be none (a point cloud);
    colours: (V, 3) uint8 sRGB, grey where the file has none."""

    vertices: Floats
    triangles: NDArray[np.int64]
    colours: NDArray[np.uint8]


def load_scan(path: Path) -> Scan:
    """The mesh of an .obj or .ply file, vertices in its order, so that landmark indices hold.

    Texture coordinates of OBJ files colour the vertices where the picture that the .mtl names is there.
    Raises DatasetError for a file that is missing, damaged, empty or not finite.
    """
    if path.suffix.lower() not in FORMATS:
        raise DatasetError(f"{path}: not a scan; expected a file that ends in {' or '.join(FORMATS)}")
    if not path.is_file():
        raise DatasetError(f"{path}: no such file")
    import trimesh

    try:
        loaded: Any = trimesh.load(path, process=False, maintain_order=True, force="mesh")
        vertices = np.asarray(loaded.vertices, np.float64)
        triangles = np.asarray(getattr(loaded, "faces", np.zeros((0, 3))), np.int64).reshape(-1, 3)
    except Exception as error:  # trimesh raises what its parsers meet
        raise DatasetError(f"{path} is damaged or holds no mesh: {error}") from error
    if not len(vertices) or vertices.ndim != 2:
        raise DatasetError(f"{path} holds no vertices")
    if not np.isfinite(vertices).all():
        raise DatasetError(f"{path}: vertex {int(np.argmin(np.isfinite(vertices).all(axis=1)))} is not finite")
    if triangles.size and (triangles.min() < 0 or triangles.max() >= len(vertices)):
        raise DatasetError(f"{path}: a triangle uses vertex {triangles.max()}, the file has {len(vertices)}")
    return Scan(vertices, triangles, _colours(loaded, len(vertices)))


def cropped(scan: Scan, centre: NDArray[np.floating], radius: float) -> Scan:
    """The part of a scan within `radius` of a point (3,), in its unit; triangles with all corners in it.

    The MICC protocol cuts at 95 mm about the nose tip. Raises UsageError when nothing is left.
    """
    kept = np.linalg.norm(scan.vertices - np.asarray(centre, np.float64), axis=1) <= radius
    if not kept.any():
        raise UsageError(f"no vertex lies within {radius:g} of {np.round(centre, 1).tolist()}; is the scan in mm?")
    number = np.cumsum(kept) - 1
    inside = kept[scan.triangles].all(axis=1) if len(scan.triangles) else np.zeros(0, bool)
    return Scan(scan.vertices[kept], number[scan.triangles[inside]].reshape(-1, 3), scan.colours[kept])


def _colours(mesh: Any, count: int) -> NDArray[np.uint8]:
    grey = np.full((count, 3), GREY, np.uint8)
    visual = getattr(mesh, "visual", None)
    if visual is None or not getattr(visual, "defined", False):
        return grey
    try:
        colours = np.asarray((visual.to_color() if visual.kind == "texture" else visual).vertex_colors)
    except (AttributeError, ValueError, IndexError, TypeError):
        return grey  # a material without its picture
    return colours[:, :3].astype(np.uint8) if colours.shape == (count, 4) else grey
