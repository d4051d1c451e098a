"""Landmarks at vertices lie on the triangle that shows them best, and know all triangles around them."""

import numpy as np
import pytest

from synthgen.core.errors import ModelError
from synthgen.morphable.surface_points import points_at_vertices, triangles_around
from synthgen.morphable.template import SurfacePoints

# The rim of a lip: two triangles of the skin towards +z, and, listed first, one that is folded in and faces -z.
POSITIONS = np.array([[0.0, 0, 0], [2, 0, 0], [0, 2, 0], [-2, 0, 0.2], [0.5, 1, -0.4], [1.5, 1, -0.4]])
TRIANGLES = np.array([[0, 4, 5], [0, 1, 2], [0, 2, 3]])


def test_the_triangle_along_the_surface_is_taken() -> None:
    corners = POSITIONS[TRIANGLES]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2]
    assert facing[0] < 0 < facing[1] and facing[2] > 0
    points = points_at_vertices(np.array([0, 3, 4]), TRIANGLES, POSITIONS)
    assert facing[points.triangle[0]] > 0
    assert points.triangle[1:].tolist() == [2, 0]
    assert points.barycentric.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]


def test_a_lost_landmark_is_named() -> None:
    with pytest.raises(ModelError, match="landmark 1 .*vertex 6, without triangle"):
        points_at_vertices(np.array([3, 6]), TRIANGLES, np.zeros((7, 3)))


def test_triangles_around_a_vertex_an_edge_and_an_inner_point() -> None:
    weights = np.array([[1, 0, 0], [0.5, 0, 0.5], [0.2, 0.3, 0.5], [0, 0, 1]], np.float32)
    around = triangles_around(SurfacePoints(np.array([1, 1, 1, 2], np.int32), weights), TRIANGLES)
    assert around.tolist() == [[1, 0, 2], [1, 2, 1], [1, 1, 1], [2, 2, 2]]
