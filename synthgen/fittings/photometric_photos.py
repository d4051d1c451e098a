"""Fittings of photos refined against the photos themselves."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from synthgen.alignment.photometric import FacePhoto, PhotometricFit, PhotometricOptions, fit_photometric, unchanged
from synthgen.alignment.photometric_heads import head_unknowns, landmark_error
from synthgen.alignment.photometric_model import PhotometricModel
from synthgen.alignment.unknowns import HeadUnknowns
from synthgen.asset_io.photos import Orientation
from synthgen.core.errors import AssetError, UsageError
from synthgen.fittings.fitting import FittingSet
from synthgen.fittings.texture_folder import TextureOptions, fitted_photo


@dataclass(frozen=True)
class RefineOptions:
    """fit: see alignment.photometric. orientation: as in asset_io.photos. progress: called with (done, total)."""

    fit: PhotometricOptions = field(default_factory=PhotometricOptions)
    orientation: Orientation = "refuse"
    progress: Callable[[int, int], None] | None = None


@dataclass(frozen=True)
class PhotometricRow:
    """How a face was refined.

    accepted: the refined head is in the set, else that of the landmarks, and `flags` say why. landmark_error: mean
    distance of fitted to annotated points over the eye distance, before and after. rms: photo minus model over the
    noise, before (with the best light and albedo for the landmarks' head) and after. inliers: share of the points that
    are believed. light: nine rows of three colours. energy: of each round, before and after.
    """

    name: str
    accepted: bool
    landmark_error: tuple[float, float]
    rms: tuple[float, float]
    inliers: float
    light: list[list[float]]
    absorbance: list[list[float]]
    energy: list[tuple[float, float]]
    flags: tuple[str, ...]


@dataclass(frozen=True)
class RefinedPhotos:
    """fittings: the set, refined where that was better; rows, fits and photos go with it (a photo that cannot be read
    is None)."""

    fittings: FittingSet
    rows: tuple[PhotometricRow, ...]
    fits: tuple[PhotometricFit, ...]
    photos: tuple[FacePhoto | None, ...]


def refine_fittings(
    fittings: FittingSet, photos: Path, model: PhotometricModel, options: RefineOptions | None = None
) -> RefinedPhotos:
    """Fittings whose heads meet their photos; one that cannot be refined stays as it was and has a flag.

    photos: folder that the picture names belong to. Raises UsageError when the set belongs to another model.
    """
    options = options or RefineOptions()
    expected = (len(model.model.identity_basis), len(model.model.expression_basis))
    if (fittings.identity.shape[1], fittings.expression.shape[1]) != expected:
        raise UsageError(f"the fittings are not those of {model.model.name}; name the model they were made with")
    rows, fits, shown = [], [], []
    for number in range(len(fittings)):
        start = start_head(fittings, number, model)
        try:
            photo = face_photo(fittings, number, photos, options.orientation)
            fit = fit_photometric(model, photo, start, options.fit)
        except AssetError as error:
            photo, fit = None, unchanged(model, start, str(error))
        shown.append(photo)
        fits.append(fit)
        rows.append(_row(fittings, number, model, start, fit))
        if options.progress is not None:
            options.progress(number + 1, len(fittings))
    return RefinedPhotos(_refined(fittings, model, fits), tuple(rows), tuple(fits), tuple(shown))


def start_head(fittings: FittingSet, row: int, model: PhotometricModel) -> HeadUnknowns:
    """The unknowns of one fitting."""
    camera = (
        fittings.rotation[row],
        fittings.translation[row],
        float(fittings.focal[row]),
        fittings.principal[row],
    )
    space = model.fitter.space
    return head_unknowns(space, fittings.perspective, camera, fittings.identity[row], fittings.expression[row])


def face_photo(fittings: FittingSet, row: int, folder: Path, orientation: Orientation) -> FacePhoto:
    """The photo of one fitting with its mask and points. Raises AssetError when it cannot be read or is another one."""
    fitted = fitted_photo(fittings, row, folder, TextureOptions(orientation=orientation))
    usable = np.ones(fitted.pixels.shape[:2], bool) if fitted.ignored is None else ~fitted.ignored
    points = np.asarray(fittings.landmarks[row], np.float64)
    return FacePhoto(fitted.pixels, usable, points, np.asarray(np.isfinite(points).all(axis=1)))


def _row(
    fittings: FittingSet, number: int, model: PhotometricModel, start: HeadUnknowns, fit: PhotometricFit
) -> PhotometricRow:
    points = fittings.landmarks[number]
    return PhotometricRow(
        name=fittings.names[number],
        accepted=fit.accepted,
        landmark_error=(
            landmark_error(model.fitter, start, points),
            landmark_error(model.fitter, fit.head, points),
        ),
        rms=fit.rms,
        inliers=fit.inliers,
        light=np.round(fit.light, 6).tolist(),
        absorbance=np.round(fit.absorbance, 6).tolist(),
        energy=[one.energy for one in fit.rounds],
        flags=fit.flags,
    )


def _refined(fittings: FittingSet, model: PhotometricModel, fits: list[PhotometricFit]) -> FittingSet:
    arrays = {
        name: getattr(fittings, name).astype(np.float64, copy=True)
        for name in ("rotation", "translation", "focal", "principal", "identity", "expression")
    }
    for row, fit in enumerate(fits):
        if not fit.accepted:
            continue
        identity, expression = model.fitter.space.coefficients(fit.head.shape)
        values = {"identity": identity[0], "expression": expression[0]}
        for name in ("rotation", "translation", "focal", "principal"):
            values[name] = getattr(fit.head, name)[0]
        for name, value in values.items():
            arrays[name][row] = value
    return replace(fittings, **arrays)
