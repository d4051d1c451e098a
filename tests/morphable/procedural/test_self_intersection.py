"""No triangle of the head passes through another: exact segment-triangle tests on all close pairs."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from synthgen.core.conventions import PARTS
from synthgen.morphable.model import MorphableModel, evaluate_vertices

LARGE_MM = 7.0  # larger triangles lie on the smooth back of the head and neck


def close_pairs(vertices: NDArray, triangles: NDArray) -> tuple[NDArray, NDArray]:
    """Triangles that may touch and share no vertex."""
    corners = vertices[triangles].astype(np.float64)
    small = np.flatnonzero(np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2).max(axis=1) < LARGE_MM)
    centre = corners[small].mean(axis=1)
    radius = np.linalg.norm(corners[small] - centre[:, None], axis=2).max(axis=1)
    pairs = cKDTree(centre).query_pairs(2.0 * float(np.percentile(radius, 99.5)), output_type="ndarray")
    gap = np.linalg.norm(centre[pairs[:, 0]] - centre[pairs[:, 1]], axis=1)
    pairs = pairs[gap < radius[pairs[:, 0]] + radius[pairs[:, 1]]]
    first, second = small[pairs[:, 0]], small[pairs[:, 1]]
    shared = (triangles[first][:, :, None] == triangles[second][:, None, :]).any(axis=(1, 2))
    return first[~shared], second[~shared]


def pierces(start: NDArray, stop: NDArray, triangle: NDArray, margin: float = 1e-6) -> NDArray:
    """Which segments pass through which triangles (P,), Moeller-Trumbore."""
    edge_1, edge_2 = triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0]
    direction = stop - start
    normal = np.cross(direction, edge_2)
    determinant = (edge_1 * normal).sum(axis=1)
    solvable = np.abs(determinant) > 1e-12
    determinant = np.where(solvable, determinant, 1.0)
    offset = start - triangle[:, 0]
    u = (offset * normal).sum(axis=1) / determinant
    across = np.cross(offset, edge_1)
    v = (direction * across).sum(axis=1) / determinant
    t = (edge_2 * across).sum(axis=1) / determinant
    inside = (u > margin) & (v > margin) & (u + v < 1.0 - margin)
    return solvable & inside & (t > margin) & (t < 1.0 - margin)


def intersections(vertices: NDArray, triangles: NDArray) -> int:
    """Number of triangle pairs that pass through each other."""
    first, second = close_pairs(vertices, triangles)
    corners = vertices[triangles].astype(np.float64)
    hit = np.zeros(len(first), bool)
    for a, b in ((first, second), (second, first)):
        for k in range(3):
            hit |= pierces(corners[a, k], corners[a, (k + 1) % 3], corners[b])
    return int(hit.sum())


@pytest.fixture(scope="module")
def skin(head: MorphableModel) -> NDArray:
    """Triangles (T, 3) of the largest connected surface: skin, lids, pouch of the mouth."""
    triangles = head.template.triangles
    label = np.arange(len(head.mean))
    for _ in range(400):
        least = label[triangles].min(axis=1)
        fresh = label.copy()
        np.minimum.at(fresh, triangles.ravel(), np.repeat(least, 3))
        fresh = fresh[fresh]
        if np.array_equal(fresh, label):
            break
        label = fresh
    return triangles[label[triangles[:, 0]] == np.bincount(label).argmax()]


def test_the_check_finds_a_pierced_surface(head: MorphableModel, skin: NDArray) -> None:
    lips = head.template.triangles[head.template.parts == PARTS.index("upper_lip")]
    lowered = head.mean.copy()
    lowered[np.unique(lips)] -= np.array([0.0, 3.0, 0.0], np.float32)
    assert intersections(lowered, skin) > 0


def test_mean_does_not_intersect_itself(head: MorphableModel, skin: NDArray) -> None:
    assert intersections(head.mean, skin) == 0


@pytest.mark.parametrize("component", range(8))
@pytest.mark.parametrize("sigma", [-3.0, 3.0])
def test_three_sigma(head: MorphableModel, skin: NDArray, component: int, sigma: float) -> None:
    identity = sigma * np.eye(40)[[component]]
    assert intersections(evaluate_vertices(head, identity, np.zeros((1, 10)))[0], skin) == 0


def test_all_components_together(head: MorphableModel, skin: NDArray) -> None:
    """Random directions, each as long as three standard deviations of one component."""
    for row in np.random.default_rng(3).normal(size=(4, 1, 40)):
        identity = 3.0 * row / np.linalg.norm(row)
        assert intersections(evaluate_vertices(head, identity, np.zeros((1, 10)))[0], skin) == 0


@pytest.mark.parametrize("movement", range(10))
def test_full_movements(head: MorphableModel, skin: NDArray, movement: int) -> None:
    weights = np.eye(10)[[movement]]
    assert intersections(evaluate_vertices(head, np.zeros((1, 40)), weights)[0], skin) == 0
