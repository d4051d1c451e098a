"""What the face template is made of, on meshes small enough to see the answer."""

import numpy as np
import pytest

from synthgen.morphable.loaders.chart_overlap import overlapping_pairs
from synthgen.morphable.loaders.face_shell import depth_behind, edge_components, has_border, one_patch, skin_rows


def clipped_area(first: np.ndarray, second: np.ndarray) -> float:
    """Area that two counter-clockwise triangles share: one clipped by the sides of the other (Sutherland-Hodgman)."""
    polygon = [tuple(point) for point in first]
    for start, stop in zip(second, np.roll(second, -1, axis=0)):

        def inside(p, start=start, stop=stop):
            return (stop[0] - start[0]) * (p[1] - start[1]) - (stop[1] - start[1]) * (p[0] - start[0])

        kept = []
        for here, there in zip(polygon, polygon[1:] + polygon[:1]):
            a, b = inside(here), inside(there)
            if a >= 0:
                kept.append(here)
            if a * b < 0:
                kept.append(tuple(np.array(here) + a / (a - b) * (np.array(there) - np.array(here))))
        polygon = kept
        if not polygon:
            return 0.0
    x, y = np.array(polygon).T
    return float(0.5 * np.abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)))


def test_overlaps_are_those_of_clipping() -> None:
    rng = np.random.default_rng(0)
    sizes = np.exp(rng.uniform(np.log(0.004), np.log(0.3), 120))
    corners = rng.random((120, 1, 2)) + sizes[:, None, None] * rng.standard_normal((120, 3, 2))
    twice = np.cross(
        np.pad(corners[:, 1] - corners[:, 0], ((0, 0), (0, 1))), np.pad(corners[:, 2] - corners[:, 0], ((0, 0), (0, 1)))
    )[:, 2]
    corners[twice < 0] = corners[twice < 0][:, ::-1]
    expected = {(i, j) for i in range(120) for j in range(i + 1, 120) if clipped_area(corners[i], corners[j]) > 1e-12}
    found = overlapping_pairs(corners)
    assert len(expected) > 200
    assert set(map(tuple, found.tolist())) == expected
    assert len(found) == len(expected)


def test_neighbours_do_not_overlap() -> None:
    x, y = np.meshgrid(np.linspace(0, 1, 12), np.linspace(0, 1, 12))
    points = np.stack([x, y], axis=-1) ** 1.5
    a, b, c, d = points[:-1, :-1], points[:-1, 1:], points[1:, 1:], points[1:, :-1]
    corners = np.concatenate([np.stack([a, b, c], 2).reshape(-1, 3, 2), np.stack([a, c, d], 2).reshape(-1, 3, 2)])
    assert len(overlapping_pairs(corners.astype(np.float32))) == 0


def test_depth_behind_is_the_distance_to_the_outer_sheet() -> None:
    chart = np.array([[0.0, 0], [1, 0], [0, 1], [0.1, 0.1], [0.3, 0.1], [0.1, 0.3], [2, 2], [3, 2], [2, 3]])
    radius = np.array([10.0, 20.0, 10.0, 5.0, 5.0, 5.0, 1.0, 1.0, 1.0])
    depth = depth_behind(chart, np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8]]), radius)
    # The small triangle's middle lies at (1/6, 1/6), where the large one has radius 10 + 10 / 6.
    np.testing.assert_allclose(depth, [0.0, 5.0 + 10.0 / 6.0, 0.0], atol=1e-12)


def test_one_patch_leaves_the_largest_fan_at_a_pinch() -> None:
    # Two fans that meet at vertex 0 alone; five triangles, all reachable over the far side 3-4.
    triangles = np.array([[0, 1, 2], [0, 2, 3], [0, 4, 5], [2, 6, 3], [3, 6, 4]])
    chosen = one_patch(triangles, np.ones(5, bool))
    assert chosen.tolist() == [True, True, False, True, True]


def test_one_patch_drops_the_third_triangle_at_an_edge() -> None:
    triangles = np.array([[0, 1, 2], [2, 1, 3], [2, 3, 4], [0, 1, 5]])
    assert one_patch(triangles, np.ones(4, bool)).tolist() == [True, True, True, False]
    assert one_patch(triangles, np.zeros(4, bool)).tolist() == [False] * 4


def test_components_share_edges_not_corners() -> None:
    triangles = np.array([[0, 1, 2], [2, 1, 3], [3, 4, 5], [7, 8, 9]])
    piece = edge_components(triangles)
    assert piece[0] == piece[1]
    assert len(set(piece.tolist())) == 3
    assert skin_rows(triangles, np.array([0, 3, 9])).tolist() == [True, True, False, False]


def test_a_closed_surface_has_no_border() -> None:
    tetrahedron = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]])
    assert not has_border(tetrahedron)
    assert has_border(tetrahedron[:3])


@pytest.mark.parametrize("count", [0, 1])
def test_overlaps_of_hardly_any_triangles(count: int) -> None:
    assert overlapping_pairs(np.zeros((count, 3, 2)) + [[0, 0], [1, 0], [0, 1]]).shape == (0, 2)
