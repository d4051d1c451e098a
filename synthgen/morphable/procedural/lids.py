"""Turning the lids about the globes: what blinking and squinting share."""

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable.procedural.blend import smooth_step
from synthgen.morphable.procedural.eyes import globe_centre, socket_vertices
from synthgen.morphable.procedural.grid import BROW_LOWER, EYE, LOWER_FOLD, UPPER_FOLD
from synthgen.morphable.procedural.mesh import HeadMesh

# Outside of the closed upper lid: a little farther than the lower one, so that lids that overlap do not flicker.
OVERLAP_MM = 0.35


def _rotated(points: NDArray[np.float64], angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (N, 3) turned upwards by `angle` (N,) about the x axis through the origin."""
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([points[:, 0], c * points[:, 1] + s * points[:, 2], -s * points[:, 1] + c * points[:, 2]], axis=1)


def _turn_one(mesh: HeadMesh, side: int, upper_share: float, lower_share: float) -> NDArray[np.float64]:
    grid, key = mesh.grid, mesh.grid.key
    sleeve = mesh.shell.sleeves[1 if side < 0 else 2]
    centre = globe_centre(side)
    local = mesh.vertices - centre
    elevation = np.arctan2(local[:, 1], local[:, 2])
    delta = np.zeros_like(mesh.vertices)
    columns = sleeve.columns
    opening = elevation[grid.upper[key[EYE], columns]] - elevation[grid.lower[key[EYE], columns]]
    last = (key[UPPER_FOLD] + key[BROW_LOWER]) // 2 + 1
    for row in range(key[LOWER_FOLD], last + 1):
        for numbers, share, sign, reach in (
            (grid.upper[row, columns], upper_share, -1.0, last - key[EYE]),
            (grid.lower[row, columns], lower_share, 1.0, key[EYE] - key[LOWER_FOLD]),
        ):
            if (row < key[EYE]) == (sign < 0) and row != key[EYE]:
                continue
            weight = float(smooth_step(np.array(abs(row - key[EYE]) / reach), 1.0, 0.0))
            turned = _rotated(local[numbers], sign * share * opening * weight)
            outwards = turned / np.linalg.norm(turned, axis=1, keepdims=True)
            swell = OVERLAP_MM * share * weight * (sign < 0) * np.clip(opening / opening.max(), 0.0, 1.0)
            delta[numbers] = turned + outwards * swell[:, None] - local[numbers]
    margins = [
        mesh.vertices[rows[key[EYE], columns[1:-1]]] + delta[rows[key[EYE], columns[1:-1]]]
        for rows in (grid.upper, grid.lower)
    ]
    delta[sleeve.vertices] = socket_vertices(margins[0], margins[1], side) - mesh.vertices[sleeve.vertices]
    return delta


def turn_lids(mesh: HeadMesh, upper_share: float, lower_share: float) -> NDArray[np.float64]:
    """Displacement (V, 3), mm, that closes `upper_share` of each eye's opening from above and the rest from below."""
    return _turn_one(mesh, -1, upper_share, lower_share) + _turn_one(mesh, 1, upper_share, lower_share)
