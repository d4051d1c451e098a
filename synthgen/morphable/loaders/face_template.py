"""A template for a foreign head of one skin surface: the project's chart, labels, parts and contours.

Formats without a list of facial regions of their own (Basel, FLAME, Surrey) share this file. What carries labels is
decided in the cylinder's chart, so that all models agree; eyes have slots of the chart of their own, as everywhere.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.core.conventions import PARTS
from synthgen.core.errors import ModelError
from synthgen.morphable import unwrap
from synthgen.morphable.contours import jaw_contours
from synthgen.morphable.loaders.chart_overlap import overlapping_pairs
from synthgen.morphable.loaders.eye_islands import EyeIsland, find_eyes
from synthgen.morphable.loaders.face_shell import (
    OUTLINE_HALF,
    OUTLINE_V,
    choose_face,
    degenerate,
    has_border,
    one_patch,
    skin_rows,
)
from synthgen.morphable.regions import shell_parts
from synthgen.morphable.surface_points import points_at_vertices
from synthgen.morphable.template import SurfacePoints, Template, evaluate_points
from synthgen.morphable.unfold import unfold

# A face has at least this many triangles, this share of them is laid out without folds, and they fill this share of the
# face's outline in the chart: ICT and Basel-like faces fill 0.91 to 0.95.
_LEAST_TRIANGLES, _LEAST_SHARE, _LEAST_FILLED = 200, 0.9, 0.5
# Where the ears are in the chart: distance from u = 0.5, v, and half the size of a box around one.
_EAR_U, _EAR_V, _EAR_HALF = 0.385, 0.63, (0.075, 0.15)


@dataclass(frozen=True)
class _Layout:
    """Everything per input triangle. face: (T,) bool, laid out in the shell; uv: (T, 3, 2); eyes: islands."""

    face: NDArray[np.bool_]
    uv: NDArray[np.float64]
    eyes: list[EyeIsland]


def build_face_template(
    mean: NDArray[np.floating], triangles: NDArray[np.integer], landmarks: NDArray[np.integer] | SurfacePoints
) -> Template:
    """The template of a head or face mesh whose skin is one surface; vertices keep their numbers.

    mean: (V, 3) mm, world space. triangles: (T, 3) vertex rows, 0-based, counter-clockwise from outside; those
    without area are left out. landmarks: the iBUG-68 points as (68,) vertex rows or as points on `triangles`.

    The face is what lies in front of the ears between hairline and chin (face_shell.py). Triangles of it that cannot
    be laid out without folds or overlaps carry no label. Separate eyeballs, or else the surface between the lids, go
    to the eyes' slots of the chart.

    Raises ModelError when the mesh is no face, is turned inside out, or hardly any of it can be laid out.
    """
    vertices = np.asarray(mean, np.float64)
    triangles = np.asarray(triangles, np.int64)
    points = landmarks if isinstance(landmarks, SurfacePoints) else points_at_vertices(landmarks, triangles, vertices)
    if len(points.triangle) != 68:
        raise ModelError(f"the face has {len(points.triangle)} landmarks, expected the 68 of iBUG")
    positions = evaluate_points(points, triangles.astype(np.int32), vertices)
    _check_direction(vertices, triangles, positions)
    layout = _lay_out(vertices, triangles, points, positions)
    labelled = layout.face.copy()
    for eye in layout.eyes:
        labelled |= eye.front
    face = np.flatnonzero(layout.face)
    fronts = [np.flatnonzero(eye.front) for eye in layout.eyes]
    rest = np.flatnonzero(~labelled & ~degenerate(vertices, triangles))
    order = np.concatenate([face, *fronts, rest])
    rows, uv = triangles[order].astype(np.int32), np.clip(layout.uv[order], 0.0, 1.0).astype(np.float32)
    parts = np.zeros(len(order), np.uint8)
    parts[: len(face)] = shell_parts(vertices[rows[: len(face)]].mean(axis=1), positions)
    start = len(face)
    for eye, front in zip(layout.eyes, fronts):
        parts[start : start + len(front)] = PARTS.index(f"{eye.side}_eye")
        start += len(front)
    carried = vertices[np.unique(rows[:start])]
    low, high = carried.min(axis=0), carried.max(axis=0)
    jaw = _heaviest_corners(points, triangles)[:17]
    return Template(
        triangles=rows,
        label_count=start,
        uv=uv,
        parts=parts,
        pncc=np.clip((vertices - low) / (high - low), 0.0, 1.0).astype(np.float32),
        landmarks={"ibug68": _on_template(points, triangles, order, (rows, start, vertices))},
        contours=_contours(uv[: len(face)], rows[: len(face)], jaw, vertices),
    )


def _heaviest_corners(points: SurfacePoints, triangles: NDArray[np.integer]) -> NDArray[np.int64]:
    """(K,) the vertex with the largest weight in each point."""
    rows = np.arange(len(points.triangle))
    return np.asarray(triangles[points.triangle][rows, points.barycentric.argmax(axis=1)], np.int64)


def _check_direction(
    vertices: NDArray[np.float64], triangles: NDArray[np.integer], landmarks: NDArray[np.float64]
) -> None:
    """Raises ModelError for landmarks that are no upright face towards +z, or a mesh that is inside out."""
    eyes, mouth = landmarks[[36, 45]], landmarks[[48, 54]]
    upright = eyes[:, 1].mean() > mouth[:, 1].mean() > landmarks[8, 1]
    ahead = landmarks[30, 2] > eyes[:, 2].mean()
    if not (upright and ahead and eyes[0, 0] < 0.0 < eyes[1, 0]):
        raise ModelError(
            "the landmarks of the mean shape are no face that looks along +z with +y up and the subject's right at -x; "
            "the index list or the axes do not fit this mesh"
        )
    near = np.abs(vertices[triangles].mean(axis=1) - landmarks[30]).max(axis=1) < 40.0
    corners = vertices[triangles[near]]
    ahead_area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2]
    if np.abs(ahead_area).sum() == 0.0 or ahead_area.sum() < 0.0:
        raise ModelError(
            "the triangles around the nose run clockwise seen from outside; expected counter-clockwise: "
            "swap two columns of the triangle list"
        )


def _lay_out(
    vertices: NDArray[np.float64],
    triangles: NDArray[np.integer],
    points: SurfacePoints,
    landmarks: NDArray[np.float64],
) -> _Layout:
    """The face shell unfolded, eyes in their slots, everything else on the cylinder and joined to the shell."""
    frame = unwrap.frame_from_landmarks(landmarks)
    skin = skin_rows(triangles, _heaviest_corners(points, triangles))
    eyes = find_eyes(vertices, triangles, landmarks, skin)
    candidates = skin.copy()
    for eye in eyes:
        candidates &= ~eye.front
    face = np.zeros(len(triangles), bool)
    own = np.flatnonzero(candidates)
    face[own[choose_face(vertices, triangles[own], landmarks)]] = True
    if face.sum() < _LEAST_TRIANGLES:
        raise ModelError(
            f"only {int(face.sum())} triangles form a face between ears, hairline and chin, expected at least "
            f"{_LEAST_TRIANGLES}: the landmarks or the triangle list do not fit the mesh"
        )
    shell, local = np.unique(triangles[face], return_inverse=True)
    local = local.reshape(-1, 3)
    chart, good = unfold(unwrap.cylinder_chart(vertices[shell], frame), local, vertices[shell])
    chart = chart.astype(np.float32).astype(np.float64)
    good &= unwrap.chart_areas(chart, local) > unwrap.MIN_AREA
    good &= _without_overlaps(chart, local, vertices[shell], frame.axis_z, good)
    if good.mean() < _LEAST_SHARE:
        raise ModelError(
            f"{int((~good).sum())} of {len(good)} triangles of the face cannot be laid out without folds; "
            "the mesh is not one skin surface with the face towards +z"
        )
    filled = unwrap.chart_areas(chart, local)[good].sum() / np.trapezoid(2.0 * np.array(OUTLINE_HALF), OUTLINE_V)
    if filled < _LEAST_FILLED:
        raise ModelError(
            f"the face found fills {filled:.0%} of the area between ears, hairline and chin, expected at least "
            f"{_LEAST_FILLED:.0%}: triangles are missing, or wind both ways"
        )
    face[np.flatnonzero(face)[~good]] = False
    uv = unwrap.cylinder_corner_uv(vertices, triangles, frame)
    # The head meets the face along the face's border: the same chart there, so that textures have no seam.
    on_face = np.full(len(vertices), -1)
    on_face[shell] = np.arange(len(shell))
    shared = on_face[triangles] >= 0
    uv[shared] = chart[on_face[triangles[shared]]]
    for side in (-1.0, 1.0):
        _unfold_ear(vertices, triangles, skin & ~face, uv, side)
    for eye in eyes:
        uv[eye.rows] = eye.uv[triangles[eye.rows]]
    return _Layout(face, uv, eyes)


def _without_overlaps(
    chart: NDArray[np.float64],
    triangles: NDArray[np.int64],
    vertices: NDArray[np.float64],
    axis_z: float,
    good: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """(T,) bool: False for the inner one, nearer the axis, of any two triangles that lie on top of each other."""
    rows = np.flatnonzero(good)
    pairs = rows[overlapping_pairs(chart[triangles[rows]])]
    centre = vertices[triangles].mean(axis=1)
    radius = np.hypot(centre[:, 0], centre[:, 2] - axis_z)
    kept = np.ones(len(triangles), bool)
    kept[np.where(radius[pairs[:, 0]] < radius[pairs[:, 1]], pairs[:, 0], pairs[:, 1])] = False
    return kept


def _unfold_ear(
    vertices: NDArray[np.float64],
    triangles: NDArray[np.integer],
    head: NDArray[np.bool_],
    uv: NDArray[np.float64],
    side: float,
) -> None:
    """Lay out the ear of one side (-1 right, 1 left) without folds, in place.

    Ears carry no labels, but one texel for two places of the surface would smear their paint.
    """
    centre = uv.mean(axis=1)
    box = (np.abs((centre[:, 0] - 0.5) * side - _EAR_U) < _EAR_HALF[0]) & (np.abs(centre[:, 1] - _EAR_V) < _EAR_HALF[1])
    rows = np.flatnonzero(one_patch(triangles, head & box & ~degenerate(vertices, triangles)))
    used, local = np.unique(triangles[rows], return_inverse=True)
    local = local.reshape(-1, 3)
    chart = np.zeros((len(used), 2))
    chart[local] = uv[rows]
    if len(rows) and has_border(local):
        uv[rows] = unfold(chart, local, vertices[used])[0][local]


def _on_template(
    points: SurfacePoints,
    triangles: NDArray[np.integer],
    order: NDArray[np.int64],
    template: tuple[NDArray[np.int32], int, NDArray[np.float64]],
) -> SurfacePoints:
    """The points on the reordered triangles; points at a vertex move to a label-carrying triangle where one has it.

    template: triangles, how many of them carry labels, vertices (V, 3).
    """
    rows, label_count, vertices = template
    place = np.full(len(triangles), -1, np.int64)
    place[order] = np.arange(len(order))
    triangle, barycentric = place[points.triangle], points.barycentric.astype(np.float32)
    vertex = _heaviest_corners(points, triangles)
    at_vertex = points.barycentric.max(axis=1) > 1.0 - 1e-6
    on_face = np.isin(vertex, rows[:label_count])
    for chosen, among in ((at_vertex & on_face, rows[:label_count]), (at_vertex & ~on_face, rows)):
        moved = points_at_vertices(vertex[chosen], among, vertices)
        triangle[chosen], barycentric[chosen] = moved.triangle, moved.barycentric
    if (triangle < 0).any():
        raise ModelError(f"landmark {int(np.argmin(triangle))} (0-based) lies on a triangle without area")
    return SurfacePoints(triangle.astype(np.int32), barycentric)


def _contours(
    uv: NDArray[np.float32], triangles: NDArray[np.int32], jaw: NDArray[np.int64], vertices: NDArray[np.float64]
) -> NDArray[np.int32]:
    """Jaw contours; a jaw point beyond the face's border begins its line at the nearest vertex of the face."""
    used, local = np.unique(triangles, return_inverse=True)
    apart = np.linalg.norm(vertices[used][None] - vertices[jaw][:, None], axis=-1)
    rows = jaw_contours(uv, local.reshape(-1, 3).astype(np.int32), apart.argmin(axis=1))
    contours = np.where(rows >= 0, used[rows], -1).astype(np.int32)
    contours[:, 0] = jaw
    return contours
