"""Where each published measurement is taken on the head, and its linear form."""

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable.procedural.grid import EYE, LOWER_LIP, UPPER_LIP
from synthgen.morphable.procedural.mesh import HeadMesh, middle_of_mouth

# End points on the sculpted head, mm: snapped to the nearest vertex of the head's outer surface.
POINTS = {
    "sellion": (0.0, 20.1, 93.3), "menton": (0.0, -98.0, 91.0), "subnasale": (0.0, -28.9, 105.0),
    "pronasale": (0.0, -16.4, 121.5), "zygion": (70.0, 8.0, 24.0), "gonion": (57.5, -58.0, 12.0),
    "frontotemporale": (53.0, 45.0, 72.0), "euryon": (75.5, 50.0, -14.0), "glabella": (0.0, 37.0, 100.0),
    "opisthocranion": (0.0, 45.0, -93.0), "alare": (17.7, -21.5, 99.0),
}  # fmt: skip


def nearest_vertex(mesh: HeadMesh, point: tuple[float, float, float], side: float = 1.0) -> NDArray[np.int64]:
    """Number (1,) of the head's vertex nearest to a point of the sculpted head, or to its mirror image (side -1)."""
    skin = mesh.vertices[: len(mesh.grid.t)]
    return np.array([((skin - np.array(point) * np.array([side, 1.0, 1.0])) ** 2).sum(axis=1).argmin()])


def measurement_ends(mesh: HeadMesh) -> list[tuple[str, NDArray[np.int64], NDArray[np.int64]]]:
    """(name, first, second): vertex numbers whose mean position are the two ends, in the order of the table."""
    grid = mesh.grid

    def at(name: str, side: float = 1.0) -> NDArray[np.int64]:
        return nearest_vertex(mesh, POINTS[name], side)

    def across(name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return at(name), at(name, -1.0)

    lower, upper = middle_of_mouth(grid)
    stomion = np.array([lower, upper])
    middle = grid.mouth[len(grid.mouth) // 2]
    eye_row, (right, left) = grid.key[EYE], grid.eyes
    corner = grid.lower[eye_row]
    mouth = grid.lower[grid.row[lower].astype(int)]
    globe = [np.arange(island.first, island.stop) for island in mesh.globes]
    border_upper = np.array([grid.upper[grid.key[UPPER_LIP], middle]])
    border_lower = np.array([grid.lower[grid.key[LOWER_LIP], middle]])
    ends = {
        "face_length": (at("sellion"), at("menton")),
        "nose_length": (at("sellion"), at("subnasale")),
        "bizygomatic_breadth": across("zygion"),
        "bigonial_breadth": across("gonion"),
        "minimum_frontal_breadth": across("frontotemporale"),
        "head_breadth": across("euryon"),
        "head_length": (at("glabella"), at("opisthocranion")),
        "interpupillary_distance": (globe[1], globe[0]),
        "nose_breadth": across("alare"),
        "nose_protrusion": (at("pronasale"), at("subnasale")),
        "lip_length": (mouth[grid.mouth[-1:]], mouth[grid.mouth[:1]]),
        "intercanthal_breadth": (corner[left[:1]], corner[right[-1:]]),
        "biocular_breadth": (corner[left[-1:]], corner[right[:1]]),
        "upper_lip_height": (at("subnasale"), stomion),
        "upper_vermilion": (border_upper, stomion),
        "lower_vermilion": (stomion, border_lower),
    }
    return [(name, *pair) for name, pair in ends.items()]


def measure(vertices: NDArray[np.float64], mesh: HeadMesh) -> NDArray[np.float64]:
    """Measurements (..., M), mm, of heads (..., V, 3)."""
    values = [
        np.linalg.norm(vertices[..., first, :].mean(axis=-2) - vertices[..., second, :].mean(axis=-2), axis=-1)
        for _, first, second in measurement_ends(mesh)
    ]
    return np.stack(values, axis=-1)


def linear_form(vertices: NDArray[np.float64], mesh: HeadMesh, fields: NDArray[np.float64]) -> NDArray[np.float64]:
    """Change (M, B), mm, of each measurement at `vertices` (V, 3) per unit of each displacement field (B, V, 3)."""
    rows = []
    for _, first, second in measurement_ends(mesh):
        direction = vertices[first].mean(axis=0) - vertices[second].mean(axis=0)
        direction /= np.linalg.norm(direction)
        change = fields[:, first].mean(axis=1) - fields[:, second].mean(axis=1)
        rows.append(change @ direction)
    return np.stack(rows)
