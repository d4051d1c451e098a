"""The ten movements of the face as displacements of the mean head, mm per unit of weight."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable.procedural.blend import gauss
from synthgen.morphable.procedural.grid import MOUTH
from synthgen.morphable.procedural.jaw import jaw_share, turn_jaw
from synthgen.morphable.procedural.lids import turn_lids
from synthgen.morphable.procedural.mesh import HeadMesh

Field = NDArray[np.float64]
JAW_DEGREES = 17.0
# Pulls fade towards the back of the head, slowly: both lips of the closed mouth must move alike.
DEPTH_SIGMA = 55.0


def _pull(
    mesh: HeadMesh,
    at: tuple[float, float, float],
    by: tuple[float, float, float],
    sigma: tuple[float, float],
) -> Field:
    """Displacement (V, 3): `by` at the point `at` and its mirror image, falling off with sigma (x, y), front only."""
    x, y, z = mesh.vertices.T
    total = np.zeros_like(mesh.vertices)
    sides = (1.0, -1.0) if at[0] > 0 else (1.0,)
    for side in sides:
        weight = gauss((x - side * at[0]) / sigma[0], (y - at[1]) / sigma[1], (z - at[2]) / DEPTH_SIGMA)
        total += weight[:, None] * np.array([side * by[0], by[1], by[2]])
    return total * _soft_tissue(mesh)[:, None]


def _soft_tissue(mesh: HeadMesh) -> Field:
    """1 for skin and the front of the mouth pouch, 0 for globes, teeth, sockets and the depth of the mouth."""
    soft = np.zeros(len(mesh.vertices))
    soft[: len(mesh.grid.t)] = 1.0
    pouch = mesh.shell.sleeves[0].vertices
    steps = len(pouch)
    edge = np.minimum(np.arange(steps), np.arange(steps)[::-1])
    soft[pouch] = np.array([1.0, 0.75, 0.3, 0.0, 0.0])[np.minimum(edge, 4)][:, None]
    return soft


def _lip_sides(mesh: HeadMesh) -> tuple[Field, Field]:
    """Membership (V,) in the upper and in the lower lip's side of the mouth, shared half and half at the corners."""
    grid = mesh.grid
    upper = np.zeros(len(mesh.vertices))
    along = np.clip(np.abs(grid.theta) / np.abs(grid.theta[grid.lower[0, grid.mouth[0]]]), 0.0, 1.0)
    side = np.where(grid.row == grid.key[MOUTH], grid.side, np.sign(grid.row - grid.key[MOUTH]))
    soft = np.clip((grid.row - grid.key[MOUTH]) / 6.0, -1.0, 1.0)
    upper[: len(side)] = 0.5 + 0.5 * (side * (1.0 - along**2) + soft * along**2)
    sleeve = mesh.shell.sleeves[0]
    share = np.linspace(1.0, 0.0, len(sleeve.vertices))
    upper[sleeve.vertices] = np.where(share > 0.5, 1.0, 0.0)[:, None]
    return upper, 1.0 - upper


def _jaw_drop(mesh: HeadMesh) -> Field:
    cheeks = _pull(mesh, (42.0, -45.0, 78.0), (-2.5, 0.0, -1.0), (14.0, 18.0))
    return turn_jaw(mesh.vertices, jaw_share(mesh), JAW_DEGREES) + cheeks


def _smile(mesh: HeadMesh) -> Field:
    upper, lower = _lip_sides(mesh)
    field = _pull(mesh, (27.0, -50.0, 92.0), (7.0, 7.5, -5.0), (11.0, 11.0))
    field += _pull(mesh, (40.0, -12.0, 82.0), (1.5, 4.5, 3.0), (13.0, 12.0))
    field += _pull(mesh, (37.0, -33.0, 86.0), (2.5, 2.5, 1.0), (8.0, 9.0))
    field += _pull(mesh, (0.0, -48.0, 105.0), (0.0, 1.6, -2.2), (13.0, 8.0)) * upper[:, None]
    field += _pull(mesh, (0.0, -55.0, 105.0), (0.0, -0.6, -1.8), (13.0, 8.0)) * lower[:, None]
    field += _pull(mesh, (15.0, -23.5, 97.0), (1.2, 0.8, 0.0), (6.0, 6.0))
    return field + turn_lids(mesh, 0.02, 0.12)


def _frown(mesh: HeadMesh) -> Field:
    field = _pull(mesh, (25.0, -52.0, 91.0), (1.0, -6.5, -1.0), (9.0, 10.0))
    field += _pull(mesh, (0.0, -47.0, 104.0), (0.0, 1.6, 1.2), (11.0, 11.0))
    field += _pull(mesh, (0.0, -79.0, 101.0), (0.0, 2.0, 1.5), (13.0, 9.0))
    return field


def _pucker(mesh: HeadMesh) -> Field:
    field = _pull(mesh, (24.0, -51.0, 92.0), (-8.0, 0.0, 5.0), (11.0, 12.0))
    field += _pull(mesh, (0.0, -51.0, 105.0), (0.0, 0.0, 5.5), (13.0, 12.0))
    upper, lower = _lip_sides(mesh)
    field += _pull(mesh, (0.0, -45.0, 106.0), (0.0, 0.7, 1.0), (9.0, 5.0)) * upper[:, None]
    field += _pull(mesh, (0.0, -58.0, 105.0), (0.0, -0.7, 1.0), (9.0, 5.0)) * lower[:, None]
    return field


def _lips_part(mesh: HeadMesh) -> Field:
    upper, lower = _lip_sides(mesh)
    field = _pull(mesh, (0.0, -46.0, 106.0), (0.0, 4.6, 0.6), (15.0, 10.0)) * upper[:, None]
    field += _pull(mesh, (0.0, -57.0, 105.0), (0.0, -5.4, -0.4), (14.0, 11.0)) * lower[:, None]
    field += _pull(mesh, (16.0, -21.5, 96.0), (0.8, 2.2, 0.0), (6.0, 6.0))
    field += _pull(mesh, (33.0, -15.0, 87.0), (0.0, 2.0, 1.2), (11.0, 11.0))
    return field


def _mouth_stretch(mesh: HeadMesh) -> Field:
    field = _pull(mesh, (26.0, -51.0, 91.0), (8.5, -1.5, -6.0), (12.0, 12.0))
    field += _pull(mesh, (0.0, -51.0, 105.0), (0.0, 0.0, -2.5), (14.0, 9.0))
    return field


def _brows_up(mesh: HeadMesh) -> Field:
    field = _pull(mesh, (20.0, 40.0, 95.0), (0.0, 6.5, -0.6), (13.0, 10.0))
    field += _pull(mesh, (42.0, 39.0, 83.0), (0.0, 6.0, -1.0), (12.0, 10.0))
    field += _pull(mesh, (25.0, 58.0, 92.0), (0.0, 2.5, 0.0), (22.0, 12.0))
    return field


def _brows_down(mesh: HeadMesh) -> Field:
    field = _pull(mesh, (14.0, 37.0, 97.0), (-3.2, -4.5, 1.8), (9.0, 8.0))
    field += _pull(mesh, (32.0, 38.0, 90.0), (-1.2, -4.0, 0.8), (13.0, 7.0))
    return field


def _blink(mesh: HeadMesh) -> Field:
    return turn_lids(mesh, 0.83, 0.15)


def _squint(mesh: HeadMesh) -> Field:
    field = _pull(mesh, (38.0, -4.0, 82.0), (0.0, 4.0, 1.8), (14.0, 9.0))
    field += _pull(mesh, (30.0, 37.0, 91.0), (0.0, -1.6, 0.0), (18.0, 7.0))
    return field + turn_lids(mesh, 0.15, 0.24)


MOVEMENTS: dict[str, Callable[[HeadMesh], Field]] = {
    "jaw_drop": _jaw_drop,
    "smile": _smile,
    "frown": _frown,
    "pucker": _pucker,
    "lips_part": _lips_part,
    "mouth_stretch": _mouth_stretch,
    "brows_up": _brows_up,
    "brows_down": _brows_down,
    "blink": _blink,
    "squint": _squint,
}


def expression_basis(mesh: HeadMesh) -> Field:
    """Displacements (10, V, 3), mm per unit of weight, in the order of MOVEMENTS."""
    return np.stack([movement(mesh) for movement in MOVEMENTS.values()])
