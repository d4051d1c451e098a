"""The closed surface of the head: grid, mouth pouch and eye sockets, with their triangles."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable.procedural.ears import add_ears
from synthgen.morphable.procedural.eyes import add_lids, socket_vertices
from synthgen.morphable.procedural.grid import EYE, MOUTH, HeadGrid
from synthgen.morphable.procedural.lips import add_lips, pouch_vertices
from synthgen.morphable.procedural.nose import add_nose
from synthgen.morphable.procedural.skin import skin_position


@dataclass(frozen=True)
class Sleeve:
    """An inner surface hanging from a slit: mouth pouch or eye socket.

    columns: (M,) grid columns of the slit, corners included. vertices: (K, M - 2) numbers, from the upper to the lower
    edge. side: 0 mouth, -1 right eye, +1 left eye.
    """

    columns: NDArray[np.int64]
    vertices: NDArray[np.int64]
    side: int


@dataclass(frozen=True)
class Shell:
    """Mean head without islands.

    vertices: (S, 3) float64, mm, world space. grid_triangles: (T, 3) int, of the grid; sleeve_triangles: one (T', 3)
    array per sleeve: first the strip next to the upper edge, then the one next to the lower edge, then the rest.
    """

    grid: HeadGrid
    vertices: NDArray[np.float64]
    grid_triangles: NDArray[np.int64]
    sleeves: tuple[Sleeve, ...]
    sleeve_triangles: tuple[NDArray[np.int64], ...]


def grid_positions(grid: HeadGrid) -> NDArray[np.float64]:
    """Positions (G, 3), mm, of the grid vertices of the mean head."""
    position = skin_position(grid.theta, grid.t)
    position = add_nose(position)
    position = add_lids(position, grid)
    return add_ears(add_lips(position, grid), grid)


def _grid_triangles(grid: HeadGrid) -> NDArray[np.int64]:
    """Triangles (T, 3) of the grid, its crown and the closed neck."""
    below, above = grid.upper[:-1], grid.lower[1:]
    right = np.roll(np.arange(below.shape[1]), -1)
    a, b, c, d = below, below[:, right], above[:, right], above
    # One direction of diagonals for the whole head: area-weighted normals lean a little along the diagonals, and a
    # change of direction at the midline would show as a line down the chin.
    first, second = np.stack([a, b, c], -1), np.stack([a, c, d], -1)
    columns = below.shape[1]
    top, bottom = grid.upper[-1], grid.lower[0]
    crown = np.stack([top, top[right], np.full(columns, grid.pole)], -1)
    neck = np.stack([bottom[right], bottom, np.full(columns, grid.neck_centre)], -1)
    quads = np.stack([first, second], axis=2).reshape(-1, 3)
    return np.concatenate([quads, crown, neck])


def _sleeve_triangles(upper: NDArray[np.int64], rows: NDArray[np.int64], lower: NDArray[np.int64]) -> NDArray[np.int64]:
    """Triangles of a sleeve whose edges are `upper` and `lower` (M,), which share their two corners."""
    corners = np.array([upper[0], upper[-1]])
    ladder = np.concatenate([upper[None, 1:-1], rows, lower[None, 1:-1]])
    strips = []
    for near, far in pairwise(ladder):
        a, b, c, d = near[:-1], near[1:], far[1:], far[:-1]
        fan = np.array([[corners[0], far[0], near[0]], [near[-1], far[-1], corners[1]]])
        half = len(a) // 2
        split = np.arange(len(a))[:, None] < half
        first = np.where(split, np.stack([a, d, b], -1), np.stack([a, c, b], -1))
        second = np.where(split, np.stack([b, d, c], -1), np.stack([a, d, c], -1))
        strips.append(np.concatenate([first, second, fan]))
    return np.concatenate([strips[0], strips[-1], *strips[1:-1]])


def build_shell(grid: HeadGrid) -> Shell:
    """The mean head's surface; every directed edge occurs once and there is no border."""
    position = grid_positions(grid)
    position[grid.neck_centre] = position[grid.lower[0]].mean(axis=0)
    vertices, sleeves, triangles = [position], [], []
    count = len(position)
    for columns, key_row, side in ((grid.mouth, MOUTH, 0), (grid.eyes[0], EYE, -1), (grid.eyes[1], EYE, 1)):
        upper, lower = grid.upper[grid.key[key_row], columns], grid.lower[grid.key[key_row], columns]
        edges = position[upper[1:-1]], position[lower[1:-1]]
        rows = pouch_vertices(*edges) if side == 0 else socket_vertices(*edges, side)
        numbers = count + np.arange(rows.shape[0] * rows.shape[1]).reshape(rows.shape[:2])
        count += numbers.size
        vertices.append(rows.reshape(-1, 3))
        sleeves.append(Sleeve(columns, numbers, side))
        triangles.append(_sleeve_triangles(upper, numbers, lower))
    return Shell(grid, np.concatenate(vertices), _grid_triangles(grid), tuple(sleeves), tuple(triangles))
