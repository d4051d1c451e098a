"""Points at vertices of a mesh, and the triangles that meet at a surface point."""

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import ModelError
from synthgen.morphable.template import SurfacePoints

# A corner with a smaller share of a point does not count: the point lies on the opposite edge.
_ON_EDGE = 1e-6
# Of triangles whose normals are about as near to the vertex normal (ratio of cosines) the first is taken.
_AS_GOOD = 0.95


def points_at_vertices(
    vertices: NDArray[np.integer], triangles: NDArray[np.integer], positions: NDArray[np.floating]
) -> SurfacePoints:
    """Surface points at vertices (K,), all weight on that corner of the triangle that lies most along the surface.

    triangles: (T, 3) rows of positions (V, 3), counter-clockwise from outside. Of the triangles that meet at a vertex
    one is taken whose normal is nearest to the vertex normal (weighted with areas), or nearly: at the rim of a lid or
    of the lips others turn inwards, away from whoever sees the point.

    Raises ModelError for a vertex that no triangle uses.
    """
    wanted = np.asarray(vertices, np.int64)
    own = np.zeros(len(wanted), np.int32)
    barycentric = np.zeros((len(wanted), 3), np.float32)
    for number, around in enumerate(_rows_with(wanted, triangles)):
        if not len(around):
            raise ModelError(f"landmark {number} (0-based) lies on vertex {int(wanted[number])}, without triangle")
        corners = np.asarray(positions, np.float64)[triangles[around]]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        lengths = np.linalg.norm(normals, axis=1)
        along = normals @ normals.sum(axis=0) / np.where(lengths > 0, lengths, np.inf)
        own[number] = around[np.argmax(along >= _AS_GOOD * along.max())]
        barycentric[number, np.argmax(triangles[own[number]] == wanted[number])] = 1.0
    return SurfacePoints(own, barycentric)


def triangles_around(points: SurfacePoints, triangles: NDArray[np.integer]) -> NDArray[np.int32]:
    """(K, M) rows of the triangles (T, 3) that a point lies on: all around a vertex, two at an edge, else its own.

    Rows are filled up with the point's own triangle.
    """
    corners = triangles[points.triangle]
    carried = points.barycentric > _ON_EDGE
    meeting = []
    for own, vertices, at in zip(points.triangle, corners, carried, strict=True):
        near = _rows_with(vertices[at], triangles)
        shared = set(near[0]).intersection(*near[1:]) - {int(own)}
        meeting.append([int(own), *sorted(int(row) for row in shared)])
    most = max((len(rows) for rows in meeting), default=1)
    filled = [rows + rows[:1] * (most - len(rows)) for rows in meeting]
    return np.array(filled, np.int32).reshape(len(meeting), most)


def _rows_with(vertices: NDArray[np.int64], triangles: NDArray[np.integer]) -> list[NDArray[np.int64]]:
    """For each vertex the triangles that have it as a corner, ascending."""
    return [np.flatnonzero((triangles == vertex).any(axis=1)) for vertex in vertices]
