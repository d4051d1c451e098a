"""Named points of the procedural head: the iBUG-68 set and the candidates for landmark marching."""

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable.procedural.grid import CHIN_FURROW, EYE, LOWER_LIP, MOUTH, UPPER_LIP, HeadGrid
from synthgen.morphable.surface_points import points_at_vertices
from synthgen.morphable.template import SurfacePoints

# (theta in degrees, t in mm) on the subject's left; the right half mirrors them.
JAW_LEFT = ((10.0, -96.8), (22.0, -92.0), (35.0, -80.0), (52.0, -63.0), (60.0, -43.0), (65.0, -23.0), (68.5, -3.0),
            (70.0, 17.0))  # fmt: skip
BROW_LEFT = ((7.6, 37.4), (13.5, 39.4), (20.0, 40.6), (27.0, 39.2), (36.0, 33.6))
RIDGE_T = (19.5, 8.0, -4.0, -15.5)
NOSE_BASE_LEFT = ((3.6, -27.2), (7.9, -26.6))
NOSE_BASE_MIDDLE = (0.0, -28.7)
# Positions along a slit or lip border, as a fraction from the outer to the inner eye corner or of the mouth's half.
LID_FRACTIONS = (0.34, 0.66)
OUTER_LIP_DEG = (3.2, 9.0)
INNER_LIP_DEG = 6.6


def _nearest_column(grid: HeadGrid, degrees: float) -> int:
    return int(np.abs(np.rad2deg(grid.theta[grid.lower[0]]) - degrees).argmin())


def _eye_vertices(grid: HeadGrid, side: int) -> list[int]:
    """Six vertices around an eye, iBUG order: the right eye starts at its outer, the left at its inner corner."""
    columns = grid.eyes[1] if side > 0 else grid.eyes[0]
    key = grid.key[EYE]
    first, second = (round(fraction * (len(columns) - 1)) for fraction in LID_FRACTIONS)
    upper = [int(grid.upper[key, columns[i]]) for i in (first, second)]
    lower = [int(grid.lower[key, columns[i]]) for i in (second, first)]
    ends = [int(grid.lower[key, columns[i]]) for i in (0, -1)]
    return [ends[0], *upper, ends[1], *lower]


def _lip_vertices(grid: HeadGrid) -> list[int]:
    """Twenty vertices of iBUG 48-67."""
    row, corner = grid.key, (int(grid.mouth[0]), int(grid.mouth[-1]))
    outer = [_nearest_column(grid, d) for d in (-OUTER_LIP_DEG[1], -OUTER_LIP_DEG[0], 0.0, *OUTER_LIP_DEG)]
    inner = [_nearest_column(grid, d) for d in (-INNER_LIP_DEG, 0.0, INNER_LIP_DEG)]
    mouth = row[MOUTH]
    points = [grid.lower[mouth, corner[0]], *grid.upper[row[UPPER_LIP], outer], grid.lower[mouth, corner[1]]]
    points += [*grid.upper[row[LOWER_LIP], outer[::-1]]]
    ends = (int(grid.mouth[1]), int(grid.mouth[-2]))
    points += [grid.upper[mouth, ends[0]], *grid.upper[mouth, inner], grid.upper[mouth, ends[1]]]
    points += [*grid.lower[mouth, inner[::-1]]]
    return [int(p) for p in points]


def _chart_points() -> dict[int, tuple[float, float]]:
    """(theta in degrees, t) of the landmarks that are not mesh vertices, by iBUG number."""
    points = {8: (0.0, -97.8), 33: NOSE_BASE_MIDDLE}
    for k, (theta, t) in enumerate(JAW_LEFT):
        points[9 + k], points[7 - k] = (theta, t), (-theta, t)
    for k, (theta, t) in enumerate(BROW_LEFT):
        points[22 + k], points[21 - k] = (theta, t), (-theta, t)
    for k, t in enumerate(RIDGE_T):
        points[27 + k] = (0.0, t)
    for k, (theta, t) in enumerate(NOSE_BASE_LEFT):
        points[34 + k], points[32 - k] = (theta, t), (-theta, t)
    return points


def _locate(point: NDArray[np.float64], corners: NDArray[np.float64]) -> tuple[int, NDArray[np.float64]]:
    """Triangle and barycentric coordinates (3,) of a chart point among chart triangles (T, 3, 2)."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    area = np.where(np.abs(area) < 1e-12, np.nan, area)
    second = ((point[0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (point[1] - a[:, 1]) * (c[:, 0] - a[:, 0])) / area
    third = ((b[:, 0] - a[:, 0]) * (point[1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (point[0] - a[:, 0])) / area
    weights = np.stack([1.0 - second - third, second, third], axis=1)
    best = int(np.nanargmax(np.nan_to_num(weights, nan=-1e9).min(axis=1)))
    inside = np.clip(weights[best], 0.0, None)
    return best, inside / inside.sum()


def ibug68(grid: HeadGrid, triangles: NDArray[np.int64], mean: NDArray[np.float64]) -> SurfacePoints:
    """The 68 points on the label-carrying triangles (T, 3) of the mean shape (V, 3)."""
    on_grid: NDArray[np.bool_] = np.asarray((triangles < len(grid.t)).all(axis=1))
    chart = np.stack([grid.theta * 80.0, grid.t], axis=1)
    corners = np.full((len(triangles), 3, 2), 1e6)
    corners[on_grid] = chart[triangles[on_grid]]
    vertices = dict(zip(range(36, 48), _eye_vertices(grid, -1) + _eye_vertices(grid, 1), strict=True))
    vertices.update(zip(range(48, 68), _lip_vertices(grid), strict=True))
    triangle, barycentric = np.zeros(68, np.int32), np.zeros((68, 3), np.float32)
    numbers, grid_rows = list(vertices), np.flatnonzero(on_grid)
    at_vertices = points_at_vertices(np.array(list(vertices.values())), triangles[on_grid], mean)
    triangle[numbers], barycentric[numbers] = grid_rows[at_vertices.triangle], at_vertices.barycentric
    for number, (theta, t) in _chart_points().items():
        triangle[number], barycentric[number] = _locate(np.array([np.deg2rad(theta) * 80.0, t]), corners)
    return SurfacePoints(triangle, barycentric)


def jaw_contours(grid: HeadGrid) -> NDArray[np.int32]:
    """Candidates (17, M) for landmark marching: along a row at the cheeks, up from the jaw line at the chin.

    The throat is no candidate: it lies lower than the jaw line when the head looks up, and is not what people mark.
    """
    degrees = np.rad2deg(grid.theta[grid.lower[0]])
    lists: list[NDArray[np.int64]] = []
    points = _chart_points()
    for number in range(17):
        theta, t = points[number]
        column = _nearest_column(grid, theta)
        if 5 <= number <= 11:
            edge = int(np.abs(grid.t[grid.lower[:, column]] - t).argmin())
            lists.append(grid.lower[edge : grid.key[CHIN_FURROW] + 1, column])
            continue
        row = int(np.abs(grid.t[grid.upper[:, column]] - t).argmin())
        same_side = (np.sign(degrees) == np.sign(theta)) & (np.abs(degrees) > 22.0) & (np.abs(degrees) < 100.0)
        lists.append(grid.upper[row, same_side])
    width = max(len(entry) for entry in lists)
    contours = np.full((17, width), -1, np.int32)
    for number, entry in enumerate(lists):
        contours[number, : len(entry)] = entry
    return contours
