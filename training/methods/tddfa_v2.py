"""tddfa_v2: 62 parameters of a morphable model from one picture, with a light network (Guo et al. 2020)."""

from collections.abc import Mapping
from math import inf, isfinite
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from synthgen.core.errors import DatasetError
from synthgen.dataset.layout import frame_prefix
from synthgen.dataset.reader import Dataset
from synthgen.recipe.photo_sections import Video
from synthgen.recipe.section import Flag, Integer, Number, Section
from training.devices import mean_over_devices
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
from training.synthetic_clip import Frames, synthetic_clip

PARAMETERS, LANDMARKS, POINTS = 62, 136, 68


class Options(Section):
    """network and width: the backbone; loss: what the parameters are trained with, `meta` chooses between fwpdc and vdc
    by looking ahead `look_ahead` steps; beta: of `vanilla`; vdc_size: how large VDC is beside fWPDC in `meta`, `own`,
    as it is in px^2, or `fwpdc`, each batch scaled to the other's value, as the paper scales it in `vanilla`;
    landmark_head: the paper's lrr, landmarks regressed by a head of their own; landmark_constraint: its lmk, landmarks
    of the parameters.

    augment: `svs`, short-video synthesis, fills a batch with clips of `video.frames` neighbouring frames, so that 128
    are 16 clips of 8, as in the paper; `rnd` takes a single frame of each of so many clips (table 4); `none` the stills
    alone. Clips are those of a dataset of kind `video`; from stills they are made while training, without turns out of
    the plane. video: their ranges, the paper's; noise and blur, which it does not tell, are ours.

    vertices: how many the losses look at, the landmarks among them, 0 for all of the model's, as the paper has it; its
    first version's code takes 200, and with `redraw` others for each batch. squared: weights inside the square, as the
    paper has it, or outside, as that code; constant_scale: px per mm instead of each face's own f in fWPDC, 0.573 in
    that code; own_depth: the predicted t_z counts in VDC and in the weights, the letter of equations 4
    and 7, instead of not at all, as in that code.
    """

    network: Literal["mobilenet_v1", "mobilenet_v2", "mobilenet_v3", "resnet_22"] = "mobilenet_v1"
    width: Number = Field(default=1.0, gt=0)
    loss: Literal["vdc", "wpdc", "fwpdc", "vanilla", "meta"] = "meta"
    beta: Number = Field(default=0.5, ge=0, le=1)
    vdc_size: Literal["own", "fwpdc"] = "own"
    look_ahead: Integer = Field(default=100, ge=1)
    landmark_head: Flag = True
    landmark_constraint: Flag = False
    augment: Literal["none", "rnd", "svs"] = "none"
    video: Video = Video()
    vertices: Integer = Field(default=0, ge=0)
    redraw: Flag = False
    squared: Flag = True
    constant_scale: Number | None = Field(default=None, gt=0)
    own_depth: Flag = False


class TddfaV2(Method):
    """Parameters, z-scored, and landmarks."""

    name: ClassVar[str] = "tddfa_v2"
    same_model: ClassVar[bool] = True
    same_size: ClassVar[bool] = True
    Options: ClassVar[type[Section]] = Options
    labels: tuple[str, ...] = ("image", "parameters_62", "landmarks_2d")
    criterion: str = "nme"
    takes_clips: ClassVar[bool] = True
    fixed: ClassVar[tuple[str, ...]] = ("network", "width", "landmark_head", "vertices")

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._statistics = torch.zeros(PARAMETERS), torch.ones(PARAMETERS)
        self._every: ShapeModel | None = None
        self._model: ShapeModel | None = None
        self._landmarks: ShapeModel | None = None
        self._height = 0

    @property
    def frames_per_sample(self) -> int:
        """`svs` trains on whole clips."""
        return self.options.video.frames if self.options.augment == "svs" else 1

    def opened(self, dataset: Dataset) -> None:
        """Raises DatasetError for clips shorter than those to train on."""
        frames, wanted = dataset.layout.frames, self.options.video.frames
        if frames and self.options.augment != "none" and frames < wanted:
            raise DatasetError(f"{dataset.path}: clips of {frames} frames; options.video.frames asks for {wanted}")

    def prepare(self, dataset: Dataset) -> None:
        """The morphable model, and the statistics that z-scores need. Raises DatasetError, ModelError."""
        height, width = dataset.layout.size
        if height != width:
            raise DatasetError(f"{dataset.path}: pictures of {height} x {width}; tddfa_v2 needs square ones")
        model, statistics = dataset_model(dataset), dataset_statistics(dataset)
        self._height, self._statistics = height, statistics
        self._landmarks = landmark_shape_model(model, statistics)
        self._every = vertex_shape_model(model, statistics)
        self._model = self._some_vertices(0)

    @property
    def landmark_model(self) -> ShapeModel:
        """Of the 68 landmarks, with the statistics of the training set."""
        assert self._landmarks is not None, "prepare() comes first"
        return self._landmarks

    def item(self, arrays: Arrays, random: np.random.Generator | None) -> Item:
        """picture (3, H, W), parameters (62,), z-scored, landmarks (68, 2) px; of `svs` the frames of a clip, (F, ...).

        When evaluating, the still of a clip.
        """
        frames = self._frames(arrays, random)
        center, scale = self._statistics
        item = {
            "picture": torch.stack([normalised(pixels) for pixels in frames.pixels]),
            "parameters": (torch.from_numpy(frames.parameters) - center) / scale,
            "landmarks": torch.from_numpy(frames.landmarks),
        }
        if random is not None and self.options.augment == "svs":
            return item
        return {name: planes[0] for name, planes in item.items()}

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
        """One step, or for `meta` k steps by the better of two losses (algorithm 1); logs which, as in figure 7.

        Steps that diverge are not the better ones; a value that is not finite is not logged.
        """
        if self.options.loss != "meta":
            return super().step(steps, parts)
        *training, tests = parts
        before = steps.snapshot()
        tried: dict[str, tuple[float, dict[str, Any], Losses]] = {}
        for loss in ("fwpdc", "vdc"):
            steps.restore(before)
            chosen = _WithLoss(self, loss)
            for batch in training:
                logged = accumulated(chosen, steps, batch)
            tried[loss] = self._ahead(steps, tests), steps.snapshot(), logged
        better = min(tried, key=lambda loss: tried[loss][0])
        _, snapshot, logged = tried[better]
        steps.restore(snapshot)
        ahead = {f"ahead_{loss}": tried[loss][0] for loss in tried if isfinite(tried[loss][0])}
        told = {"chose_vdc": float(better == "vdc"), **ahead}
        device = logged["total"].device
        return {**logged, **{name: torch.tensor(value, device=device) for name, value in told.items()}}

    def _ahead(self, steps: Steps, tests: list[Batch]) -> float:
        """VDC of the meta-test batch, in evaluation mode, infinite where it is no number; the same on all devices."""
        steps.network.eval()
        with torch.no_grad():
            errors = [self._parameter_loss("vdc", steps.network(test["picture"])["parameters"], test) for test in tests]
        steps.network.train()
        return float(mean_over_devices(torch.stack(errors).mean()).nan_to_num(nan=inf, posinf=inf))

    def losses(self, network: nn.Module, batch: Batch) -> Losses:
        """The loss of the parameters and, scaled to it, those of landmarks."""
        return self.losses_by(self.options.loss, network, batch)

    def losses_by(self, loss: str, network: nn.Module, batch: Batch) -> Losses:
        """The same by another loss of the parameters."""
        outputs = network(batch["picture"])
        main = self._parameter_loss(loss, outputs["parameters"], batch)
        found = {"total": main, loss: main}
        if loss == "vdc" and self.options.loss == "meta" and self.options.vdc_size == "fwpdc":
            main = scaled_to(main, self._parameter_loss("fwpdc", outputs["parameters"], batch))
            found["total"] = main
        if self.options.landmark_head:
            regressed = landmark_regression(outputs["landmarks"].view(-1, POINTS, 2), batch["landmarks"])
            found |= {"lrr": regressed, "total": found["total"] + scaled_to(regressed, main)}
        if self.options.landmark_constraint:
            constrained = landmark_regression(self.landmarks(outputs["parameters"]), batch["landmarks"])
            found |= {"lmk": constrained, "total": found["total"] + scaled_to(constrained, main)}
        return found

    def landmarks(self, outputs: torch.Tensor) -> torch.Tensor:
        """(B, 68, 2) px of z-scored parameters (B, 62)."""
        self._landmarks = self.landmark_model.to(outputs.device)
        return in_picture(vertices(self._landmarks, self._landmarks.parameters(outputs)), self._height)

    def measures(self, network: nn.Module, batch: Batch) -> dict[str, Measure]:
        """nme: mean distance of the 68 points over the root of the area of the true points' box; nme_head: of the
        landmark head; nme_mean: of the mean parameters; vertex_px: mean distance of the vertices the losses look at."""
        outputs = network(batch["picture"])
        truth = batch["landmarks"]
        mean = self.landmarks(torch.zeros_like(outputs["parameters"]))
        found = {"nme": box_nme(self.landmarks(outputs["parameters"]), truth), "nme_mean": box_nme(mean, truth)}
        if "landmarks" in outputs:
            found["nme_head"] = box_nme(outputs["landmarks"].view(-1, POINTS, 2), truth)
        model = self._shapes(truth.device)
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
        if loss == "vanilla":
            first, second = (self._parameter_loss(part, outputs, batch) for part in ("fwpdc", "vdc"))
            return vanilla_joint(first, second, self.options.beta)
        targets = batch["parameters"]
        model = self._shapes(outputs.device)
        if self.options.redraw and self.options.vertices:
            # A number that is the same on all devices and after resuming: where the samples of the batch come from.
            seed = int(mean_over_devices(batch["position"].double().sum()))
            model = self._some_vertices(seed).to(outputs.device)
        if loss == "vdc":
            return vertex_distance(outputs, targets, model, self.options.own_depth)
        own_depth = self.options.own_depth
        if loss == "wpdc":
            weights = wpdc_weights(outputs.detach(), targets, model, own_depth)
        else:
            weights = fwpdc_weights(outputs.detach(), targets, model, self.options.constant_scale, own_depth)
        return weighted_parameter_distance(outputs, targets, weights, self.options.squared)

    def _shapes(self, device: torch.device) -> ShapeModel:
        assert self._model is not None, "prepare() comes first"
        self._model = self._model.to(device)
        return self._model

    def _some_vertices(self, seed: int) -> ShapeModel:
        """The model of the vertices that losses look at: the landmarks and others drawn by the seed, or all."""
        assert self._every is not None and self._landmarks is not None, "prepare() comes first"
        if not self.options.vertices:
            return self._every
        count = len(self._every.mean)
        more = max(min(self.options.vertices, count) - POINTS, 0)
        some = self._every.subset(torch.from_numpy(np.random.default_rng(seed).choice(count, more, replace=False)))
        both = self._landmarks.to(some.mean.device), some
        mean, basis = torch.cat([part.mean for part in both]), torch.cat([part.basis for part in both])
        return ShapeModel(mean, basis, some.center, some.scale)

    def _frames(self, arrays: Arrays, random: np.random.Generator | None) -> Frames:
        augment, count = self.options.augment, self.options.video.frames
        is_clip = "frame0_image" in arrays
        only = 0
        if random is not None and augment == "rnd":
            only = int(random.integers(count))
        if not is_clip and random is not None and augment != "none":
            still = arrays["image"], arrays["landmarks_2d"], arrays["parameters_62"]
            return synthetic_clip(still, self.options.video, random, only if augment == "rnd" else None)
        chosen = range(count) if random is not None and augment == "svs" else (only,)
        prefixes = [frame_prefix(number) if is_clip else "" for number in chosen]
        return Frames(
            *(
                np.stack([arrays[prefix + name] for prefix in prefixes])
                for name in ("image", "landmarks_2d", "parameters_62")
            )
        )


class _WithLoss(TddfaV2):
    """The method by one of the losses that `meta` chooses from."""

    def __init__(self, method: TddfaV2, loss: str) -> None:
        self.__dict__.update(method.__dict__)
        self._loss = loss

    def losses(self, network: nn.Module, batch: Batch) -> Losses:
        """By the loss to be tried."""
        return self.losses_by(self._loss, network, batch)
