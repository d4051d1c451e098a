"""What a network says of crops, in plain units: the one reading of its outputs, for ONNX files and checkpoints."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.core.conventions import DENSEREG_NEAR_MM, DENSEREG_RANGE_MM
from synthgen.core.errors import UsageError
from synthgen.predict.card import LEVEL, SPAN, Arrays, Network
from synthgen.predict.landmark_shapes import LandmarkShapes, nearest_shape
from synthgen.predict.template_tables import parts_at
from synthgen.predict.uv_landmarks import UvFace, uv_faces

Floats = NDArray[np.float64]
Pictures = NDArray[np.uint8]

BATCH = 32
_FAR = 0.03  # on the template: of a landmark whose nearest pixel is this far off little is known


@dataclass(frozen=True)
class CropInputs:
    """What a network needs besides N crops. landmarks: (N, 68, 2) px of the crops, for dal2d; targets: (N, H, W, 3) or
    (1, H, W, 3) uint8, for dfc trained on pairs."""

    landmarks: NDArray[np.floating] | None = None
    targets: Pictures | None = None


@dataclass(frozen=True)
class CropPredictions:
    """Of N crops, in pixels of the crops (centre of the first pixel (0.5, 0.5)); None: the method has no such thing.

    landmarks: (N, 68, 2), of densereg those of the largest component, smoothed where the card has shapes.
    raw_landmarks: (N, 68, 2), of densereg before that. parameters: (N, 62), of label parameters_62. uv: (N, H, W, 2),
    NaN for background. faces: densereg's components of each crop. parts: (N, H, W) uint8. depth: (N, H, W) mm.
    flow: (N, H, W, 2), to the target or the mean face. matchability: (N, H, W), probability of a match.
    """

    landmarks: Floats | None = None
    raw_landmarks: Floats | None = None
    parameters: Floats | None = None
    uv: NDArray[np.float32] | None = None
    faces: tuple[tuple[UvFace, ...], ...] = ()
    parts: NDArray[np.uint8] | None = None
    depth: NDArray[np.float32] | None = None
    flow: NDArray[np.float32] | None = None
    matchability: NDArray[np.float32] | None = None


def predict_crops(network: Network, crops: Pictures, given: CropInputs | None = None) -> CropPredictions:
    """Predictions of crops (N, H, W, 3) uint8 of the size on the card. A crop shows a face as the card's `share` says.

    Raises UsageError for pictures of another size, and without the inputs that the network needs.
    """
    outputs = run_network(network, crops, given or CropInputs())
    fields = {"dfc": _flow, "densereg": _dense}.get(network.card.method, _sparse)
    return fields(network, outputs)


def run_network(network: Network, crops: Pictures, given: CropInputs) -> Arrays:
    """The network's own outputs for N crops, BATCH at a time."""
    card = network.card
    if crops.ndim != 4 or crops.shape[1:] != (*card.size, 3) or not len(crops):
        raise UsageError(f"{card.method} takes pictures (N, {card.size[0]}, {card.size[1]}, 3); got {crops.shape}")
    if card.needs_landmarks and given.landmarks is None:
        raise UsageError(f"{card.method} takes pictures with 68 landmarks each: give --landmarks FILE")
    if card.takes_target and given.targets is None:
        raise UsageError("this network was trained on pairs and matches two pictures: give --target PHOTO")
    found: list[Arrays] = []
    for first in range(0, len(crops), BATCH):
        rows = slice(first, first + BATCH)
        inputs = {card.inputs[0]: normalised(crops[rows])}
        if card.needs_landmarks and given.landmarks is not None:
            inputs["given_landmarks"] = np.asarray(given.landmarks[rows], np.float32)
        if card.takes_target and given.targets is not None:
            targets = np.broadcast_to(given.targets, crops.shape)[rows]
            inputs["target"] = normalised(targets)
        found.append(network.run(inputs))
    return {name: np.concatenate([part[name] for part in found]) for name in card.outputs}


def normalised(pictures: Pictures) -> NDArray[np.float32]:
    """(N, 3, H, W) float32 of pictures (N, H, W, 3) uint8."""
    return np.ascontiguousarray((pictures.astype(np.float32).transpose(0, 3, 1, 2) - LEVEL) / SPAN, np.float32)


def _sparse(network: Network, outputs: Arrays) -> CropPredictions:
    parameters = outputs.get("parameters")
    return CropPredictions(
        landmarks=outputs["landmarks"].astype(np.float64),
        parameters=None if parameters is None else parameters.astype(np.float64),
    )


def _flow(network: Network, outputs: Arrays) -> CropPredictions:
    return CropPredictions(
        flow=outputs["flow"].transpose(0, 2, 3, 1).astype(np.float32),
        matchability=outputs["matchability"][:, 0].astype(np.float32),
    )


def _dense(network: Network, outputs: Arrays) -> CropPredictions:
    arrays = network.card.arrays
    if "uv" not in outputs:  # head: segmentation
        return CropPredictions(parts=outputs["parts"].argmax(axis=1).astype(np.uint8))
    uv = outputs["uv"].transpose(0, 2, 3, 1).astype(np.float32)
    uv = np.where(np.isfinite(uv).all(axis=-1, keepdims=True), uv, np.float32("nan"))
    faces = tuple(tuple(uv_faces(field, arrays["landmark_uv"])) for field in uv)
    nothing = np.full((len(arrays["landmark_uv"]), 2), np.nan)
    raw = np.stack([found[0].points if found else nothing for found in faces])
    shapes = landmark_shapes(arrays)
    points = np.stack([smoothed(shapes, found[0]) if found else nothing for found in faces])
    depth = None
    if "depth" in outputs:
        depth = (outputs["depth"] * DENSEREG_RANGE_MM - DENSEREG_NEAR_MM).astype(np.float32)
    return CropPredictions(
        landmarks=points, raw_landmarks=raw, uv=uv, faces=faces, parts=parts_at(arrays["part_chart"], uv), depth=depth
    )


def landmark_shapes(arrays: Arrays) -> LandmarkShapes | None:
    """The shape model of a card, None where it has none."""
    if "shape_mean" not in arrays:
        return None
    return LandmarkShapes(*(arrays[name].astype(np.float64) for name in ("shape_mean", "shape_basis", "shape_stddev")))


def smoothed(shapes: LandmarkShapes | None, face: UvFace) -> Floats:
    """(68, 2) px: densereg's landmarks rebuilt by a PCA shape model, far ones counting little (section 4.3)."""
    if shapes is None:
        return face.points
    return nearest_shape(shapes, face.points, 1.0 / (1.0 + (face.distance / _FAR) ** 2) ** 2)
