"""What a network says of pictures of a dataset, in the pixels of the dataset."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eval.mean_face_target import MeanFaceTarget, landmarks_by_flow, mean_face_target, uv_by_flow
from eval.plane_predictions import Arrays
from synthgen.core.errors import UsageError
from synthgen.predict.card import Network
from synthgen.predict.outputs import CropInputs, CropPredictions, predict_crops
from synthgen.recipe.sections import Model

Pictures = NDArray[np.uint8]
MATCH = 0.5  # probability from which a pixel matches


class BenchmarkModel:
    """A network on whole pictures: they are resized to its size, and what it says is brought back.

    model: the `model` section of the recipe of the pictures, whose mean face is the target of a dfc that was trained
    on pairs.
    """

    def __init__(self, network: Network, model: Model) -> None:
        self.network, self._model = network, model

    @property
    def names(self) -> tuple[str, ...]:
        """Arrays that `on_images` gives; `on_pairs` gives flow and matchability."""
        return {
            "dfc": ("landmarks_2d", "uv"),
            "densereg": ("landmarks_2d", "uv", "parts", "depth"),
            "anisotropic": ("landmarks_2d",),
        }.get(self.network.card.method, ("landmarks_2d", "parameters_62"))

    def on_images(self, pictures: Sequence[Pictures], landmarks: Sequence[NDArray[np.floating]]) -> list[Arrays]:
        """Arrays named like labels, in pixels of each picture (H, W, 3).

        landmarks: (68, 2) each, for a network that is given some (dal2d).
        """
        card = self.network.card
        crops = np.stack([resized(picture, card.size) for picture in pictures])
        sizes = [(len(picture), len(picture[0])) for picture in pictures]
        given = CropInputs()
        if card.needs_landmarks:
            scales = [_scale(size, card.size) for size in sizes]
            given = CropInputs(landmarks=np.stack([points * scale for points, scale in zip(landmarks, scales)]))
        if card.method == "dfc":
            target = self._target()
            found = predict_crops(self.network, crops, CropInputs(targets=target.picture[None]) if card.takes_target
                                  else given)  # fmt: skip
            return [_of_flow(found, row, size, card.size, target) for row, size in enumerate(sizes)]
        found = predict_crops(self.network, crops, given)
        return [_of_crop(found, row, size, card.size) for row, size in enumerate(sizes)]

    def on_pairs(self, sources: Sequence[Pictures], targets: Sequence[Pictures]) -> list[Arrays]:
        """flow and matchability from each source to its target. Raises UsageError for a network of single pictures."""
        card = self.network.card
        if not card.takes_target:
            raise UsageError(f"this {card.method} network does not match two pictures; a dfc trained on pairs does")
        crops, ends = (np.stack([resized(one, card.size) for one in pictures]) for pictures in (sources, targets))
        found = predict_crops(self.network, crops, CropInputs(targets=ends))
        assert found.flow is not None and found.matchability is not None
        answers: list[Arrays] = []
        for source, flow, match in zip(sources, found.flow, found.matchability, strict=True):
            size = source.shape[:2]
            back = resized_plane(flow, size) / _scale(size, card.size)
            answers.append({"flow": back, "matchability": resized_plane(match[..., None], size)[..., 0]})
        return answers

    def _target(self) -> MeanFaceTarget:
        return _cached_target(self._model, self.network.card.size)


class ModelSource:
    """Predictions of a network, made when they are asked for: see benchmark_run.Source."""

    def __init__(self, model: BenchmarkModel, pairs: bool) -> None:
        self._model, self._pairs = model, pairs
        self.names = ("flow", "matchability") if pairs else model.names
        self.card = model.network.card

    def of(self, numbers: Sequence[int], samples: Sequence[Arrays]) -> list[Arrays | None]:
        """See Source."""
        if self._pairs:
            pictures = ([sample[name] for sample in samples] for name in ("source_image", "target_image"))
            return list(self._model.on_pairs(*pictures))
        landmarks = [sample["landmarks_2d"] for sample in samples]
        return list(self._model.on_images([sample["image"] for sample in samples], landmarks))


@lru_cache(maxsize=2)
def _cached_target(model: Model, size: tuple[int, int]) -> MeanFaceTarget:
    return mean_face_target(model, size)


def resized(picture: Pictures, size: tuple[int, int]) -> Pictures:
    """(H, W, 3) uint8 of another size, averaged where it shrinks; corners stay corners."""
    if picture.shape[:2] == size:
        return picture
    smaller = Image.fromarray(picture).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(smaller)


def resized_plane(plane: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.float32]:
    """(H, W, C) float32 of another size, bilinear; plane (h, w, C) finite."""
    if plane.shape[:2] == size:
        return plane.astype(np.float32)
    layers = [
        Image.fromarray(np.ascontiguousarray(plane[..., channel], np.float32)).resize(
            (size[1], size[0]), Image.Resampling.BILINEAR
        )
        for channel in range(plane.shape[-1])
    ]
    return np.stack([np.asarray(layer) for layer in layers], axis=-1)


def nearest_plane(plane: NDArray, size: tuple[int, int]) -> NDArray:
    """(H, W, ...) of another size: at each pixel centre the value of the pixel (h, w) that it lies in."""
    height, width = plane.shape[:2]
    rows = ((np.arange(size[0]) + 0.5) * height / size[0]).astype(np.int64)
    columns = ((np.arange(size[1]) + 0.5) * width / size[1]).astype(np.int64)
    return plane[rows[:, None], columns[None]]


def _scale(size: tuple[int, int], to: tuple[int, int]) -> NDArray[np.float64]:
    """(2,) factors of x and y."""
    return np.array([to[1] / size[1], to[0] / size[0]])


def _of_crop(found: CropPredictions, row: int, size: tuple[int, int], crop: tuple[int, int]) -> Arrays:
    scale = _scale(size, crop)
    arrays: Arrays = {}
    if found.landmarks is not None:
        arrays["landmarks_2d"] = found.landmarks[row] / scale
    if found.parameters is not None:
        arrays["parameters_62"] = found.parameters[row]  # the crop's t and f; the rotation is what is scored
    for name, planes in (("uv", found.uv), ("parts", found.parts), ("depth", found.depth)):
        if planes is not None:
            arrays[name] = nearest_plane(planes[row], size)
    return arrays


def _of_flow(
    found: CropPredictions, row: int, size: tuple[int, int], crop: tuple[int, int], target: MeanFaceTarget
) -> Arrays:
    assert found.flow is not None and found.matchability is not None
    flow, matchable = found.flow[row], found.matchability[row] > MATCH
    return {
        "landmarks_2d": landmarks_by_flow(flow, matchable, target.landmarks) / _scale(size, crop),
        "uv": nearest_plane(uv_by_flow(flow, matchable, target.uv), size),
    }
