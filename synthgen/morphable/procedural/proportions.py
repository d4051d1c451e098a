"""Spreads that no survey of distances gives but without which features would fall apart: estimates, in mm.

Each row bounds how far one end moves against the other in one direction, as a standard deviation: the corners of the
mouth against its middle, the alae against the nose base, the outer against the inner eye corner, and so on. Short
measurements are in the list too: what moves their ends sideways would lengthen them whatever the coefficients' sign.
"""

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable.procedural.grid import EYE, MOUTH
from synthgen.morphable.procedural.measurements import POINTS, measurement_ends, nearest_vertex
from synthgen.morphable.procedural.mesh import HeadMesh, middle_of_mouth

UP, FORWARD = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
SHORT = ("nose_protrusion", "upper_lip_height", "upper_vermilion", "lower_vermilion")
SIDEWAYS_SD = 0.5
POGONION, BROW_HEAD, BROW_TAIL = (0.0, -80.0, 101.5), (13.0, 35.0, 97.0), (48.0, 35.0, 78.0)
CHEEK, BESIDE_NOSE = (45.0, -8.0, 80.0), (22.0, -32.0, 94.5)

Relation = tuple[NDArray[np.int64], NDArray[np.int64] | None, NDArray[np.float64], float]


def relations(mesh: HeadMesh) -> list[Relation]:
    """(first, second, direction (3,), spread in mm) of each bound; ends are vertex numbers, None the origin."""
    grid = mesh.grid

    def both(point: tuple[float, float, float]) -> NDArray[np.int64]:
        return np.concatenate([nearest_vertex(mesh, point), nearest_vertex(mesh, point, -1.0)])

    stomion = np.array(middle_of_mouth(grid))
    corners = grid.lower[grid.key[MOUTH], grid.mouth[[0, -1]]]
    eye_row = grid.lower[grid.key[EYE]]
    inner = eye_row[[grid.eyes[1][0], grid.eyes[0][-1]]]
    outer = eye_row[[grid.eyes[1][-1], grid.eyes[0][0]]]
    point = {name: nearest_vertex(mesh, POINTS[name]) for name in POINTS}
    alae, chin = both(POINTS["alare"]), nearest_vertex(mesh, POGONION)
    bounds: list[Relation] = [
        (corners, stomion, UP, 1.0), (corners, stomion, FORWARD, 1.4), (alae, point["subnasale"], UP, 1.1),
        (alae, point["subnasale"], FORWARD, 1.1), (outer, inner, UP, 1.2), (outer, inner, FORWARD, 1.1),
        (inner, point["sellion"], UP, 1.2), (inner, point["sellion"], FORWARD, 1.4),
        (point["glabella"], point["sellion"], FORWARD, 1.2), (chin, stomion, FORWARD, 2.6),
        (point["subnasale"], point["sellion"], FORWARD, 2.6), (both(BROW_HEAD), inner, UP, 1.6),
        (both(BROW_TAIL), both(BROW_HEAD), UP, 1.3), (both(CHEEK), alae, FORWARD, 2.0),
        (point["pronasale"], point["subnasale"], UP, 1.0), (point["pronasale"], alae, UP, 1.2),
        (both(BESIDE_NOSE), alae, UP, 1.0), (both(BESIDE_NOSE), alae, FORWARD, 1.0),
        (point["menton"], point["subnasale"], FORWARD, 3.0),
        (both(POINTS["zygion"]), None, UP, 0.7), (both(POINTS["zygion"]), None, FORWARD, 1.5),
    ]  # fmt: skip
    for name, first, second in measurement_ends(mesh):
        if name in SHORT:
            along = mesh.vertices[first].mean(axis=0) - mesh.vertices[second].mean(axis=0)
            sideways = np.cross(along / np.linalg.norm(along), np.array([1.0, 0.0, 0.0]))
            bounds.append((first, second, sideways, SIDEWAYS_SD))
    return bounds


def relation_form(mesh: HeadMesh, fields: NDArray[np.float64]) -> NDArray[np.float64]:
    """Change (S, B), mm, of every relation per unit of each displacement field (B, V, 3)."""
    rows = []
    for first, second, direction, _ in relations(mesh):
        change = fields[:, first].mean(axis=1)
        if second is not None:
            change = change - fields[:, second].mean(axis=1)
        rows.append(change @ direction)
    return np.stack(rows)


def relation_variances(mesh: HeadMesh) -> NDArray[np.float64]:
    """Variances (S,), mm^2, of the relations."""
    return np.array([sd**2 for _, _, _, sd in relations(mesh)])
