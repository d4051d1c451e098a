"""Coefficients of a publisher in a model's unit, and the checks that every fitting passes, whatever file it was in."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.core.conventions import CAMERA_FROM_WORLD
from synthgen.core.errors import AssetError
from synthgen.fittings.fitting import FittingSet
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.template import evaluate_points

Array = NDArray[np.float64]

# No face is ten standard deviations from the mean in any direction; sigma forgotten or applied twice is.
MAX_SIGMA = 10.0
# Annotated points may lie this share of the picture outside it: chins and ears at the border are annotated so.
LANDMARK_MARGIN = 0.25
# The middle of the face may lie this share of the picture outside it.
CENTRE_MARGIN = 0.5
# A face smaller than this, or this many times larger than its photo, has a wrong unit.
MIN_FACE_PX = 4.0
MAX_FACE_SHARE = 20.0
_ROTATION_TOLERANCE = 1e-3


@dataclass(frozen=True)
class KeyNames:
    """What a file format calls the fields of a fitting, for messages."""

    identity: str = "identity"
    expression: str = "expression"
    rotation: str = "camera.rotation"
    translation: str = "camera.translation"
    focal: str = "camera.focal"
    principal: str = "camera.principal"
    depth_shift: str = "camera.depth_shift"
    landmarks: str = "landmarks"
    box: str = "box"


def check_counts(identity: int, expression: int, model: MorphableModel, keys: KeyNames, truncate: bool) -> None:
    """Raises AssetError unless a file with this many coefficients belongs to the model.

    truncate: more coefficients than the model has are allowed; fewer never are.
    """
    wanted = {keys.identity: len(model.identity_basis), keys.expression: len(model.expression_basis)}
    for (key, expected), count in zip(wanted.items(), (identity, expression)):
        if count == expected or (truncate and count > expected):
            continue
        advice = f", or use the first {expected} (truncate, --truncate)" if count > expected else ""
        raise AssetError(
            f"{key} has {count} coefficients, model {model.name!r} has {expected}; use the model file that was fitted, "
            f"with {identity} identity and {expression} expression components{advice}"
        )


def in_model_unit(published: Array, stddev: NDArray[np.floating]) -> Array:
    """(N, C) coefficients in the model's unit from the publisher's (N, C): divided by the model's `stddev` (C,)."""
    return published / np.asarray(stddev, np.float64)


def face_sphere(model: MorphableModel) -> tuple[Array, float]:
    """Centre (3,), mm, world, and radius, mm, of a ball around the 68 landmarks of the mean face."""
    points = evaluate_points(
        model.template.landmarks["ibug68"], model.template.triangles, model.mean.astype(np.float64)
    )
    centre = 0.5 * (points.min(axis=0) + points.max(axis=0))
    return centre, float(np.linalg.norm(points - centre, axis=1).max())


def find_problems(fittings: FittingSet, model: MorphableModel, keys: KeyNames) -> dict[int, str]:
    """Row -> what is wrong with it, naming key and component; rows in order are absent.

    Checked: finite numbers, coefficients within MAX_SIGMA (weights: within that many ranges of their range), sizes,
    a rotation, a positive focal length, a face of believable size near the picture and before the camera,
    landmarks inside the picture grown by LANDMARK_MARGIN on each side, and a box that reaches into the picture.
    """
    problems: dict[int, str] = {}
    _find_not_finite(fittings, keys, problems)
    with np.errstate(all="ignore"):  # the rows that are not finite are noted
        _find_far_coefficients(fittings, model, keys, problems)
        _find_wrong_poses(fittings, keys, problems)
        _find_faces_elsewhere(fittings, model, keys, problems)
        _find_landmarks_outside(fittings, keys, problems)
        _find_boxes_outside(fittings, keys, problems)
    return problems


def outside_picture(points: Array, sizes: NDArray[np.integer], margin: float) -> NDArray[np.bool_]:
    """(N, K) bool: points (N, K, 2) px outside pictures of sizes (N, 2) (h, w) grown by `margin` on each side.

    NaN points are nowhere, so never outside.
    """
    extent = np.asarray(sizes, np.float64)[:, None, ::-1]
    beyond = (points < -margin * extent) | (points > (1.0 + margin) * extent)
    return np.asarray(beyond.any(axis=-1))


def _find_not_finite(fittings: FittingSet, keys: KeyNames, problems: dict[int, str]) -> None:
    for field in ("rotation", "translation", "focal", "principal", "depth_shift", "identity", "expression"):
        array = getattr(fittings, field)
        _note_components(array, ~np.isfinite(array), f"{getattr(keys, field)}", "is not a finite number", problems)
    if np.isinf(fittings.landmarks).any():
        infinite = np.isinf(fittings.landmarks)
        _note_components(fittings.landmarks, infinite, keys.landmarks, "is not a finite number", problems)


def _find_far_coefficients(
    fittings: FittingSet, model: MorphableModel, keys: KeyNames, problems: dict[int, str]
) -> None:
    reason = f"standard deviations, expected at most {MAX_SIGMA:.0f}"
    far = np.abs(fittings.identity) > MAX_SIGMA
    _note_components(fittings.identity, far, keys.identity, reason, problems)
    if model.expression_unit == "stddev":
        far = np.abs(fittings.expression) > MAX_SIGMA
        _note_components(fittings.expression, far, keys.expression, reason, problems)
        return
    low, high = model.expression_range.astype(np.float64).T
    slack = MAX_SIGMA * np.maximum(high - low, 1e-6)
    far = (fittings.expression < low - slack) | (fittings.expression > high + slack)
    _note_components(fittings.expression, far, keys.expression, f"is {MAX_SIGMA:.0f} ranges beyond its range", problems)


def _find_wrong_poses(fittings: FittingSet, keys: KeyNames, problems: dict[int, str]) -> None:
    small = (fittings.sizes < 1).any(axis=1)
    for row in np.flatnonzero(small):
        problems.setdefault(int(row), f"size is {fittings.sizes[row].tolist()}, expected [height, width] of the photo")
    for row in np.flatnonzero(~(fittings.focal > 0)):
        problems.setdefault(int(row), f"{keys.focal} is {fittings.focal[row]:.6g}, expected more than 0")
    gram = np.einsum("nij,nkj->nik", fittings.rotation, fittings.rotation)
    skew = np.abs(gram - np.eye(3)).max(axis=(1, 2)) > _ROTATION_TOLERANCE
    skew = skew | (np.linalg.det(np.nan_to_num(fittings.rotation)) < 0)
    for row in np.flatnonzero(skew):
        problems.setdefault(int(row), f"{keys.rotation} is no rotation; expected orthonormal rows with determinant +1")


def _find_faces_elsewhere(
    fittings: FittingSet, model: MorphableModel, keys: KeyNames, problems: dict[int, str]
) -> None:
    """Notes faces behind the camera, far outside the picture, or of an impossible size."""
    centre, radius = face_sphere(model)
    camera = np.einsum("ij,njk,k->ni", CAMERA_FROM_WORLD, fittings.rotation, centre) + fittings.translation
    scale = fittings.focal
    if fittings.perspective:
        for row in np.flatnonzero(camera[:, 2] <= radius):
            depth = f"its centre has depth {camera[row, 2]:.4g} mm, its radius is {radius:.0f} mm"
            reason = f"{keys.translation} puts the face behind the camera ({depth}); expected positive z, OpenCV axes"
            problems.setdefault(int(row), reason)
        scale = scale / np.maximum(camera[:, 2], radius)
    image = scale[:, None] * camera[:, :2] + fittings.principal
    pixels = 2.0 * radius * scale
    wrong = (pixels < MIN_FACE_PX) | (pixels > MAX_FACE_SHARE * fittings.sizes.max(axis=1))
    for row in np.flatnonzero(wrong):
        reason = f"{keys.focal} makes the face {pixels[row]:.3g} pixels large; is it in the unit of the format?"
        problems.setdefault(int(row), reason)
    for row in np.flatnonzero(outside_picture(image[:, None], fittings.sizes, CENTRE_MARGIN)[:, 0]):
        height, width = fittings.sizes[row]
        where = f"({image[row, 0]:.4g}, {image[row, 1]:.4g}), far outside the photo of {width} x {height} pixels"
        problems.setdefault(int(row), f"{keys.principal} puts the centre of the face at {where}")


def _find_landmarks_outside(fittings: FittingSet, keys: KeyNames, problems: dict[int, str]) -> None:
    outside = outside_picture(fittings.landmarks, fittings.sizes, LANDMARK_MARGIN)
    for row, reason in outside_reasons(fittings.landmarks, fittings.sizes, outside).items():
        problems.setdefault(row, f"{keys.landmarks}{reason}")


def _find_boxes_outside(fittings: FittingSet, keys: KeyNames, problems: dict[int, str]) -> None:
    extent = fittings.sizes[:, ::-1]
    beside = ((fittings.boxes[:, 2:] <= 0) | (fittings.boxes[:, :2] >= extent)).any(axis=1)
    for row in np.flatnonzero(beside):
        width, height = extent[row]
        reason = f"is {fittings.boxes[row].tolist()}, beside the photo of {width} x {height} pixels"
        problems.setdefault(int(row), f"{keys.box} {reason}; expected left, top, right, bottom in px")


def outside_reasons(points: Array, sizes: NDArray[np.integer], outside: NDArray[np.bool_]) -> dict[int, str]:
    """Row -> where its first point marked in `outside` (N, K) lies, as "[3] lies at ..."."""
    reasons = {}
    for row in np.flatnonzero(outside.any(axis=1)):
        point = int(np.argmax(outside[row]))
        x, y = points[row, point]
        height, width = sizes[row]
        reasons[int(row)] = (
            f"[{point}] lies at ({x:.1f}, {y:.1f}), outside the photo of {width} x {height} pixels by more than "
            f"{LANDMARK_MARGIN:.0%} of it ({int(outside[row].sum())} points do)"
        )
    return reasons


def _note_components(
    array: NDArray[np.floating], wrong: NDArray[np.bool_], key: str, reason: str, problems: dict[int, str]
) -> None:
    """Notes the first wrong component of every row of `array` (N, ...)."""
    flat = wrong.reshape(len(wrong), -1)
    for row in np.flatnonzero(flat.any(axis=1)):
        place = np.unravel_index(int(np.argmax(flat[row])), array.shape[1:]) if array.ndim > 1 else ()
        component = f"[{', '.join(str(axis) for axis in place)}]" if place else ""
        value = array[(row, *place)]
        problems.setdefault(int(row), f"{key}{component} = {value:.6g} {reason}")
