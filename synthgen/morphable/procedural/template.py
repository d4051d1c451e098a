"""Connectivity, template coordinates, parts and landmarks of the procedural head."""

import numpy as np
from numpy.typing import NDArray

from synthgen.core.conventions import PARTS
from synthgen.morphable.procedural.grid import (
    BROW_LOWER,
    BROW_UPPER,
    HAIRLINE,
    JAW,
    LOWER_LIP,
    MOUTH,
    MOUTH_CORNER,
    NOSE_BASE,
    UPPER_LIP,
    HeadGrid,
)
from synthgen.morphable.procedural.landmarks import ibug68, jaw_contours
from synthgen.morphable.procedural.mesh import GLOBE_FRONT_TRIANGLES, HeadMesh
from synthgen.morphable.procedural.uv_chart import (
    globe_corner_uv,
    grid_uv,
    rim_triangle_count,
    sleeve_corner_uv,
    teeth_corner_uv,
    wrap_seam,
)
from synthgen.morphable.template import Template

FACE_DEG = 75.0
ROWS_UNDER_CHIN = 2
BROW_DEG = (6.5, 38.0)
# (y, half width) of the nose region, mm.
NOSE_REGION = ((-29.0, 12.0), (-26.5, 17.5), (-14.5, 17.5), (-7.0, 14.0), (5.0, 10.0), (17.0, 7.5), (22.0, 5.0))


def _face_triangles(grid: HeadGrid) -> NDArray[np.bool_]:
    """Which grid triangles belong to the face shell; in the order of the shell's grid triangles."""
    rows, columns = grid.lower.shape
    degrees = np.rad2deg(grid.theta[grid.lower[0]])
    inside = np.abs(degrees) <= FACE_DEG + 1e-6
    column = inside & np.roll(inside, -1)
    row = np.arange(rows - 1)
    band = (row >= grid.key[JAW] - ROWS_UNDER_CHIN) & (row < grid.key[HAIRLINE])
    quads = np.repeat((band[:, None] & column[None]).ravel(), 2)
    return np.concatenate([quads, np.zeros(2 * columns, dtype=bool)])


def _grid_parts(grid: HeadGrid, triangles: NDArray[np.int64], vertices: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Part of each face triangle (T,), from the rows and columns it spans."""
    row, theta = grid.row[triangles], np.rad2deg(grid.theta[triangles])
    key = grid.key

    def between(low: int, high: int) -> NDArray[np.bool_]:
        return np.asarray((row >= key[low]).all(1) & (row <= key[high]).all(1))

    parts = np.full(len(triangles), PARTS.index("other"), np.uint8)
    centre = vertices[triangles].mean(axis=1)
    table = np.array(NOSE_REGION)
    half = np.interp(centre[:, 1], table[:, 0], table[:, 1], left=0.0, right=0.0)
    parts[(np.abs(centre[:, 0]) < half) & (row >= key[NOSE_BASE]).all(1)] = PARTS.index("nose")
    middle = theta.mean(axis=1)
    within = (np.abs(theta) > BROW_DEG[0]).all(axis=1) & (np.abs(theta) < BROW_DEG[1]).all(axis=1)
    in_brow = between(BROW_LOWER, BROW_UPPER) & within
    parts[in_brow & (middle < 0)] = PARTS.index("right_brow")
    parts[in_brow & (middle > 0)] = PARTS.index("left_brow")
    in_mouth = (np.abs(theta) <= MOUTH_CORNER + 1e-6).all(axis=1)
    parts[in_mouth & between(MOUTH, UPPER_LIP)] = PARTS.index("upper_lip")
    parts[in_mouth & between(LOWER_LIP, MOUTH)] = PARTS.index("lower_lip")
    return parts


def _sleeve_parts(mesh: HeadMesh, number: int) -> NDArray[np.uint8]:
    """Part of each rim triangle of a sleeve: lips, or the eye that a lid belongs to."""
    sleeve = mesh.shell.sleeves[number]
    half = rim_triangle_count(sleeve) // 2
    names = {0: ("upper_lip", "lower_lip"), -1: ("right_eye", "right_eye"), 1: ("left_eye", "left_eye")}[sleeve.side]
    return np.repeat(np.array([PARTS.index(name) for name in names], np.uint8), half)


def _ordered_triangles(
    mesh: HeadMesh,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.uint8], int]:
    """All triangles with uv and parts, label-carrying ones first, and their number."""
    grid, shell = mesh.grid, mesh.shell
    face = _face_triangles(grid)
    chart = grid_uv(grid)
    corner = chart[shell.grid_triangles]
    corner[..., 0] = wrap_seam(corner[..., 0])
    # The crown is one vertex but every triangle there needs its own u.
    crown = (shell.grid_triangles == grid.pole).any(axis=1)
    corner[crown, 2, 0] = corner[crown, :2, 0].mean(axis=1)
    neck = (shell.grid_triangles == grid.neck_centre).any(axis=1)
    corner[neck, 2, 0] = corner[neck, :2, 0].mean(axis=1)
    labelled = [
        (shell.grid_triangles[face], corner[face], _grid_parts(grid, shell.grid_triangles[face], mesh.vertices))
    ]
    other = [(shell.grid_triangles[~face], corner[~face])]
    for number, sleeve in enumerate(shell.sleeves):
        triangles, uv, rims = (
            shell.sleeve_triangles[number],
            sleeve_corner_uv(mesh, number, chart),
            rim_triangle_count(sleeve),
        )
        labelled.append((triangles[:rims], uv[:rims], _sleeve_parts(mesh, number)))
        other.append((triangles[rims:], uv[rims:]))
    for side, name, island in ((-1, "right_eye", mesh.globes[0]), (1, "left_eye", mesh.globes[1])):
        uv, front = globe_corner_uv(mesh, side), GLOBE_FRONT_TRIANGLES
        parts = np.full(front, PARTS.index(name), np.uint8)
        labelled.append((island.triangles[:front], uv[:front], parts))
        other.append((island.triangles[front:], uv[front:]))
    for upper, island in ((True, mesh.teeth[0]), (False, mesh.teeth[1])):
        other.append((island.triangles, teeth_corner_uv(mesh, upper)))
    count = sum(len(entry[0]) for entry in labelled)
    triangles = np.concatenate([entry[0] for entry in labelled] + [entry[0] for entry in other])
    uv = np.concatenate([entry[1] for entry in labelled] + [entry[1] for entry in other])
    parts = np.zeros(len(triangles), np.uint8)
    parts[:count] = np.concatenate([entry[2] for entry in labelled])
    return triangles, np.clip(uv, 0.0, 1.0), parts, count


def position_code(vertices: NDArray[np.floating], triangles: NDArray[np.integer]) -> NDArray[np.float32]:
    """pncc (V, 3) of mean vertices (V, 3): each axis in [0, 1] over the vertices of the label-carrying triangles."""
    carried = vertices[np.unique(triangles)]
    low, high = carried.min(axis=0), carried.max(axis=0)
    return np.asarray(np.clip((vertices - low) / (high - low), 0.0, 1.0), np.float32)


def build_template(mesh: HeadMesh, mean: NDArray[np.float64]) -> Template:
    """The template of the base resolution; `mean` (V, 3) is the final mean shape."""
    triangles, uv, parts, count = _ordered_triangles(mesh)
    return Template(
        triangles=triangles.astype(np.int32),
        label_count=count,
        uv=uv.astype(np.float32),
        parts=parts,
        pncc=position_code(mean, triangles[:count]),
        landmarks={"ibug68": ibug68(mesh.grid, triangles[:count], mean)},
        contours=jaw_contours(mesh.grid),
    )
