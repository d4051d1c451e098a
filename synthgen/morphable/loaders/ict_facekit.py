"""ICT-FaceKit (MIT licence): the official `FaceXModel` folder of OBJ files, or its arrays, as a morphable model.

What the importer changes: centimetres become millimetres, quads become two triangles, and the chart is this project's
(unwrap.py) instead of the release's tiles. The narrow face (hairline to under the chin, in front of the ears) and the
front of the eyeballs carry labels; ears, scalp, neck, mouth socket, eye sockets, gums, tongue and teeth are rendered
without. Left out: lashes, eye-blend, eye-occlusion and lacrimal shells, which are transparent films in front of the
eye, and the inner iris balls, which the opaque outer eye shells hide; the iris is painted on the outer shell.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthgen.core.bounded_file import read_bounded
from synthgen.core.conventions import PARTS
from synthgen.core.errors import ModelError
from synthgen.core.limits import MOST_LANDMARK_FILE_BYTES
from synthgen.morphable import unwrap
from synthgen.morphable.contours import jaw_contours
from synthgen.morphable.loaders import ict_tables as ict
from synthgen.morphable.loaders.ict_arrays import IctArrays
from synthgen.morphable.loaders.ict_expressions import expression_components
from synthgen.morphable.loaders.ict_npz import is_ict_npz, read_ict_npz
from synthgen.morphable.loaders.obj import fan_triangles, read_obj, read_obj_target
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.regions import shell_parts
from synthgen.morphable.surface_points import points_at_vertices
from synthgen.morphable.template import Template
from synthgen.morphable.unfold import unfold

NEUTRAL_FILE, INDEX_FILE = "generic_neutral_mesh.obj", "vertex_indices.json"
# Where the ears are in the chart: distance from u = 0.5, v, and half the size of a box around one.
_EAR_U, _EAR_V, _EAR_HALF = 0.385, 0.63, (0.075, 0.15)
_LABELLED_EYE_ANGLE = np.radians(80.0)


@dataclass(frozen=True)
class _Counts:
    """Triangles of the face shell, of the right eye's front, and of everything that carries labels."""

    face: int
    right_eye: int
    labelled: int


def import_ict_facekit(path: Path) -> MorphableModel:
    """The model of an ICT-FaceKit checkout, its FaceXModel folder, or its arrays packed in an .npz file.

    Raises ModelError for anything incomplete.
    """
    return convert_ict(read_ict_folder(path) if path.is_dir() else read_ict_npz(path))


def is_ict_release(path: Path) -> bool:
    """Whether a path looks like an ICT-FaceKit checkout, its FaceXModel folder, or its arrays in an .npz file."""
    return any((place / NEUTRAL_FILE).is_file() for place in (path, path / "FaceXModel")) or is_ict_npz(path)


def read_ict_folder(folder: Path, identity_count: int = ict.IDENTITY_COUNT) -> IctArrays:
    """The release as arrays; every file must be there and have the neutral mesh's polygons.

    identity_count: how many identity files to read; the official release has 100.
    """
    place = folder / "FaceXModel" if (folder / "FaceXModel").is_dir() else folder
    neutral = read_obj(place / NEUTRAL_FILE)
    if len(neutral.vertices) != ict.VERTEX_COUNT or len(neutral.polygons) != ict.POLYGON_COUNT:
        raise ModelError(
            f"{place / NEUTRAL_FILE}: {len(neutral.vertices)} vertices and {len(neutral.polygons)} polygons, expected "
            f"{ict.VERTEX_COUNT} and {ict.POLYGON_COUNT}: not the full ICT-FaceKit mesh"
        )
    names = _expression_names(place / INDEX_FILE)
    files = [f"identity{number:03d}" for number in range(identity_count)] + list(names)
    deltas = np.empty((len(files), ict.VERTEX_COUNT, 3), np.float32)
    for row, file in enumerate(files):
        deltas[row] = read_obj_target(place / f"{file}.obj", neutral) - neutral.vertices
    return IctArrays(neutral.vertices, deltas[:identity_count], deltas[identity_count:], names, neutral.polygons)


def _expression_names(path: Path) -> tuple[str, ...]:
    """The expression files that the release's index lists. Raises ModelError when it does not."""
    try:
        names = json.loads(read_bounded(path, MOST_LANDMARK_FILE_BYTES))["expressions"]
    except FileNotFoundError as error:
        raise ModelError(f"{path}: file not found; the importer needs the whole FaceXModel folder") from error
    except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
        raise ModelError(f"{path}: expected JSON with a list 'expressions' ({error})") from error
    safe = isinstance(names, list) and names and all(isinstance(name, str) and name.isidentifier() for name in names)
    if not safe or len(set(names)) != len(names):
        raise ModelError(f"{path}: 'expressions' must be a list of distinct file names without extension")
    return tuple(names)


def convert_ict(source: IctArrays) -> MorphableModel:
    """The morphable model of a release's arrays, in this project's units, chart, parts and landmarks."""
    triangles, polygon = fan_triangles(source.polygons)
    neutral = np.asarray(source.neutral, np.float64) * ict.MILLIMETRES
    order, counts = _triangle_order(neutral, triangles, polygon)
    triangles, polygon = triangles[order], polygon[order]
    template = _template(neutral, triangles, _corner_uv(neutral, triangles, polygon), counts)
    kept = np.unique(triangles)  # rows of the release's vertices that the model keeps, in the release's order
    to_model = np.float32(ict.MILLIMETRES)
    expression_basis = source.expression_deltas[:, kept].astype(np.float32) * to_model
    pca_mean, pca = expression_components(source.expression_names, expression_basis)
    count = len(source.expression_names)
    return MorphableModel(
        name="ict-facekit",
        mean=neutral[kept].astype(np.float32),
        identity_basis=source.identity_deltas[:, kept].astype(np.float32) * to_model,
        expression_basis=expression_basis,
        expression_names=source.expression_names,
        expression_unit="weight",
        expression_range=np.tile(np.array([[0.0, 1.0]], np.float32), (count, 1)),
        expression_pca_mean=pca_mean,
        expression_pca=pca,
        identity_stddev=np.ones(len(source.identity_deltas), np.float32),
        expression_stddev=np.ones(count, np.float32),
        template=template,
        licence="MIT, Copyright (c) 2020 USC Institute for Creative Technologies",
        source=f"ICT-FaceKit FaceXModel: {len(source.identity_deltas)} identity and {count} expression shapes",
    )


@dataclass(frozen=True)
class _Eye:
    """Polygon range of an outer eye shell, its chart slot, its centre (3,) mm and axis (3,) towards the pupil."""

    polygons: tuple[int, int]
    slot: unwrap.Slot
    centre: NDArray[np.float64]
    axis: NDArray[np.float64]


def _eyes(neutral: NDArray[np.float64]) -> tuple[_Eye, _Eye]:
    """The right and the left eye. Their axes point a few degrees outwards, as the release's corneas do."""

    def eye(polygons: tuple[int, int], vertices: tuple[int, int], slot: unwrap.Slot) -> _Eye:
        front, back = neutral[vertices[0]], neutral[vertices[1] - 1]
        return _Eye(polygons, slot, (front + back) / 2, front - back)

    return (
        eye(ict.RIGHT_SCLERA, ict.RIGHT_SCLERA_VERTICES, unwrap.RIGHT_EYE_SLOT),
        eye(ict.LEFT_SCLERA, ict.LEFT_SCLERA_VERTICES, unwrap.LEFT_EYE_SLOT),
    )


def _within(polygon: NDArray[np.int64], bounds: tuple[int, int]) -> NDArray[np.bool_]:
    return (polygon >= bounds[0]) & (polygon < bounds[1])


def _triangle_order(
    neutral: NDArray[np.float64], triangles: NDArray[np.int32], polygon: NDArray[np.int64]
) -> tuple[NDArray[np.int64], _Counts]:
    """Rows of the triangles that stay, label-carrying first: face, right eye, left eye; and how many of each."""
    face = np.flatnonzero(_within(polygon, ict.NARROW_FACE))
    fronts, backs = [], []
    for eye in _eyes(neutral):
        rows = np.flatnonzero(_within(polygon, eye.polygons))
        rays = neutral[triangles[rows]] - eye.centre
        ahead = rays @ eye.axis / (np.linalg.norm(rays, axis=-1) * np.linalg.norm(eye.axis))
        angle = np.arccos(np.clip(ahead, -1.0, 1.0)).max(axis=1)
        fronts.append(rows[angle < _LABELLED_EYE_ANGLE])
        backs.append(rows[angle >= _LABELLED_EYE_ANGLE])
    rest = [
        np.flatnonzero(_within(polygon, bounds))
        for bounds in (ict.FACE_REST_AND_HEAD, ict.MOUTH_SOCKET, ict.EYE_SOCKETS, ict.GUMS_AND_TONGUE, ict.TEETH)
    ]
    labelled = np.concatenate([face, *fronts])
    counts = _Counts(len(face), len(fronts[0]), len(labelled))
    return np.concatenate([labelled, *rest, *backs]), counts


def _corner_uv(
    neutral: NDArray[np.float64], triangles: NDArray[np.int32], polygon: NDArray[np.int64]
) -> NDArray[np.float32]:
    """(T, 3, 2) chart coordinates: unfolded cylinder, eye islands, slots of the inner mouth and the teeth."""
    frame = unwrap.frame_from_landmarks(neutral[list(ict.LANDMARKS_68)])
    uv = unwrap.cylinder_corner_uv(neutral, triangles, frame)
    face = _within(polygon, ict.NARROW_FACE)
    shell, local = np.unique(triangles[face], return_inverse=True)
    local = local.reshape(-1, 3)
    chart, unfolded = unfold(unwrap.cylinder_chart(neutral[shell], frame), local, neutral[shell])
    if not unfolded.all():
        raise ModelError(
            "ICT-FaceKit: the face cannot be laid out without folds; the neutral mesh is not the release's"
        )
    uv[face] = chart[local]
    # The head meets the face along the face's border: the same chart there, so that textures have no seam.
    on_face = np.full(len(neutral), -1)
    on_face[shell] = np.arange(len(shell))
    head = _within(polygon, ict.FACE_REST_AND_HEAD)
    shared = head[:, None] & (on_face[triangles] >= 0)
    uv[shared] = chart[on_face[triangles[shared]]]
    for side in (-1.0, 1.0):
        _unfold_ear(neutral, triangles, head, uv, side)
    for eye in _eyes(neutral):
        rows = _within(polygon, eye.polygons)
        uv[rows] = unwrap.eye_chart(neutral[triangles[rows]], eye.centre, eye.slot, eye.axis)
    teeth = _within(polygon, ict.TEETH)
    mouth = (
        _within(polygon, ict.MOUTH_SOCKET) | _within(polygon, ict.GUMS_AND_TONGUE) | _within(polygon, ict.EYE_SOCKETS)
    )
    uv[teeth] = unwrap.slot_chart(neutral[triangles[teeth]][..., :2], unwrap.TEETH_SLOT)
    uv[mouth] = unwrap.slot_chart(neutral[triangles[mouth]][..., :2], unwrap.INNER_MOUTH_SLOT)
    return np.clip(uv, 0.0, 1.0).astype(np.float32)


def _unfold_ear(
    neutral: NDArray[np.float64],
    triangles: NDArray[np.int32],
    head: NDArray[np.bool_],
    uv: NDArray[np.float64],
    side: float,
) -> None:
    """Lay out the ear of one side (-1 right, 1 left) without folds, in place.

    Ears carry no labels, but one texel for two places of the surface would smear their paint.
    """
    centre = uv.mean(axis=1)
    box = (np.abs((centre[:, 0] - 0.5) * side - _EAR_U) < _EAR_HALF[0]) & (np.abs(centre[:, 1] - _EAR_V) < _EAR_HALF[1])
    rows = np.flatnonzero(head & box)
    vertices, local = np.unique(triangles[rows], return_inverse=True)
    local = local.reshape(-1, 3)
    chart = np.zeros((len(vertices), 2))
    chart[local] = uv[rows]
    uv[rows] = unfold(chart, local, neutral[vertices])[0][local]


def _template(
    neutral: NDArray[np.float64], triangles: NDArray[np.int32], uv: NDArray[np.float32], counts: _Counts
) -> Template:
    kept = np.unique(triangles)
    compact = np.full(len(neutral), -1, np.int32)
    compact[kept] = np.arange(len(kept))
    vertices, rows = neutral[kept], compact[triangles]
    points = compact[list(ict.LANDMARKS_68)]
    parts = np.zeros(len(rows), np.uint8)
    parts[: counts.face] = shell_parts(vertices[rows[: counts.face]].mean(axis=1), vertices[points])
    parts[counts.face : counts.face + counts.right_eye] = PARTS.index("right_eye")
    parts[counts.face + counts.right_eye : counts.labelled] = PARTS.index("left_eye")
    labelled = np.unique(rows[: counts.labelled])
    low, high = vertices[labelled].min(axis=0), vertices[labelled].max(axis=0)
    jaw = compact[[*ict.JAWLINE_RIGHT, ict.LANDMARKS_68[8], *ict.JAWLINE_LEFT]]
    return Template(
        triangles=rows,
        label_count=counts.labelled,
        uv=uv,
        parts=parts,
        pncc=np.clip((vertices - low) / (high - low), 0.0, 1.0).astype(np.float32),
        landmarks={"ibug68": points_at_vertices(points, rows[: counts.face], vertices)},
        contours=jaw_contours(uv[: counts.face], rows[: counts.face], jaw),
    )
