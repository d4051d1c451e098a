"""The mean head: shell and islands in one vertex array."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable.procedural.grid import MOUTH, HeadGrid, build_grid
from synthgen.morphable.procedural.islands import (
    FRONT_RINGS,
    GLOBE_MERIDIANS,
    globe_triangles,
    globe_vertices,
    teeth_triangles,
    teeth_vertices,
)
from synthgen.morphable.procedural.shell import Shell, build_shell

GLOBE_FRONT_TRIANGLES = GLOBE_MERIDIANS * (2 * FRONT_RINGS - 1)


@dataclass(frozen=True)
class Island:
    """A closed surface of its own. first, stop: vertex range; triangles: (T, 3) vertex numbers of the whole mesh."""

    first: int
    stop: int
    triangles: NDArray[np.int64]


@dataclass(frozen=True)
class HeadMesh:
    """Mean head with islands.

    vertices: (V, 3) float64, mm, world space. globes: (right, left); teeth: (upper, lower).
    """

    shell: Shell
    vertices: NDArray[np.float64]
    globes: tuple[Island, Island]
    teeth: tuple[Island, Island]

    @property
    def grid(self) -> HeadGrid:
        """The grid that the shell is built on."""
        return self.shell.grid


def middle_of_mouth(grid: HeadGrid) -> tuple[int, int]:
    """Vertex numbers (lower lip, upper lip) in the middle of the parting line."""
    column = grid.mouth[len(grid.mouth) // 2]
    return int(grid.lower[grid.key[MOUTH], column]), int(grid.upper[grid.key[MOUTH], column])


def build_mesh() -> HeadMesh:
    """The mean head in its sculpted proportions."""
    shell = build_shell(build_grid())
    line = shell.vertices[list(middle_of_mouth(shell.grid))].mean(axis=0)
    parts = [
        (globe_vertices(-1), globe_triangles(-1)),
        (globe_vertices(1), globe_triangles(1)),
        (teeth_vertices(line, True), teeth_triangles(True)),
        (teeth_vertices(line, False), teeth_triangles(False)),
    ]
    vertices, islands, count = [shell.vertices], [], len(shell.vertices)
    for positions, triangles in parts:
        islands.append(Island(count, count + len(positions), triangles + count))
        vertices.append(positions)
        count += len(positions)
    return HeadMesh(shell, np.concatenate(vertices), (islands[0], islands[1]), (islands[2], islands[3]))
