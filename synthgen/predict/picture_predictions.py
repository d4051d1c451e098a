"""Predictions of the faces of one picture, in that picture's pixels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import ModelError, UsageError
from synthgen.labels.parameters import moved_62, points_62, shape_basis_62
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.template import evaluate_points
from synthgen.predict.card import POINTS, Network
from synthgen.predict.crop import FaceCrop, cut
from synthgen.predict.faces import FaceInput, face_crop
from synthgen.predict.flow_heads import flow_landmarks
from synthgen.predict.outputs import CropInputs, CropPredictions, landmark_shapes, predict_crops, smoothed

Floats = NDArray[np.float64]
Pictures = NDArray[np.uint8]

_SAME_MODEL = 0.02  # of the landmarks' box: farther apart are those of the network and of the model it was trained with


@dataclass(frozen=True)
class Target:
    """The picture that faces are matched with. pixels: (h, w, 3) uint8; crop: what the network sees of it."""

    pixels: Pictures
    crop: FaceCrop


@dataclass(frozen=True)
class FacePrediction:
    """Of one face, x right and y down in px of its picture (centre of the first pixel (0.5, 0.5)); None: no such thing.

    crop: what the network saw. landmarks: (68, 2). parameters: (62,), label parameters_62 for the whole picture.
    vertices: (V, 3), z towards the viewer, px.
    Planes of the crop's (H, W) pixels, which lie at crop.places of the picture: uv (H, W, 2), parts (H, W) uint8, depth
    (H, W) mm, matches (H, W, 2): where each pixel's match lies in the target, or in the mean face's picture, px;
    matchability (H, W). flow: (H, W, 2), matches in px of the crops, as the network gives it. note: what went wrong.
    """

    face: FaceInput
    crop: FaceCrop
    pixels: Pictures
    landmarks: Floats | None = None
    parameters: Floats | None = None
    vertices: Floats | None = None
    uv: NDArray[np.float32] | None = None
    parts: NDArray[np.uint8] | None = None
    depth: NDArray[np.float32] | None = None
    flow: NDArray[np.float32] | None = None
    matches: Floats | None = None
    matchability: NDArray[np.float32] | None = None
    note: str = ""

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """What there is, by name, with crop_matrix (2, 3), from the picture to the crop, and places (H, W, 2)."""
        names = ("landmarks", "parameters", "vertices", "uv", "parts", "depth", "flow", "matches", "matchability")
        found = {name: value for name in names if (value := getattr(self, name)) is not None}
        planes = {"places": self.crop.places.astype(np.float32)} if self.parts is not None or "flow" in found else {}
        return {"crop_matrix": self.crop.matrix, **planes, **found}


@dataclass(frozen=True)
class PredictOptions:
    """tight: boxes are those of the 68 landmarks; target: of a network that matches two pictures; model: the morphable
    model, for meshes and for landmarks from flow, or None."""

    tight: bool = False
    target: Target | None = None
    model: MorphableModel | None = None


def predict_faces(
    network: Network, pixels: Pictures, faces: Sequence[FaceInput], options: PredictOptions | None = None
) -> list[FacePrediction]:
    """Predictions of faces of one picture (h, w, 3) uint8, in order; densereg finds several in a whole picture.

    Raises UsageError where the network needs what is not given, AssetError for a box beside the picture, ModelError for
    a morphable model that is not the network's.
    """
    options, card = options or PredictOptions(), network.card
    picture = (pixels.shape[0], pixels.shape[1])
    crops = [face_crop(face, picture, card.share, card.size, options.tight) for face in faces]
    seen = np.stack([cut(pixels, crop) for crop in crops])
    landmarks = _given_landmarks(faces, crops) if card.needs_landmarks else None
    targets = None if options.target is None else cut(options.target.pixels, options.target.crop)[None]
    found = predict_crops(network, seen, CropInputs(landmarks, targets))
    predictions: list[FacePrediction] = []
    for number, (face, crop) in enumerate(zip(faces, crops, strict=True)):
        plain = FacePrediction(face, crop, seen[number])
        if found.faces:
            predictions += _dense(network, found, number, plain)
        else:
            predictions.append(_single(found, number, plain, picture[0]))
    if options.model is not None and found.parameters is not None:
        predictions = _with_vertices(predictions, options.model, picture[0])
    if found.flow is not None:
        predictions = [_matched(prediction, options.target) for prediction in predictions]
        if options.model is not None and options.target is None:
            predictions = _with_flow_landmarks(predictions, options.model)
    return predictions


def _given_landmarks(faces: Sequence[FaceInput], crops: Sequence[FaceCrop]) -> Floats:
    for face in faces:
        if face.landmarks is None or not np.isfinite(face.landmarks).all():
            raise UsageError(f"{face.photo}: dal2d takes pictures with all 68 landmarks: give --landmarks FILE")
    return np.stack([crop.to_crop(face.landmarks) for face, crop in zip(faces, crops) if face.landmarks is not None])


def _single(found: CropPredictions, number: int, plain: FacePrediction, height: int) -> FacePrediction:
    """A face of a method that takes a crop for one face."""
    crop = plain.crop
    planes = {
        name: value[number]
        for name in ("parts", "flow", "matchability")
        if (value := getattr(found, name)) is not None
    }  # fmt: skip
    landmarks = None if found.landmarks is None else crop.to_picture(found.landmarks[number])
    parameters = None
    if found.parameters is not None:
        scale, shift = np.array([1.0 / crop.scale]), -crop.shift[None] / crop.scale
        parameters = moved_62(found.parameters[number][None], scale, shift, (crop.size[0], height))[0]
    return replace(plain, landmarks=landmarks, parameters=parameters, **planes)


def _dense(network: Network, found: CropPredictions, number: int, plain: FacePrediction) -> list[FacePrediction]:
    """densereg's faces of a crop: of one that was given, the component nearest to the middle of the crop."""
    assert found.uv is not None and found.parts is not None
    components = found.faces[number]
    if not components:
        return [replace(plain, note="no face pixel")]
    whole = plain.face.box is None and plain.face.landmarks is None
    if not whole:
        middle = np.array(plain.crop.size) / 2.0
        gaps = [np.linalg.norm(np.argwhere(part.mask) + 0.5 - middle, axis=1).min() for part in components]
        components = (components[int(np.argmin(gaps))],)
    shapes = landmark_shapes(network.card.arrays)
    predictions = []
    for row, part in enumerate(components, start=1):
        name = plain.face.name if row == 1 else f"{plain.face.name}_face{row}"
        predictions.append(
            replace(
                plain,
                face=replace(plain.face, name=name),
                landmarks=plain.crop.to_picture(smoothed(shapes, part)),
                uv=np.where(part.mask[..., None], found.uv[number], np.float32("nan")),
                parts=np.where(part.mask, found.parts[number], 0).astype(np.uint8),
                depth=None
                if found.depth is None
                else np.where(part.mask, found.depth[number], np.nan).astype(np.float32),
            )
        )
    return predictions


def _with_vertices(predictions: list[FacePrediction], model: MorphableModel, height: int) -> list[FacePrediction]:
    shape = shape_basis_62(model)
    points, triangles = model.template.landmarks["ibug68"], model.template.triangles
    finished = []
    for prediction in predictions:
        assert prediction.parameters is not None and prediction.landmarks is not None
        vertices = points_62(shape, prediction.parameters[None], height)[0]
        own = evaluate_points(points, triangles, vertices)[:, :2]
        extent = float(np.ptp(prediction.landmarks, axis=0).max())
        if len(own) != POINTS or np.abs(own - prediction.landmarks).max() > _SAME_MODEL * extent:
            raise ModelError(
                f"the morphable model {model.name!r} gives other landmarks than the network, which was trained with "
                "another one; give --model FILE"
            )
        finished.append(replace(prediction, vertices=vertices))
    return finished


def _matched(prediction: FacePrediction, target: Target | None) -> FacePrediction:
    """With matches, in px of the target picture."""
    assert prediction.flow is not None
    height, width = prediction.crop.size
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    ends = np.stack([x, y], axis=-1) + prediction.flow.astype(np.float64)
    return replace(prediction, matches=ends if target is None else target.crop.to_picture(ends))


def _with_flow_landmarks(predictions: list[FacePrediction], model: MorphableModel) -> list[FacePrediction]:
    """With landmarks of the heads that explain the flow to the mean face (dfc section 3.4)."""
    flow = np.stack([one.flow for one in predictions if one.flow is not None])
    matchability = np.stack([one.matchability for one in predictions if one.matchability is not None])
    points, reasons = flow_landmarks(flow, matchability, model)
    return [
        replace(one, landmarks=None if reason else one.crop.to_picture(found), note=reason)
        for one, found, reason in zip(predictions, points, reasons, strict=True)
    ]
