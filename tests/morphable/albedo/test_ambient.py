"""Ambient light against shapes whose answer is known."""

import numpy as np
import pytest

from synthgen.morphable.albedo.ambient import open_sky, vertex_normals


def sphere(radius: float, inwards: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """A latitude-longitude sphere, outward (or inward) triangles."""
    rows, columns = 40, 80
    polar = np.linspace(0.0, np.pi, rows + 1)[1:-1]
    around = np.arange(columns) * 2 * np.pi / columns
    p, a = np.meshgrid(polar, around, indexing="ij")
    ring = np.stack([np.sin(p) * np.cos(a), np.sin(p) * np.sin(a), np.cos(p)], axis=-1).reshape(-1, 3)
    vertices = np.concatenate([ring, [[0, 0, 1.0], [0, 0, -1.0]]]) * radius
    index = np.arange(len(ring)).reshape(rows - 1, columns)
    i, j, k, m = index[:-1], np.roll(index, -1, 1)[:-1], index[1:], np.roll(index, -1, 1)[1:]
    triangles = np.concatenate([np.stack([i, k, m], -1).reshape(-1, 3), np.stack([i, m, j], -1).reshape(-1, 3)])
    top = np.stack([index[0], np.roll(index[0], -1), np.full(columns, len(ring))], axis=-1)
    bottom = np.stack([np.roll(index[-1], -1), index[-1], np.full(columns, len(ring) + 1)], axis=-1)
    triangles = np.concatenate([triangles, top, bottom])
    return vertices, triangles[:, ::-1] if inwards else triangles


def test_a_ball_sees_the_whole_sky() -> None:
    vertices, triangles = sphere(60.0)
    assert open_sky(vertices, triangles).min() > 0.93


def test_the_inside_of_a_ball_sees_none() -> None:
    vertices, triangles = sphere(60.0, inwards=True)
    assert open_sky(vertices, triangles).max() < 0.05


def test_the_foot_of_a_wall_sees_half() -> None:
    # Floor z = 0 and wall x = 0, both 200 mm: at their edge half of the floor's cosine-weighted sky is left.
    line = np.linspace(-100.0, 100.0, 41)
    x, y = np.meshgrid(np.linspace(0.0, 200.0, 41), line, indexing="ij")
    floor = np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 3)
    wall = np.stack([np.zeros_like(x), -y, x], axis=-1).reshape(-1, 3)
    index = np.arange(41 * 41).reshape(41, 41)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    grid = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    sky = open_sky(np.concatenate([floor, wall]), np.concatenate([grid, grid + 41 * 41]))
    middle = slice(15, 26)
    # The wall is 200 mm high and wide, not infinite: a little more than half near it, more far away.
    assert sky[: 41 * 41].reshape(41, 41)[2, middle].mean() == pytest.approx(0.54, abs=0.06)
    assert sky[: 41 * 41].reshape(41, 41)[38, middle].mean() > 0.8


def test_normals_of_a_ball_point_outwards() -> None:
    vertices, triangles = sphere(10.0)
    normals = vertex_normals(vertices, triangles)
    np.testing.assert_allclose((normals * vertices).sum(axis=1), 10.0, atol=0.05)
