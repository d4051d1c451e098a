"""dal2d: 62 parameters with the help of photos that have landmarks alone (Tu et al. 2020)."""

from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import nn

from synthgen.core.errors import DatasetError
from synthgen.dataset.reader import Dataset
from synthgen.recipe.section import Flag, Integer, Number, Section, problem
from training.landmark_error import box_nme
from training.landmark_maps import GROUPS, landmark_map, landmark_pixels, landmark_weights, sparse_landmarks
from training.landmark_pictures import landmark_sheet
from training.losses.landmark_coefficients import landmark_consistency, weighted_coefficient_loss
from training.losses.shape_model import ShapeModel, vertices
from training.losses.vertex_distance import vertex_distance
from training.method import Arrays, Batch, Item, Losses, Measure, Method, Moved, Steps, normalised
from training.networks.self_critic_net import PARAMETERS, SelfCriticNet
from training.parameter_model import (
    dataset_model,
    dataset_statistics,
    in_picture,
    landmark_shape_model,
    vertex_shape_model,
)
from training.recipe import Optimizer

Weight = Annotated[Number, Field(ge=0)]


class Options(Section):
    """depth: layers of the regressor; width: multiplier of the channels of all three networks; loss: `overall` of stage
    1, or `vdc` of stage 2; vertices: that VDC looks at, 0 for all.

    Variants of figure 10: `base` has landmark_map false, critic false and weights [0.005, 0, 0, 0]; `ss` has critic
    false; `sc` is `base` with critic true and weights [0.005, 0, 0, 0.005]; `ss+sc` is the default. mask [1, 1, 1] is
    "without weight mask".

    landmark_map: the network sees the landmarks; map: `gaussian` as in the paper, or one `pixel` as in its code;
    consistency: the 2-D, 3-D and cycle losses at all; critic: the self-critic; weights: of 2-D and 3-D consistency,
    cycle and critic, where 0 leaves a loss out; mask: ratio of the three groups of landmarks; groups: 4, 2 or 1 for
    each of the 18, which the paper shows in colours alone (landmark_maps.GROUPS); mouth_centre: between the mouth's
    `corners`, as the paper says, or the `lips`, as its code has it.

    critic_rate: of its Adam; critic_loss: how the regressor is told the critic's opinion, `minimax` as printed, log(1 -
    C) made small, or `non_saturating`, log(C) made large, which goes on teaching where the critic is sure.
    """

    depth: Literal[18, 50, 101] = 50
    width: Number = Field(default=1.0, gt=0)
    loss: Literal["overall", "vdc"] = "overall"
    landmark_map: Flag = True
    map: Literal["gaussian", "pixel"] = "gaussian"
    consistency: Flag = True
    critic: Flag = True
    weights: tuple[Weight, Weight, Weight, Weight] = (0.005, 0.005, 1.0, 0.005)
    mask: tuple[Weight, Weight, Weight] = (4.0, 2.0, 1.0)
    groups: Annotated[tuple[Literal[1, 2, 4], ...], Field(min_length=18, max_length=18)] = GROUPS
    mouth_centre: Literal["corners", "lips"] = "corners"
    critic_rate: Number = Field(default=1e-4, gt=0)
    critic_loss: Literal["minimax", "non_saturating"] = "minimax"
    vertices: Integer = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not any(self.mask):
            raise problem("mask: one of the three weights must be more than 0")
        if self.consistency and not self.landmark_map and (self.weights[1] or self.weights[2]):
            raise problem(
                "without landmark_map the second pass sees what the first one saw: set the second and third weight, "
                "those of 3-D consistency and cycle, to 0"
            )
        return self


class Dal2d(Method):
    """Regressor, and a critic that judges whether parameters belong to a picture."""

    name: ClassVar[str] = "dal2d"
    same_model: ClassVar[bool] = True
    same_size: ClassVar[bool] = True
    Options: ClassVar[type[Section]] = Options
    labels: tuple[str, ...] = ("image", "parameters_62", "landmarks_2d")
    criterion: str = "nme"
    fixed: ClassVar[tuple[str, ...]] = ("depth", "width", "landmark_map", "vertices")

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self._statistics = torch.zeros(PARAMETERS), torch.ones(PARAMETERS)
        self._landmarks: ShapeModel | None = None
        self._model: ShapeModel | None = None
        self._size = (0, 0)

    def prepare(self, dataset: Dataset) -> None:
        """The morphable model, and the statistics that z-scores need. Raises DatasetError, ModelError."""
        height, width = dataset.layout.size
        if min(height, width) < 64:
            raise DatasetError(f"{dataset.path}: pictures of {height} x {width}; dal2d's encoder needs 64 px at least")
        model, statistics = dataset_model(dataset), dataset_statistics(dataset)
        self._size, self._statistics = (height, width), statistics
        self._landmarks = landmark_shape_model(model, statistics)
        rows = None
        if self.options.vertices:
            count = min(self.options.vertices, len(model.mean))
            rows = np.random.default_rng(0).choice(len(model.mean), count, replace=False)
        self._model = vertex_shape_model(model, statistics, rows)

    @property
    def landmark_model(self) -> ShapeModel:
        """Of the 68 landmarks, with the statistics of the training set."""
        assert self._landmarks is not None, "prepare() comes first"
        return self._landmarks

    def item(self, arrays: Arrays, random: np.random.Generator | None) -> Item:
        """picture (3, H, W), parameters (62,), z-scored, landmarks (68, 2) px."""
        center, scale = self._statistics
        parameters = torch.from_numpy(arrays["parameters_62"])
        scored = (parameters - center) / scale
        return {**self.photo_item(arrays, random), "parameters": scored}

    def photo_item(self, arrays: Arrays, random: np.random.Generator | None) -> Item:
        """picture (3, H, W) and landmarks (68, 2) px."""
        return {"picture": normalised(arrays["image"]), "landmarks": torch.from_numpy(arrays["landmarks_2d"].copy())}

    def build(self) -> nn.Module:
        """The three networks."""
        return SelfCriticNet(self.options.depth, 4 if self.options.landmark_map else 3, self.options.width)

    def optimized(self, network: nn.Module) -> dict[str, Moved]:
        """The regressor; encoder and critic apart."""
        assert isinstance(network, SelfCriticNet)
        judges = [*network.encoder.parameters(), *network.critic.parameters()]
        return {"main": network.regressor.parameters(), "critic": judges}

    def optimizers(self, stage: Optimizer) -> dict[str, Optimizer]:
        """Adam at a constant rate for the critic."""
        return {"main": stage, "critic": Optimizer(kind="adam", learning_rate=self.options.critic_rate)}

    def step(self, steps: Steps, parts: list[list[Batch]]) -> Losses:
        """The critic learns to tell true pairs from false ones, then the regressor to pass for true."""
        (batch,) = parts
        logged: Losses = {}
        if self.options.loss == "overall" and self.options.critic:
            for number, part in enumerate(batch, start=1):
                judged = {name: value / len(batch) for name, value in self._critic_losses(steps.network, part).items()}
                steps.move(judged, "critic", last=number == len(batch))
                for name in ("accuracy_true", "accuracy_false"):
                    logged[name] = logged.get(name, torch.zeros_like(judged[name])) + judged[name]
        return {**super().step(steps, parts), **logged}

    def losses(self, network: nn.Module, batch: Batch) -> Losses:
        """Weighted coefficients and, on all pictures, consistency and the critic's opinion; or VDC."""
        outputs = self.regress(network, batch["picture"], batch["landmarks"])
        if self.options.loss == "vdc":
            assert self._model is not None, "prepare() comes first"
            self._model = self._model.to(outputs.device)
            distance = vertex_distance(outputs, batch["parameters"], self._model)
            return {"total": distance, "vdc": distance}
        coefficients = weighted_coefficient_loss(outputs, batch["parameters"], self._shapes(outputs.device))
        found = {"total": coefficients, "coefficients": coefficients}
        if self.options.consistency:
            found |= self._consistency(network, *self._all(batch))
        if self.options.critic:
            false, photos = self._photos(batch)
            code = network("encode", false).detach()
            opinion = network("judge", code, self.regress(network, false, photos))
            if self.options.critic_loss == "minimax":
                found["critic"] = nn.functional.logsigmoid(-opinion).mean()  # log(1 - C), to be made small
            else:
                found["critic"] = -nn.functional.logsigmoid(opinion).mean()
        weights = dict(zip(("consistency_2d", "consistency_3d", "cycle", "critic"), self.options.weights, strict=True))
        for name, weight in weights.items():
            if name in found:
                found["total"] = found["total"] + weight * found[name]
        return found

    def regress(
        self, network: nn.Module, pictures: torch.Tensor, landmarks: torch.Tensor | None = None
    ) -> torch.Tensor:
        """(B, 62) z-scored parameters of pictures with landmarks (B, 68, 2) px; none without landmark_map."""
        inputs = [pictures]
        if self.options.landmark_map:
            assert landmarks is not None, "with landmark_map the network sees landmarks"
            drawn = landmark_map if self.options.map == "gaussian" else landmark_pixels
            inputs.append(drawn(self._sparse(landmarks), self._size))
        outputs: torch.Tensor = network("regress", torch.cat(inputs, dim=1))
        return outputs

    def measures(self, network: nn.Module, batch: Batch) -> dict[str, Measure]:
        """nme: mean distance of the 68 points over the root of the area of the true points' box; nme_mean: that of the
        mean parameters; how often the critic
        is right about true and about false pairs, and about both."""
        outputs = self.regress(network, batch["picture"], batch["landmarks"])
        points, means = (self._points(values)[0] for values in (outputs, torch.zeros_like(outputs)))
        found = {"nme": box_nme(points, batch["landmarks"]), "nme_mean": box_nme(means, batch["landmarks"])}
        if self.options.critic:
            code, count = network("encode", batch["picture"]), len(outputs)
            true = int((network("judge", code, batch["parameters"]) > 0).sum())
            false = int((network("judge", code, outputs) <= 0).sum())
            found["critic_accuracy_true"], found["critic_accuracy_false"] = Measure(true, count), Measure(false, count)
            found["critic_accuracy"] = Measure(true + false, 2 * count)
        return found

    def pictures(self, network: nn.Module, batch: Batch) -> NDArray[np.uint8]:
        """Pictures with true and predicted landmarks."""
        outputs = self.regress(network, batch["picture"], batch["landmarks"])
        return landmark_sheet(batch["picture"], batch["landmarks"], self._points(outputs)[0])

    def _consistency(self, network: nn.Module, pictures: torch.Tensor, landmarks: torch.Tensor) -> Losses:
        """2-D, 3-D and cycle losses that have a weight: forward from given landmarks, and again from those that came
        out."""
        mask = landmark_weights(self.options.mask, self.options.groups).to(pictures.device)
        given = self._sparse(landmarks)
        flat, space = self._points(self.regress(network, pictures, landmarks))
        found = {"consistency_2d": landmark_consistency(given, self._sparse(flat), mask)}
        if self.options.weights[1] or self.options.weights[2]:
            again, space_again = self._points(self.regress(network, pictures, flat))
            found["consistency_3d"] = landmark_consistency(space, space_again)
            found["cycle"] = landmark_consistency(given, self._sparse(again), mask)
        return found

    def _sparse(self, landmarks: torch.Tensor) -> torch.Tensor:
        return sparse_landmarks(landmarks, self.options.mouth_centre == "lips")

    def _critic_losses(self, network: nn.Module, batch: Batch) -> Losses:
        """Cross-entropy of true and false pairs, and how often the critic is right about each."""
        false, landmarks = self._photos(batch)
        with torch.no_grad():
            guessed = self.regress(network, false, landmarks)
        true_score = network("judge", network("encode", batch["picture"]), batch["parameters"])
        false_score = network("judge", network("encode", false), guessed)
        loss = -(nn.functional.logsigmoid(true_score).mean() + nn.functional.logsigmoid(-false_score).mean())
        return {
            "total": loss,
            "accuracy_true": (true_score > 0).float().mean(),
            "accuracy_false": (false_score <= 0).float().mean(),
        }

    def _points(self, outputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Landmarks in the picture (B, 68, 2) px and in space (B, 68, 3) px."""
        model = self._shapes(outputs.device)
        space = vertices(model, model.parameters(outputs))
        return in_picture(space, self._size[0]), space

    @staticmethod
    def _all(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        if "photo_picture" not in batch:
            return batch["picture"], batch["landmarks"]
        return (
            torch.cat([batch["picture"], batch["photo_picture"]]),
            torch.cat([batch["landmarks"], batch["photo_landmarks"]]),
        )

    @staticmethod
    def _photos(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures whose parameters nobody knows; where a stage has none, its own."""
        prefix = "photo_" if "photo_picture" in batch else ""
        return batch[f"{prefix}picture"], batch[f"{prefix}landmarks"]

    def _shapes(self, device: torch.device) -> ShapeModel:
        self._landmarks = self.landmark_model.to(device)
        return self._landmarks
