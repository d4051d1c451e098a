"""Landmarks that a checkpoint or an ONNX file finds in the pictures of a benchmark."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from eval.benchmark_model import BenchmarkModel
from eval.crops import CROPS
from eval.matching import OUR_FIRST_PIXEL
from eval.networks import open_network
from eval.predictions import Predictions
from eval.protocol import Request
from eval.truth import Truth
from synthgen.asset_io.images import read_image
from synthgen.core.errors import AssetError, UsageError
from synthgen.predict.card import NetworkCard
from synthgen.predict.crop import FaceCrop, box_crop, cut, landmark_crop
from synthgen.recipe.sections import Model

BATCH = 32


def predict_landmarks(request: Request, truth: Truth) -> tuple[Predictions, tuple[str, ...]]:
    """68 points of every face whose picture is there, in our pixels, and notes on how they were made.

    Raises UsageError without a way to cut faces, and for networks that need more than a picture of a face can give;
    AssetError when no picture is there.
    """
    assert request.model is not None
    rows = [row for row, path in enumerate(truth.pictures) if path is not None]
    if not rows:
        raise AssetError(f"{truth.where}: its pictures are not there, so a model has nothing to look at")
    network = open_network(request.model)
    cut_by = _cut_by(request.options.get("crop", ""), truth)
    section: Model = TypeAdapter(Model).validate_python(network.card.model or {"source": "procedural"})
    model = BenchmarkModel(network, section)
    points = np.concatenate(list(_predicted(model, truth, rows, cut_by)))
    ids = tuple(truth.ids[row] for row in rows)
    notes = _notes(network.card, cut_by)
    return Predictions(ids, points, None, OUR_FIRST_PIXEL, str(request.model)), notes


def _predicted(model: BenchmarkModel, truth: Truth, rows: list[int], cut_by: str) -> Iterator[NDArray[np.float64]]:
    """(B, 68, 2) of one batch of faces after the other."""
    card = model.network.card
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        crops = [face_square(truth, row, card, cut_by) for row in batch]
        seen = [cut(read_image(_picture(truth, row)), crop) for row, crop in zip(batch, crops)]
        landmarks = [crop.to_crop(truth.points[row, :, :2]) for row, crop in zip(batch, crops)]
        if card.needs_landmarks and not all(len(face) == 68 and np.isfinite(face).all() for face in landmarks):
            raise UsageError(f"{card.method} takes pictures with all 68 landmarks, which {truth.where} does not have")
        found = model.on_images(seen, landmarks)
        yield np.stack([crop.to_picture(face["landmarks_2d"]) for crop, face in zip(crops, found)])


def face_square(truth: Truth, row: int, card: NetworkCard, cut_by: str) -> FaceCrop:
    """What the network sees of a face."""
    if cut_by == "truth":
        return landmark_crop(truth.points[row, :, :2], card.share, card.size)
    left, top, right, bottom = (float(side) for side in truth.boxes[row])
    return box_crop((left, top, right, bottom), card.share, card.size)


def _picture(truth: Truth, row: int) -> str:
    path = truth.pictures[row]
    assert path is not None
    return str(path)


def _cut_by(text: str, truth: Truth) -> str:
    has_boxes = bool(np.isfinite(truth.boxes).all())
    if not text:
        return "given" if has_boxes else "truth"
    if text not in CROPS:
        raise UsageError(f"crop={text}: expected {' or '.join(CROPS)}")
    if text == "given" and not has_boxes:
        raise UsageError(f"crop=given: {truth.where} gives no boxes; say crop=truth")
    return text


def _notes(card: NetworkCard, cut_by: str) -> tuple[str, ...]:
    notes = [
        "Faces are cut by the annotated points, which no system has: not comparable with detectors' boxes."
        if cut_by == "truth"
        else "Faces are cut by the benchmark's boxes, taken as a detector's."
    ]
    if card.needs_landmarks:
        notes.append(f"{card.method} is given the annotated points as its landmarks, where a system has a detector's.")
    return tuple(notes)
