"""Procrustes, ICP and distances to a surface: closed forms and brute force."""

import numpy as np
import pytest

from eval.registration import IDENTITY, IcpOptions, Transform, icp, procrustes
from eval.surface_distance import nearest_surface
from synthgen.core.errors import UsageError
from synthgen.geometry.rotation import rotation_from_euler


def cloud(count: int = 400) -> np.ndarray:
    random = np.random.default_rng(0)
    directions = random.standard_normal((count, 3))
    return 80.0 * directions / np.linalg.norm(directions, axis=1, keepdims=True) * [1.0, 1.3, 0.8] + [0, 0, 5]


def test_a_known_transform_is_found() -> None:
    points = cloud()
    known = Transform(1.7, rotation_from_euler(np.array([0.3, -1.2, 0.4])), np.array([3.0, -40.0, 9.0]))
    found = procrustes(points, known(points), with_scale=True)
    assert found.scale == pytest.approx(1.7)
    np.testing.assert_allclose(found.rotation, known.rotation, atol=1e-10)
    np.testing.assert_allclose(found.shift, known.shift, atol=1e-9)
    assert procrustes(points, known(points)).scale == 1.0


def test_a_mirrored_shape_is_not_fitted_by_a_reflection() -> None:
    found = procrustes(cloud(), cloud() * [-1, 1, 1])
    assert np.linalg.det(found.rotation) == pytest.approx(1.0)


def test_no_other_transform_is_closer() -> None:
    random = np.random.default_rng(2)
    points, target = cloud(50), cloud(50)[::-1] + random.standard_normal((50, 3))
    for with_scale in (False, True):
        best = procrustes(points, target, with_scale)
        least = np.square(best(points) - target).sum()
        for _ in range(20):
            turn = rotation_from_euler(random.normal(0, 0.02, 3)) @ best.rotation
            scale = best.scale * (1 + with_scale * random.normal(0, 0.02))
            other = Transform(scale, turn, best.shift + random.normal(0, 0.3, 3))
            assert np.square(other(points) - target).sum() > least


def test_icp_brings_a_moved_copy_back() -> None:
    points = cloud()
    known = Transform(1.0, rotation_from_euler(np.array([0.03, 0.02, -0.04])), np.array([1.0, -2.0, 1.5]))
    for pairs_of in ("source", "target"):
        found = icp(points, known(points), options=IcpOptions(pairs_of=pairs_of, tolerance=1e-9))
        np.testing.assert_allclose(found.transform(points), known(points), atol=1e-6)
        assert found.distance < 1e-6
    scaled = Transform(1.01, known.rotation, known.shift)
    found = icp(points, scaled(points), options=IcpOptions(with_scale=True, tolerance=1e-9))
    assert found.transform.scale == pytest.approx(1.01)


def test_icp_that_keeps_the_closest_ignores_what_the_other_lacks() -> None:
    points = cloud(600)
    part = points[points[:, 1] < 60] + [0.5, 0.0, 0.0]
    # Every point of the whole looks for a partner in the part: a fifth has none.
    trimmed = icp(points, part, options=IcpOptions(pairs_of="source", keep=0.7, tolerance=1e-9))
    np.testing.assert_allclose(trimmed.transform(points), points + [0.5, 0, 0], atol=1e-6)
    whole = icp(points, part, options=IcpOptions(pairs_of="source", tolerance=1e-9))
    assert np.abs(whole.transform(points) - points - [0.5, 0, 0]).max() > 0.1


def test_icp_stops_at_its_limit() -> None:
    found = icp(cloud(), cloud() + 30.0, options=IcpOptions(iterations=2))
    assert found.iterations == 2


def test_too_few_points_are_refused() -> None:
    with pytest.raises(UsageError, match="3 or more"):
        procrustes(np.zeros((2, 3)), np.zeros((2, 3)))
    with pytest.raises(UsageError, match="3 points or more"):
        icp(np.zeros((2, 3)), cloud())
    with pytest.raises(UsageError, match="coincide"):
        procrustes(np.zeros((5, 3)), cloud(5), with_scale=True)
    with pytest.raises(UsageError, match="finite"):
        procrustes(np.full((5, 3), np.nan), cloud(5))
    np.testing.assert_array_equal(IDENTITY(cloud(5)), cloud(5))


def test_distances_to_one_triangle_by_hand() -> None:
    vertices = np.array([[0.0, 0, 0], [4, 0, 0], [0, 4, 0]])
    #                  above      beside a side   beyond a corner  beside the hypotenuse
    asked = np.array([[1.0, 1, 3], [2, -2, 0], [-3, -4, 0], [4, 4, 1]])
    found = nearest_surface(asked, vertices, np.array([[0, 1, 2]]))
    np.testing.assert_allclose(found.distance, [3, 2, 5, 3])
    np.testing.assert_allclose(found.plane, [3, 0, 0, 1])
    np.testing.assert_allclose(found.point, [[1, 1, 0], [2, 0, 0], [0, 0, 0], [2, 2, 0]])


def test_distances_to_a_mesh_against_dense_sampling() -> None:
    """No sampled point of any triangle is nearer, and one of a fine sampling is about as near."""
    random = np.random.default_rng(4)
    vertices = random.standard_normal((60, 3)) * [10, 10, 1]
    triangles = random.integers(0, 60, (90, 3))  # of very different sizes, some without area
    asked = random.standard_normal((40, 3)) * 12
    found = nearest_surface(asked, vertices, triangles)
    steps = np.linspace(0, 1, 41)
    weights = np.array([(1 - u, u * (1 - v), u * v) for u in steps for v in steps])
    samples = np.einsum("wk,tkc->twc", weights, vertices[triangles])
    brute = np.linalg.norm(asked[:, None, None] - samples[None], axis=-1)
    assert (found.distance <= brute.min(axis=(1, 2)) + 1e-9).all()
    assert (found.distance >= brute.min(axis=(1, 2)) - 0.6).all()
    np.testing.assert_allclose(np.linalg.norm(asked - found.point, axis=1), found.distance, atol=1e-9)
    assert (found.plane <= found.distance + 1e-9).all()


def test_a_large_triangle_far_from_its_centroid_is_found() -> None:
    """Many small triangles have nearer centroids, and the large one is nearer all the same."""
    small = np.array([[x, y, 5.0] for x in range(8) for y in range(8)], float)
    pieces = [[8 * x + y, 8 * x + y + 1, 8 * x + y + 8] for x in range(7) for y in range(7)]
    vertices = np.concatenate([small, [[-100.0, -100, 0], [100, -100, 0], [0, 300, 0]]])
    triangles = np.array([*pieces, [64, 65, 66]])
    found = nearest_surface(np.array([[3.0, 3.0, 1.0]]), vertices, triangles)
    assert found.distance[0] == pytest.approx(1.0)
    assert found.triangle[0] == len(pieces)
