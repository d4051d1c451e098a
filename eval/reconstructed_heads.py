"""Heads that a network of 62 parameters reconstructs from pictures."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from eval.scan_pictures import ScanPicture
from eval.scans import GREY, Scan
from synthgen.asset_io.photos import warp_photo
from synthgen.core.errors import UsageError
from synthgen.labels.parameters import shape_basis_62
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.open_model import open_model
from synthgen.morphable.template import evaluate_points
from synthgen.predict.card import Network
from synthgen.predict.crop import landmark_crop
from synthgen.predict.outputs import CropInputs, predict_crops
from synthgen.recipe.sections import Model

Floats = NDArray[np.float64]


class HeadReconstruction:
    """A network that says parameters, and the morphable model that they are of."""

    def __init__(self, network: Network) -> None:
        card = network.card
        if "parameters" not in card.outputs:
            raise UsageError(f"{card.method} reconstructs no heads; tddfa_v2 and dal2d do")
        if not card.model:
            raise UsageError(f"this {card.method} network does not say which morphable model its parameters are of")
        self._network = network
        self.model: MorphableModel = open_model(TypeAdapter(Model).validate_python(card.model))

    @cached_property
    def _shape(self) -> tuple[Floats, Floats]:
        return shape_basis_62(self.model)

    def of_picture(self, shown: ScanPicture) -> tuple[Scan, Floats]:
        """The head in mm, upright (identity and expression without the pose), and its landmarks (68, 3).

        The crop is the one that the network was trained on, about the true landmarks.
        """
        card = self._network.card
        crop = landmark_crop(shown.landmarks, card.share, card.size)
        pixels = warp_photo(shown.picture, crop.matrix, card.size)
        given = CropInputs(landmarks=crop.to_crop(shown.landmarks)[None]) if card.needs_landmarks else CropInputs()
        found = predict_crops(self._network, pixels[None], given)
        assert found.parameters is not None
        return head_of(self.model, found.parameters[0], self._shape)


def head_of(
    model: MorphableModel, parameters: NDArray[np.floating], shape: tuple[Floats, Floats] | None = None
) -> tuple[Scan, Floats]:
    """The label-carrying surface in mm and its landmarks (68, 3) of 62 parameters (62,), without their pose."""
    mean, basis = shape or shape_basis_62(model)
    vertices = mean + np.tensordot(np.asarray(parameters, np.float64)[12:], basis, axes=1)
    template = model.template
    points = evaluate_points(template.landmarks["ibug68"], template.triangles, vertices)
    face = template.triangles[: template.label_count].astype(np.int64)
    used = np.unique(face)
    number = np.full(len(vertices), -1)
    number[used] = np.arange(len(used))
    colours = np.full((len(used), 3), GREY, np.uint8)
    return Scan(vertices[used], number[face], colours), np.asarray(points, np.float64)
