"""`predict` as commands run it: pictures in, drawings and numbers out, for ONNX files and checkpoints alike."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthgen.asset_io.photos import read_photo
from synthgen.core.errors import SynthgenError, UsageError
from synthgen.dataset.whole_file import write_whole
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.model_names import model_section
from synthgen.morphable.open_model import open_model
from synthgen.predict.card import Network, NetworkCard
from synthgen.predict.drawing import DrawingContext, prediction_tiles, row_picture, sheet_of
from synthgen.predict.faces import FaceInput, FaceSource, face_crop, read_faces
from synthgen.predict.picture_predictions import FacePrediction, PredictOptions, Target, predict_faces
from synthgen.report.tiles import save_image

RESULTS, SHEET = "predictions.json", "sheet.png"
SHEET_ROWS = 24
_SHOWN = 5


@dataclass(frozen=True)
class PredictRequest:
    """source: faces; out: folder; target: photo to match with, whole or by the same boxes or landmarks; model: name of
    the morphable model on the command line, None for the network's own."""

    source: FaceSource
    out: Path
    target: Path | None = None
    model: str | None = None


def run_predict(network: Network, request: PredictRequest, say: Callable[[str], None]) -> list[FacePrediction]:
    """Predictions of all faces; writes NAME.png and NAME.npz of each face, predictions.json and sheet.png.

    say: told what to know. Raises SynthgenError for input that cannot be used.
    """
    card = network.card
    faces, without = read_faces(request.source)
    if request.out.resolve() == faces[0].photo.parent.resolve():
        raise UsageError(
            f"-o {request.out} is the folder of the photos; choose another, which nothing in it is lost to"
        )
    if without:
        more = f" and {len(without) - _SHOWN} more" if len(without) > _SHOWN else ""
        say(f"no face is given for {', '.join(without[:_SHOWN])}{more}")
    _check_request(card, request)
    target = _target(card, request)
    model = _morphable_model(card, request.model, say)
    options = PredictOptions(request.source.tight, target, model)
    context = DrawingContext(model, target, card.arrays.get("mean_face"))
    request.out.mkdir(parents=True, exist_ok=True)
    found: list[FacePrediction] = []
    rows: list[Image.Image] = []
    for photo in dict.fromkeys(face.photo for face in faces):
        pixels = read_photo(photo, request.source.orientation)
        here = predict_faces(network, pixels, [face for face in faces if face.photo == photo], options)
        for one in here:
            row = row_picture(one.face.name, prediction_tiles(one, pixels, context))
            save_image(row, request.out / f"{one.face.name}.png")
            _write_arrays(one.arrays, request.out / f"{one.face.name}.npz")
            if one.note:
                say(f"{one.face.name}: {one.note}")
            if len(rows) < SHEET_ROWS:
                rows.append(row)
        # Pictures and planes are on disk; a folder of thousands must not fill the memory.
        found += [replace(one, pixels=one.pixels[:0]) for one in here]
    save_image(sheet_of(rows), request.out / SHEET)
    content = {"method": card.method, "units": _UNITS, "faces": [_row(one) for one in found]}
    write_whole(request.out / RESULTS, (json.dumps(content, indent=1) + "\n").encode())
    return found


_UNITS = (
    "px of the picture, x right, y down, the centre of the first pixel is (0.5, 0.5); crop: left, top, side of the "
    "square that the network saw; parameters: label parameters_62 for the whole picture"
)


def _check_request(card: NetworkCard, request: PredictRequest) -> None:
    if card.takes_target and request.target is None:
        raise UsageError("this network was trained on pairs and matches two pictures: give --target PHOTO")
    if request.target is not None and not card.takes_target:
        raise UsageError(f"--target is for dfc trained on pairs; this network ({card.method}) takes one picture")


def _target(card: NetworkCard, request: PredictRequest) -> Target | None:
    """The picture to match with: its first face where boxes or landmarks name it, else all of it."""
    if request.target is None:
        return None
    pixels = read_photo(request.target, request.source.orientation)
    face = FaceInput(request.target.stem, request.target)
    if request.source.boxes is not None or request.source.landmarks is not None:
        try:
            face = read_faces(replace(request.source, pictures=request.target))[0][0]
        except SynthgenError as error:
            raise UsageError(f"--target {request.target}: its face is not given: {error}") from error
    crop = face_crop(face, (pixels.shape[0], pixels.shape[1]), card.share, card.size, request.source.tight)
    return Target(pixels, crop)


def _morphable_model(card: NetworkCard, name: str | None, say: Callable[[str], None]) -> MorphableModel | None:
    """The model that the network was trained with, where it is of use and at hand."""
    of_use = "parameters" in card.outputs or "mean_face" in card.arrays
    if not of_use:
        return None
    section = dict(card.model) if name is None else model_section(name)
    path = section.get("path")
    if name is None and path is not None and not Path(path).is_file():
        what = "no landmarks" if "mean_face" in card.arrays else "no mesh"
        say(f"{what}: the morphable model {card.model_name or Path(path).name} is not at {path}; give --model FILE")
        return None
    return open_model(SimpleNamespace(**section))


def _write_arrays(arrays: dict[str, NDArray[Any]], path: Path) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **cast(Mapping[str, Any], arrays))
    write_whole(path, buffer.getvalue())


def _row(found: FacePrediction) -> dict[str, Any]:
    """A face for JSON."""

    def listed(values: NDArray[np.float64] | None) -> Any:
        return None if values is None or not np.isfinite(values).all() else np.round(values, 6).tolist()

    return {
        "name": found.face.name,
        "picture": found.face.photo.name,
        "box": found.face.box,
        "crop": [round(value, 6) for value in (found.crop.left, found.crop.top, found.crop.side)],
        "landmarks": listed(found.landmarks),
        "parameters": listed(found.parameters),
        "note": found.note,
    }
