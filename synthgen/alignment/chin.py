"""Where annotators see the chin end: lines of vertices under the chin, from each landmark outwards to the neck.

Models put the chin's points on its front (ICT-FaceKit 4 mm above the edge that a photo shows), annotators mark the
edge where the chin turns under. Which vertex that is depends on the pose.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.alignment.solver import Array

CHIN = np.arange(5, 12)  # jaw points that have a line
_LENGTH, _HALF_WIDTH = 14.0, 4.0  # mm, of a line and of the strip around it in which vertices are taken
_MOST = 8  # vertices on a line
_EDGE = 0.35  # cosine between the surface's normal and the view: about 70 degrees is where a chin seems to end


@dataclass(frozen=True)
class ChinLines:
    """C = 7 lines of at most L vertices, ordered from the landmark outwards.

    vertices: (C, L) int32, -1 where a line is shorter; normals: (C, 1 + L, 3) outward unit normals of the mean head,
    the landmark's first.
    """

    vertices: NDArray[np.int32]
    normals: Array


def chin_lines(mean: Array, triangles: NDArray[np.int32], landmarks: Array) -> ChinLines:
    """Lines under the chin of a mean head (V, 3) mm with landmarks (68, 3) mm."""
    normals = _vertex_normals(mean, triangles)
    vertices = np.full((len(CHIN), _MOST), -1, np.int32)
    found = np.zeros((len(CHIN), 1 + _MOST, 3))
    for line, point in enumerate(CHIN):
        start = landmarks[point]
        along = landmarks[point + 1, :2] - landmarks[point - 1, :2]
        along /= np.linalg.norm(along)
        outwards = np.array([along[1], -along[0]])  # the jaw runs towards +x: its right-hand side is below
        offset = mean - start
        distance = np.linalg.norm(offset, axis=1)
        strip = np.abs(offset[:, :2] @ along) < _HALF_WIDTH
        behind = (offset[:, :2] @ outwards > 0.5) & (offset[:, 2] < 1.0) & (normals[:, :2] @ outwards > 0.0)
        rows = np.flatnonzero(strip & behind & (distance < _LENGTH))
        rows = rows[np.argsort(distance[rows])][:_MOST]
        vertices[line, : len(rows)] = rows
        found[line, 0] = normals[np.argmin(distance)]
        found[line, 1 : 1 + len(rows)] = normals[rows]
    return ChinLines(vertices, found)


def chin_edges(lines: ChinLines, rotation: Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where the chin ends for heads turned by (N, 3, 3): position (N, C) on each line, -1 for the landmark itself.

    Also, (N, C) bool, whether the landmark faces the viewer at all; one that does not is hidden behind the outline.
    """
    slant = lines.normals @ rotation[:, None, 2, :, None]  # (N, C, 1 + L, 1): z of the turned normals
    exists = np.concatenate([np.ones((len(CHIN), 1), bool), lines.vertices >= 0], axis=1)
    beyond = (slant[..., 0] < _EDGE) & exists
    last = exists.sum(axis=1) - 1
    place = np.where(beyond.any(axis=-1), beyond.argmax(axis=-1), last)
    return place - 1, slant[:, :, 0, 0] >= 0.0


def _vertex_normals(vertices: Array, triangles: NDArray[np.int32]) -> Array:
    """(V, 3) area-weighted unit normals."""
    corners = vertices[triangles]
    areas = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], areas)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
