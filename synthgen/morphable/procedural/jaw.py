"""How far each vertex follows the lower jaw."""

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable.procedural.blend import smooth_step
from synthgen.morphable.procedural.grid import JAW, MOUTH, MOUTH_CORNER, THROAT, HeadGrid
from synthgen.morphable.procedural.mesh import HeadMesh

HINGE = np.array([0.0, -4.0, 8.0])
# How far the mouth corner follows.
CORNER_SHARE = 0.45


def _grid_share(grid: HeadGrid) -> NDArray[np.float64]:
    """Share of the jaw's turn (G,) for the grid vertices."""
    degrees = np.abs(np.rad2deg(grid.theta))
    along = np.clip(degrees / MOUTH_CORNER, 0.0, 1.0)
    columns = grid.lower.shape[1]
    # t of the parting line in each vertex's column.
    column = np.zeros(len(grid.t), dtype=np.int64)
    for numbers in (grid.lower, grid.upper):
        column[numbers] = np.arange(columns)
    line = 0.5 * (grid.t[grid.lower[grid.key[MOUTH]]] + grid.t[grid.upper[grid.key[MOUTH]]])[column]
    below = (grid.row < grid.key[MOUTH]) | ((grid.row == grid.key[MOUTH]) & (grid.side < 0))
    # At the lips the jaw frees the edge at once; the skin farther away follows without a step at the corner.
    near = smooth_step(np.abs(line - grid.t), 11.0, 2.0)
    free = near * (1.0 - along**2) ** 0.6 + (1.0 - near) * smooth_step(degrees, 30.0, 2.0)
    lower_edge = CORNER_SHARE + (1.0 - CORNER_SHARE) * free
    upper_edge = CORNER_SHARE * (1.0 - free)
    beside = smooth_step(degrees, MOUTH_CORNER, 60.0)
    lower = lower_edge + (1.0 - lower_edge) * smooth_step((line - grid.t) / (24.0 + 14.0 * beside), 0.0, 1.0)
    upper = upper_edge * smooth_step((grid.t - line) / (20.0 + 14.0 * beside), 1.0, 0.0)
    share = np.where(below, lower, upper)
    neck = smooth_step(grid.row, float(grid.key[THROAT] - 2), float(grid.key[JAW]))
    return np.asarray(share * neck * smooth_step(degrees, 112.0, 76.0))


def jaw_share(mesh: HeadMesh) -> NDArray[np.float64]:
    """Share of the jaw's turn (V,), 0 skull, 1 jaw."""
    grid = mesh.grid
    share = np.zeros(len(mesh.vertices))
    share[: len(grid.t)] = _grid_share(grid)
    sleeve, key = mesh.shell.sleeves[0], grid.key[MOUTH]
    inner = sleeve.columns[1:-1]
    blend = smooth_step(np.linspace(0.0, 1.0, sleeve.vertices.shape[0]), 0.15, 0.85)[:, None]
    share[sleeve.vertices] = share[grid.upper[key, inner]] * (1.0 - blend) + share[grid.lower[key, inner]] * blend
    share[mesh.teeth[1].first : mesh.teeth[1].stop] = 1.0
    return share


def turn_jaw(vertices: NDArray[np.float64], share: NDArray[np.float64], degrees: float) -> NDArray[np.float64]:
    """Displacement (V, 3), mm, of opening the jaw by `degrees` about the hinge, weighted by `share` (V,)."""
    angle = np.deg2rad(degrees)
    rotation = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    arm = vertices - HINGE
    return np.asarray(share[:, None] * (arm @ rotation.T - arm))
