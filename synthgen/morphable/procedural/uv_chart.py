"""Template coordinates: the cylinder of the head, with lids and lips reaching into their slits, and the islands."""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from synthgen.morphable.procedural.chart import POLE_T
from synthgen.morphable.procedural.grid import EYE, MOUTH, MOUTH_CORNER, OUTER_CANTHUS, HeadGrid
from synthgen.morphable.procedural.mesh import HeadMesh
from synthgen.morphable.procedural.shell import Sleeve
from synthgen.morphable.unwrap import (
    CHIN_V,
    EYE_V,
    INNER_MOUTH_SLOT,
    LEFT_EYE_SLOT,
    NECK_V,
    RIGHT_EYE_SLOT,
    TEETH_SLOT,
    Slot,
    chart_u,
    eye_chart,
)

# The chart opens the mouth by this much on either side, mm of t, fading over ROWS_OF_GAP rows.
MOUTH_GAP, ROWS_OF_GAP = 3.0, 12.0
# A rim inside a slit reaches this far across it.
RIM_REACH = 0.3


def _u_from_theta(theta: NDArray[np.float64]) -> NDArray[np.float64]:
    return chart_u(theta, float(np.deg2rad(OUTER_CANTHUS)))


def _v_from_t(t: NDArray[np.float64]) -> NDArray[np.float64]:
    table = PchipInterpolator([-200.0, -97.0, 16.4, 86.0, POLE_T], [NECK_V, CHIN_V, EYE_V, 0.855, 1.0])
    return np.asarray(table(t))


def grid_uv(grid: HeadGrid) -> NDArray[np.float64]:
    """Chart coordinates (G, 2) of the grid vertices; the seam column has u = 1."""
    open_span = np.clip(1.0 - (grid.theta / np.deg2rad(MOUTH_CORNER)) ** 2, 0.0, 1.0) ** 0.7
    distance = grid.row - grid.key[MOUTH]
    side = np.where(distance == 0.0, grid.side, np.sign(distance))
    fade = np.clip(1.0 - np.abs(distance) / ROWS_OF_GAP, 0.0, 1.0)
    t = grid.t + MOUTH_GAP * open_span * side * fade
    return np.stack([_u_from_theta(grid.theta), _v_from_t(t)], axis=1)


def _slot_uv(columns: NDArray[np.float64], rows: NDArray[np.float64], slot: Slot) -> NDArray[np.float64]:
    """Places (columns, rows), both in [0, 1], into a slot."""
    return slot.centre + (np.stack([columns, rows], axis=-1) - 0.5) * slot.size


def sleeve_corner_uv(mesh: HeadMesh, number: int, grid_chart: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chart coordinates (T, 3, 2) of the triangles of sleeve `number`; the two rims first, inside the slit."""
    sleeve, triangles = mesh.shell.sleeves[number], mesh.shell.sleeve_triangles[number]
    first_grid = len(mesh.grid.t)
    key = mesh.grid.key[MOUTH if sleeve.side == 0 else EYE]
    upper, lower = mesh.grid.upper[key, sleeve.columns], mesh.grid.lower[key, sleeve.columns]
    rims = rim_triangle_count(sleeve)
    uv = np.zeros((len(mesh.shell.vertices), 2))
    uv[:first_grid] = grid_chart
    reach = RIM_REACH * (grid_chart[lower[1:-1]] - grid_chart[upper[1:-1]])
    uv[sleeve.vertices[0]] = grid_chart[upper[1:-1]] + reach
    uv[sleeve.vertices[-1]] = grid_chart[lower[1:-1]] - reach
    corner = uv[triangles]
    # Inside: a plain rectangle; all three sleeves share the slot, side by side.
    place = np.zeros((len(mesh.shell.vertices), 2))
    steps, count = sleeve.vertices.shape
    across = np.linspace(0.0, 1.0, count + 2)
    lane = {0: (0.0, 0.6), -1: (0.62, 0.80), 1: (0.82, 1.0)}[sleeve.side]
    down = np.linspace(1.0, 0.0, steps)
    place[sleeve.vertices] = _slot_uv(
        lane[0] + (lane[1] - lane[0]) * np.broadcast_to(across[1:-1], (steps, count)),
        np.broadcast_to(down[:, None], (steps, count)),
        INNER_MOUTH_SLOT,
    )
    ends = _slot_uv(np.array(lane), np.array([0.5, 0.5]), INNER_MOUTH_SLOT)
    place[[upper[0], upper[-1]]] = ends
    corner[rims:] = place[triangles[rims:]]
    return corner


def rim_triangle_count(sleeve: Sleeve) -> int:
    """Number of triangles in the two strips next to the edges of a sleeve."""
    return 4 * int(sleeve.vertices.shape[1])


def globe_corner_uv(mesh: HeadMesh, side: int) -> NDArray[np.float64]:
    """Chart coordinates (T, 3, 2) of a globe's triangles in its slot."""
    island, slot = (mesh.globes[0], RIGHT_EYE_SLOT) if side < 0 else (mesh.globes[1], LEFT_EYE_SLOT)
    vertices = mesh.vertices[island.first : island.stop]
    centre = 0.5 * (vertices[0] + vertices[-1])
    return eye_chart(mesh.vertices[island.triangles], centre, slot)


def teeth_corner_uv(mesh: HeadMesh, upper: bool) -> NDArray[np.float64]:
    """Chart coordinates (T, 3, 2) of a row of teeth: across and around the section, half of the slot for each row."""
    island = mesh.teeth[0] if upper else mesh.teeth[1]
    vertices = mesh.vertices[island.triangles]
    own = mesh.vertices[island.first : island.stop]
    low, high = own.min(axis=0), own.max(axis=0)
    across = (vertices[..., 0] - low[0]) / (high[0] - low[0])
    up = (vertices[..., 1] - low[1]) / (high[1] - low[1])
    return _slot_uv(across, (0.5 if upper else 0.0) + 0.5 * up, TEETH_SLOT)


def wrap_seam(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corner u (T, 3) with the corners on the seam at the back brought to the side of their triangle."""
    across = np.ptp(u, axis=1) > 0.5
    return np.where(across[:, None] & (u > 0.5), 0.0, u)
