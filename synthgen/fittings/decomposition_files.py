"""Decompositions as files: a folder per face, and one contact sheet."""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from synthgen.alignment.photometric import FacePhoto, PhotometricFit
from synthgen.alignment.photometric_heads import head_landmarks
from synthgen.alignment.photometric_model import PhotometricModel
from synthgen.core.errors import UsageError
from synthgen.dataset.whole_file import write_whole
from synthgen.fittings.decomposition import Decomposer
from synthgen.fittings.decomposition_pictures import contact_sheet, decomposition_pictures
from synthgen.fittings.photometric_photos import PhotometricRow, RefinedPhotos
from synthgen.morphable.albedo.names import LAYER_NAMES
from synthgen.report.charts import draw_rounds_chart

PLANES = ("overlay", "albedo", "model_albedo", "shading", "reconstruction", "residual")
SHEET, CONVERGENCE = "contact_sheet.png", "convergence.png"
TERMS = ("data", "landmarks", "shape", "appearance")


def write_decompositions(refined: RefinedPhotos, model: PhotometricModel, folder: Path) -> list[Path]:
    """Write FOLDER/<name>/ with a PNG per plane, convergence.png and fit.json for each face, and the contact sheet.

    A face whose photo says nothing has convergence.png and fit.json alone. Returns the files, the sheet last.
    Raises DatasetError when a file cannot be written.
    """
    decomposer, files, shown = Decomposer(model), [], []
    for row, fit, photo in zip(refined.rows, refined.fits, refined.photos, strict=True):
        place = folder / row.name
        place.mkdir(parents=True, exist_ok=True)
        pictures = _pictures(decomposer, model, fit, photo)
        for name in PLANES if pictures else ():
            files.append(_write_png(Image.fromarray(pictures[name]), place / f"{name}.png"))
        if pictures:
            shown.append((row.name, pictures))
        draw_rounds_chart(_rounds(fit), place / CONVERGENCE, "the photo was not used: " + "; ".join(fit.flags)[:90])
        files.append(place / CONVERGENCE)
        write_whole(place / "fit.json", _json(row, fit).encode())
        files.append(place / "fit.json")
    if shown:
        files.append(_write_png(contact_sheet(shown), folder / SHEET))
    return files


def _pictures(
    decomposer: Decomposer, model: PhotometricModel, fit: PhotometricFit, photo: FacePhoto | None
) -> dict[str, np.ndarray]:
    if photo is None or not fit.rounds:
        return {}
    try:
        return decomposition_pictures(decomposer.decompose(photo, fit, head_landmarks(model.fitter, fit.head)))
    except UsageError:  # the head lies outside the photo
        return {}


def _rounds(fit: PhotometricFit) -> list[tuple[str, dict[str, tuple[float, float]]]]:
    """The level of the photo and number of points of each round, and its terms before and after."""
    return [
        (f"1/{round(1 / one.scale)}\n{one.points} points", {name: getattr(one, name) for name in TERMS})
        for one in fit.rounds
    ]


def _json(row: PhotometricRow, fit: PhotometricFit) -> str:
    """The record of a fit. Light: radiance, rows and axes as core.spherical_harmonics."""
    content = {
        "name": row.name,
        "accepted": row.accepted,
        "flags": list(row.flags),
        "landmark_error": dict(zip(("before", "after"), row.landmark_error)),
        "rms_over_noise": dict(zip(("before", "after"), row.rms)),
        "inliers": row.inliers,
        "light": row.light,
        "absorbance": dict(zip(LAYER_NAMES, row.absorbance)),
        "albedo_numbers": np.round(fit.albedo, 6).tolist(),
        "rounds": [
            {
                "scale": one.scale,
                "points": one.points,
                "steps": one.steps,
                "rms_over_noise": one.rms,
                "energy": dict(zip(("before", "after"), one.energy)),
                "terms": {name: dict(zip(("before", "after"), getattr(one, name))) for name in TERMS},
            }
            for one in fit.rounds
        ],
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _write_png(picture: Image.Image, path: Path) -> Path:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    write_whole(path, buffer.getvalue())
    return path
