"""Photos that come with landmarks only become fittings: a model fitted to each face, and a report of how well."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from synthgen.alignment.fit_landmarks import (
    FEWEST_POINTS,
    CameraModel,
    LandmarkFitOptions,
    LandmarkFits,
    LandmarkFitter,
    fit_landmarks,
    open_landmark_fitter,
)
from synthgen.alignment.landmark_basis import JAW, POINTS
from synthgen.asset_io.catalogue import problems_error
from synthgen.core.conventions import BLOCK
from synthgen.core.errors import AssetError
from synthgen.fittings.coefficients import (
    LANDMARK_MARGIN,
    MAX_SIGMA,
    KeyNames,
    find_problems,
    outside_picture,
    outside_reasons,
)
from synthgen.fittings.fitting import Array, Box, FittingSet, PhotoLandmarks, Skipped, select_fittings
from synthgen.fittings.landmark_schemes import as_ibug68
from synthgen.geometry.rotation import euler_from_rotation
from synthgen.morphable.model import MorphableModel

_LEAST_EXTENT_PX = 4.0
_SHOWN = 20  # how many faces an error names


@dataclass(frozen=True)
class PhotoFitOptions:
    """camera and fit: see alignment.fit_landmarks.

    largest_error: root mean square distance over the eye distance (outer corners) beyond which a fit is bad.
    largest_z: standard deviations beyond which a coefficient is absurd. skip_bad: leave bad faces out and report
    them, instead of raising.
    """

    camera: CameraModel = field(default_factory=CameraModel)
    fit: LandmarkFitOptions = field(default_factory=LandmarkFitOptions)
    largest_error: float = 0.1
    largest_z: float = MAX_SIGMA
    skip_bad: bool = False


@dataclass(frozen=True)
class FitRow:
    """How well one face was fitted.

    rms_px: root mean square distance of fitted to annotated points; rms_error: the same over the eye distance;
    mean_error and inner_error: mean distance over the eye distance, of all points and of those that are not the
    jaw's. pitch_deg, yaw_deg, roll_deg: ours. largest_z: largest coefficient in standard deviations.
    """

    name: str
    points: int
    rms_px: float
    rms_error: float
    mean_error: float
    inner_error: float
    pitch_deg: float
    yaw_deg: float
    roll_deg: float
    largest_z: float
    iterations: int
    converged: bool


@dataclass(frozen=True)
class PhotoFits:
    """fittings and rows go together; skipped: faces that are in neither."""

    fittings: FittingSet
    rows: tuple[FitRow, ...]
    skipped: tuple[Skipped, ...]


def fit_photos(
    landmarks: Sequence[PhotoLandmarks], model: MorphableModel, options: PhotoFitOptions | None = None
) -> PhotoFits:
    """Fittings of a model to annotated faces, in their order; other annotated faces of a photo become ignore boxes.

    Raises AssetError that names every bad face and why (or lists it in `skipped` with skip_bad): an unknown scheme,
    too few points, points outside the photo, a fit that is far off, absurd or not converged; always when no
    face is left. Raises ModelError for a model without the 68 points.
    """
    options = options or PhotoFitOptions()
    _check_names(landmarks)
    fitter = open_landmark_fitter(model, options.fit)
    usable, reasons = _usable(landmarks)
    fits: list[LandmarkFits] = []
    rows: list[FitRow] = []
    for start in range(0, len(usable), BLOCK):
        faces = usable[start : start + BLOCK]
        fits.append(_fit_batch(faces, fitter, options.camera))
        rows += [_fit_row(face.name, fits[-1], number, model) for number, face in enumerate(faces)]
    reasons |= {row.name: reason for row in rows if (reason := _badness(row, options))}
    fittings = _fitting_set(usable, fits, landmarks, model.name) if usable else None
    if fittings is not None:
        problems = find_problems(fittings, model, KeyNames())
        reasons = {usable[row].name: reason for row, reason in problems.items()} | reasons
    good = [number for number, face in enumerate(usable) if face.name not in reasons]
    skipped = tuple(Skipped(face.name, reasons[face.name]) for face in landmarks if face.name in reasons)
    if fittings is None or (skipped and not (good and options.skip_bad)):
        advice = "repair them, or leave them out with --skip-bad" if good else "nothing is left to use"
        what = f"{len(skipped)} of {len(landmarks)} annotated faces cannot be fitted; {advice}"
        raise problems_error(what, [f"{face.name}: {face.reason}" for face in skipped], _SHOWN)
    return PhotoFits(select_fittings(fittings, np.array(good)), tuple(rows[number] for number in good), skipped)


def _fit_batch(faces: Sequence[PhotoLandmarks], fitter: LandmarkFitter, camera: CameraModel) -> LandmarkFits:
    points = np.stack([face.points for face in faces])
    sizes = np.array([face.size for face in faces], np.int32)
    return fit_landmarks(fitter, points, sizes, camera, np.stack([face.visible for face in faces]))


def _check_names(landmarks: Sequence[PhotoLandmarks]) -> None:
    if not landmarks:
        raise AssetError("no annotated face to fit")
    names = [face.name for face in landmarks]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise AssetError(f"{twice}: two annotated faces have this name; names must differ")


def _usable(landmarks: Sequence[PhotoLandmarks]) -> tuple[list[PhotoLandmarks], dict[str, str]]:
    """Faces that can be fitted, in iBUG's points, and name -> why another cannot."""
    usable, reasons = [], {}
    for face in landmarks:
        try:
            converted = as_ibug68(face)
        except AssetError as error:
            reasons[face.name] = str(error).removeprefix(f"{face.name}: ")
            continue
        reason = _unusable(converted)
        if reason:
            reasons[face.name] = reason
        else:
            usable.append(converted)
    return usable, reasons


def _unusable(face: PhotoLandmarks) -> str:
    """Why a face of 68 points cannot be fitted, or nothing."""
    if np.shape(face.points) != (POINTS, 2):
        return f"{len(face.points)} points; expected {POINTS} of scheme ibug68, NaN where one is missing"
    used = face.points[np.isfinite(face.points).all(axis=1) & face.visible]
    if len(used) < FEWEST_POINTS:
        return f"{len(used)} visible landmarks; a fit needs at least {FEWEST_POINTS}"
    if np.ptp(used, axis=0).max() < _LEAST_EXTENT_PX:
        return f"the landmarks lie within {_LEAST_EXTENT_PX:g} px of each other"
    points, sizes = face.points[None], np.array([face.size])
    outside = outside_reasons(points, sizes, outside_picture(points, sizes, LANDMARK_MARGIN))
    if outside:
        return f"landmarks{outside[0]}"
    return ""


def _fit_row(name: str, fits: LandmarkFits, number: int, model: MorphableModel) -> FitRow:
    distance, eyes = fits.residual_px[number], fits.eye_distance_px[number]
    pitch, yaw, roll = np.rad2deg(euler_from_rotation(fits.rotation[number]))
    coefficients = [fits.identity[number]]
    if model.expression_unit == "stddev":
        coefficients.append(fits.expression[number])
    inner = distance[JAW:]
    return FitRow(
        name=name,
        points=int(np.isfinite(distance).sum()),
        rms_px=float(fits.rms_px[number]),
        rms_error=float(fits.rms_px[number] / eyes),
        mean_error=float(np.nanmean(distance) / eyes),
        inner_error=float(np.nanmean(inner) / eyes) if np.isfinite(inner).any() else float("nan"),
        pitch_deg=float(pitch),
        yaw_deg=float(yaw),
        roll_deg=float(roll),
        largest_z=float(np.abs(np.concatenate([*coefficients, [0.0]])).max()),
        iterations=int(fits.iterations[number]),
        converged=bool(fits.converged[number]),
    )


def _badness(row: FitRow, options: PhotoFitOptions) -> str:
    """Why a fit is not to be used, or nothing."""
    if not np.isfinite(row.rms_error) or row.rms_error > options.largest_error:
        return (
            f"the fitted points are {row.rms_error:.1%} of the eye distance away from the annotated ones "
            f"({row.rms_px:.1f} px), more than {options.largest_error:.1%}; is the order of the points iBUG's?"
        )
    if row.largest_z > options.largest_z:
        return f"a coefficient of {row.largest_z:.1f} standard deviations, more than {options.largest_z:g}"
    if not row.converged:
        return f"the fit did not settle in {row.iterations} steps"
    return ""


def _fitting_set(
    faces: Sequence[PhotoLandmarks], fits: Sequence[LandmarkFits], landmarks: Sequence[PhotoLandmarks], model: str
) -> FittingSet:
    def stacked(name: str) -> Array:
        return np.concatenate([getattr(batch, name) for batch in fits])

    return FittingSet(
        names=tuple(face.name for face in faces),
        photos=tuple(face.photo for face in faces),
        sizes=np.array([face.size for face in faces], np.int32),
        perspective=fits[0].perspective,
        rotation=stacked("rotation"),
        translation=stacked("translation"),
        focal=stacked("focal"),
        principal=stacked("principal"),
        depth_shift=np.zeros(len(faces)),
        identity=stacked("identity"),
        expression=stacked("expression"),
        landmarks=np.stack([face.points for face in faces]).astype(np.float64),
        boxes=np.array([face.box or (np.nan,) * 4 for face in faces], np.float64),
        ignore_boxes=tuple(_other_boxes(face, landmarks) for face in faces),
        ignore_masks=("",) * len(faces),
        model=model,
    )


def _other_boxes(face: PhotoLandmarks, landmarks: Sequence[PhotoLandmarks]) -> tuple[Box, ...]:
    """Boxes of the other annotated faces in a face's photo, by their own box or that of their points."""
    return tuple(_box(other) for other in landmarks if other.photo == face.photo and other.name != face.name)


def _box(face: PhotoLandmarks) -> Box:
    if face.box is not None or not np.isfinite(face.points).any():
        return face.box or (0.0, 0.0, 0.0, 0.0)
    (left, top), (right, bottom) = np.nanmin(face.points, axis=0), np.nanmax(face.points, axis=0)
    return float(left), float(top), float(right), float(bottom)
