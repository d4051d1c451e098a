"""tddfa_v2: 62 parameters of a morphable model from one picture, with a light network (Guo et al. 2020)."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from synthgen.core.errors import DatasetError
from synthgen.dataset.reader import Dataset
from synthgen.recipe.section import Flag, Integer, Number, Section
from training.landmark_error import box_nme
from training.landmark_pictures import landmark_sheet
from training.losses.joint import scaled_to, vanilla_joint
from training.losses.landmark_regression import landmark_regression
from training.losses.parameter_distance import fwpdc_weights, weighted_parameter_distance, wpdc_weights
from training.losses.shape_model import ShapeModel, vertices
from training.losses.vertex_distance import vertex_distance
from training.method import Arrays, Batch, Item, Losses, Measure, Method, Steps, accumulated, normalised
from training.networks.mobilenet_v1 import MobileNetV1
from training.networks.mobilenet_v2 import MobileNetV2
from training.networks.mobilenet_v3 import MobileNetV3
from training.networks.resnet import ResNet22
from training.parameter_model import (
    dataset_model,
    dataset_statistics,
    in_picture,
    landmark_shape_model,
    vertex_shape_model,
)

PARAMETERS, LANDMARKS, POINTS = 62, 136, 68


class Options(Section):
    """network and width: the backbone; loss: what the parameters are trained with, `meta` chooses between fwpdc and vdc
    by looking ahead `look_ahead` steps; beta: of `vanilla`; landmark_head: the paper's lrr, landmarks regressed by a
    head of their own; landmark_constraint: its lmk, landmarks of the parameters; vertices: how many the losses look at,
    the landmarks among them, 0 for all of the model's; squared: weights inside the square, as the paper has it, or
    outside, as its authors' code; own_depth: VDC with the predicted t_z.
    """

    network: Literal["mobilenet_v1", "mobilenet_v2", "mobilenet_v3", "resnet_22"] = "mobilenet_v1"
    width: Number = Field(default=1.0, gt=0)
    loss: Literal["vdc", "wpdc", "fwpdc", "vanilla", "meta"] = "meta"
    beta: Number = Field(default=0.5, ge=0, le=1)
    look_ahead: Integer = Field(default=100, ge=1)
    landmark_head: Flag = True
    landmark_constraint: Flag = False
    vertices: Integer = Field(default=0, ge=0)
    squared: Flag = True
    own_depth: Flag = False


class TddfaV2(Method):
    """Parameters, z-scored, and landmarks."""

    name: ClassVar[str] = "tddfa_v2"
    Options: ClassVar[type[Section]] = Options
    labels: tuple[str, ...] = ("image", "parameters_62", "landmarks_2d")
    criterion: str = "nme"

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._model: ShapeModel | None = None
        self._landmarks: ShapeModel | None = None
        self._height = 0

    def prepare(self, dataset: Dataset) -> None:
        """The morphable model, and the statistics that z-scores need. Raises DatasetError, ModelError."""
        height, width = dataset.layout.size
        if height != width:
            raise DatasetError(f"{dataset.path}: pictures of {height} x {width}; tddfa_v2 needs square ones")
        model, statistics = dataset_model(dataset), dataset_statistics(dataset)
        self._height = height
        self._landmarks = landmark_shape_model(model, statistics)
        self._model = vertex_shape_model(model, statistics)
        if self.options.vertices:
            count = min(self.options.vertices, len(model.mean))
            rows = np.random.default_rng(0).choice(len(model.mean), max(count - POINTS, 0), replace=False)
            some = self._model.subset(torch.from_numpy(rows))
            both = self._landmarks, some
            mean, basis = torch.cat([part.mean for part in both]), torch.cat([part.basis for part in both])
            self._model = ShapeModel(mean, basis, *statistics)

    def item(self, arrays: Arrays, random: np.random.Generator | None) -> Item:
        """picture (3, H, W), parameters (62,), z-scored, landmarks (68, 2) px."""
        model = self._shapes()
        parameters = torch.from_numpy(arrays["parameters_62"])
        return {
            "picture": normalised(arrays["image"]),
            "parameters": (parameters - model.center) / model.scale,
            "landmarks": torch.from_numpy(arrays["landmarks_2d"].copy()),
        }

    def build(self) -> nn.Module:
        """The network with its heads."""
        options = self.options
        heads = {"parameters": PARAMETERS} | ({"landmarks": LANDMARKS} if options.landmark_head else {})
        if options.network == "resnet_22":
            return ResNet22(heads)
        kinds = {"mobilenet_v1": MobileNetV1, "mobilenet_v2": MobileNetV2, "mobilenet_v3": MobileNetV3}
        network: nn.Module = kinds[options.network](heads, options.width)
        return network

    @property
    def batches_per_step(self) -> int:
        """`meta` looks at k batches to train on and one to choose by."""
        return self.options.look_ahead + 1 if self.options.loss == "meta" else 1

    @property
    def updates_per_step(self) -> int:
        """`meta` keeps the k updates of the better loss."""
        return self.options.look_ahead if self.options.loss == "meta" else 1

    @property
    def gradients_per_step(self) -> int:
        """`meta` takes k updates by each of two losses."""
        return 2 * self.options.look_ahead if self.options.loss == "meta" else 1

    def step(self, steps: Steps, parts: list[list[Batch]]) -> Losses:
        """One step, or for `meta` k steps by the better of two losses (algorithm 1)."""
        if self.options.loss != "meta":
            return super().step(steps, parts)
        *training, (test, *_) = parts
        before = steps.snapshot()
        tried: dict[str, tuple[float, dict[str, Any]]] = {}
        for loss in ("fwpdc", "vdc"):
            steps.restore(before)
            chosen = _WithLoss(self, loss)
            for batch in training:
                logged = accumulated(chosen, steps, batch)
            with torch.no_grad():
                steps.network.eval()
                error = float(self._parameter_loss("vdc", steps.network(test["picture"])["parameters"], test))
                steps.network.train()
            tried[loss] = error, steps.snapshot()
        better = min(tried, key=lambda loss: tried[loss][0])
        steps.restore(tried[better][1])
        device = logged["total"].device
        told = {"chose_vdc": float(better == "vdc"), **{f"ahead_{loss}": tried[loss][0] for loss in tried}}
        return {"total": logged["total"], **{name: torch.tensor(value, device=device) for name, value in told.items()}}

    def losses(self, network: nn.Module, batch: Batch) -> Losses:
        """The loss of the parameters and, scaled to it, those of landmarks."""
        return self.losses_by(self.options.loss, network, batch)

    def losses_by(self, loss: str, network: nn.Module, batch: Batch) -> Losses:
        """The same by another loss of the parameters."""
        outputs = network(batch["picture"])
        main = self._parameter_loss(loss, outputs["parameters"], batch)
        found = {"total": main, loss: main}
        if self.options.landmark_head:
            regressed = landmark_regression(outputs["landmarks"].view(-1, POINTS, 2), batch["landmarks"])
            found |= {"lrr": regressed, "total": found["total"] + scaled_to(regressed, main)}
        if self.options.landmark_constraint:
            constrained = landmark_regression(self.landmarks(outputs["parameters"]), batch["landmarks"])
            found |= {"lmk": constrained, "total": found["total"] + scaled_to(constrained, main)}
        return found

    def landmarks(self, outputs: torch.Tensor) -> torch.Tensor:
        """(B, 68, 2) px of z-scored parameters (B, 62)."""
        assert self._landmarks is not None
        model = self._landmarks.to(outputs.device)
        return in_picture(vertices(model, model.parameters(outputs)), self._height)

    def measures(self, network: nn.Module, batch: Batch) -> dict[str, Measure]:
        """nme: mean distance of the 68 points over the root of the area of the true points' box; nme_head: of the
        landmark head; vertex_px: mean distance of the vertices the losses look at."""
        outputs = network(batch["picture"])
        truth = batch["landmarks"]
        found = {"nme": box_nme(self.landmarks(outputs["parameters"]), truth)}
        if "landmarks" in outputs:
            found["nme_head"] = box_nme(outputs["landmarks"].view(-1, POINTS, 2), truth)
        model = self._shapes().to(truth.device)
        both = [
            vertices(model, model.parameters(outputs["parameters"])),
            vertices(model, model.parameters(batch["parameters"])),
        ]
        distance = (both[0] - both[1])[..., :2].norm(dim=-1).mean(dim=1)
        found["vertex_px"] = Measure(float(distance.sum()), len(distance))
        return found

    def pictures(self, network: nn.Module, batch: Batch) -> NDArray[np.uint8]:
        """Pictures with true and predicted landmarks."""
        predicted = self.landmarks(network(batch["picture"])["parameters"])
        return landmark_sheet(batch["picture"], batch["landmarks"], predicted)

    def _parameter_loss(self, loss: str, outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
        model, targets = self._shapes().to(outputs.device), batch["parameters"]
        if loss == "vdc":
            return vertex_distance(outputs, targets, model, self.options.own_depth)
        if loss == "vanilla":
            first, second = (self._parameter_loss(part, outputs, batch) for part in ("fwpdc", "vdc"))
            return vanilla_joint(first, second, self.options.beta)
        weights = (wpdc_weights if loss == "wpdc" else fwpdc_weights)(outputs.detach(), targets, model)
        return weighted_parameter_distance(outputs, targets, weights, self.options.squared)

    def _shapes(self) -> ShapeModel:
        assert self._model is not None, "prepare() comes first"
        return self._model


class _WithLoss(TddfaV2):
    """The method by one of the losses that `meta` chooses from."""

    def __init__(self, method: TddfaV2, loss: str) -> None:
        self.__dict__.update(method.__dict__)
        self._loss = loss

    def losses(self, network: nn.Module, batch: Batch) -> Losses:
        """By the loss to be tried."""
        return self.losses_by(self._loss, network, batch)
