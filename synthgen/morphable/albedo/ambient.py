"""How much ambient light reaches each vertex of the mean head: the baked part of shading that SH light lacks."""

import numpy as np
from numpy.typing import NDArray

DIRECTIONS = 48
_PIXEL_MM = 2.0
_BIAS_MM = 2.0
_SMOOTHING_ROUNDS = 2


def open_sky(vertices: NDArray[np.floating], triangles: NDArray[np.integer]) -> NDArray[np.float64]:
    """(V,) in [0, 1]: cosine-weighted share of directions from which each vertex of a mesh (V, 3), mm, is seen.

    The mesh is looked at from DIRECTIONS directions; a vertex is seen when no surface lies nearer in its pixel.
    """
    points = np.asarray(vertices, np.float64)
    normals = vertex_normals(points, triangles)
    surface = np.ascontiguousarray(_surface_points(points, triangles).T, np.float32)
    seen, total = np.zeros(len(points)), np.zeros(len(points))
    for direction in _sphere_directions(DIRECTIONS):
        cosine = np.maximum(normals @ direction, 0.0)
        # Within one pixel a surface seen at a slant is nearer at one side than at the other.
        slant = np.sqrt(1.0 - np.minimum(cosine, 1.0) ** 2) / np.maximum(cosine, 0.05)
        seen += cosine * _visible(points, surface, direction, _BIAS_MM + _PIXEL_MM * slant)
        total += cosine
    return _smoothed(seen / np.maximum(total, 1e-9), triangles)


def vertex_normals(points: NDArray[np.floating], triangles: NDArray[np.integer]) -> NDArray[np.float64]:
    """(V, 3) unit normals, area-weighted."""
    corners = points[triangles]
    normals = np.zeros((len(points), 3))
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    for axis in range(3):
        for corner in range(3):
            normals[:, axis] += np.bincount(triangles[:, corner], flat[:, axis], len(points))
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def _sphere_directions(count: int) -> NDArray[np.float64]:
    """(count, 3) directions spread evenly over the sphere (a Fibonacci lattice)."""
    number = np.arange(count) + 0.5
    z = 1.0 - 2.0 * number / count
    angle = np.pi * (1.0 + 5.0**0.5) * number
    radius = np.sqrt(1.0 - z**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)


def _surface_points(points: NDArray[np.float64], triangles: NDArray[np.integer]) -> NDArray[np.float64]:
    """Points inside all triangles, dense enough to close a depth image of _PIXEL_MM."""
    corners = points[triangles]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1).max(axis=1)
    samples = []
    for steps in (1, 2, 4, 8, 16):
        below = 0.0 if steps == 1 else steps * _PIXEL_MM / 2
        above = np.inf if steps == 16 else steps * _PIXEL_MM
        group = corners[(longest > below) & (longest <= above)]
        grid = [(i, j) for i in range(steps) for j in range(steps - i)]
        weights = np.array([[i + 1 / 3, j + 1 / 3, steps - i - j - 2 / 3] for i, j in grid]) / steps
        samples.append(np.einsum("sc,tcd->tsd", weights, group).reshape(-1, 3))
    return np.concatenate([*samples, points])


def _visible(
    points: NDArray[np.float64],
    surface: NDArray[np.float32],
    direction: NDArray[np.float64],
    bias: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(V,) 1 where nothing lies more than `bias` (V,), mm, nearer to `direction` in the point's pixel, else 0.

    points: (V, 3); surface: (3, N), whose contiguous rows make their smallest and largest cheap to find.
    """
    aside = np.array([1.0, 0.0, 0.0]) if abs(direction[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    right = np.cross(direction, aside)
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(direction, right), direction]).astype(np.float32)
    seen = axes @ surface
    corner = seen[:2].min(axis=1, keepdims=True)
    cells = ((seen[:2] - corner) / _PIXEL_MM).astype(np.int32)
    width = int(cells[0].max()) + 1
    nearest = np.full(width * (int(cells[1].max()) + 1), -np.inf, np.float32)
    np.maximum.at(nearest, cells[0] + width * cells[1], seen[2])
    own = axes @ points.T.astype(np.float32)
    column, row = np.maximum((own[:2] - corner) / _PIXEL_MM, 0.0).astype(np.int32)
    last = len(nearest) - 1
    return (own[2] >= nearest[np.minimum(column + width * row, last)] - bias).astype(np.float64)


def _smoothed(values: NDArray[np.float64], triangles: NDArray[np.integer]) -> NDArray[np.float64]:
    """Values (V,) after a few rounds of averaging with the vertices around."""
    for _ in range(_SMOOTHING_ROUNDS):
        mean = values[triangles].mean(axis=1)
        total, count = np.zeros(len(values)), np.zeros(len(values))
        for corner in range(3):
            total += np.bincount(triangles[:, corner], mean, len(values))
            count += np.bincount(triangles[:, corner], minlength=len(values))
        values = np.where(count > 0, total / np.maximum(count, 1), values)
    return values
