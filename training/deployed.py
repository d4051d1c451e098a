"""A checkpoint as it is used: outputs in plain units, in a fixed order, and the card that explains them."""

from typing import Any, cast

import numpy as np
import torch
from torch import nn

from synthgen.dataset.reader import Dataset
from synthgen.fittings.mean_face import BOX_SHARE
from synthgen.predict.card import Arrays, NetworkCard
from synthgen.predict.landmark_shapes import learn_shapes
from synthgen.predict.template_tables import landmark_uv, part_chart
from synthgen.recipe.schema import Recipe
from training.losses.quantised_regression import dequantise
from training.losses.shape_model import vertices
from training.method import normalised
from training.methods.anisotropic import Anisotropic
from training.methods.dal2d import Dal2d
from training.methods.densereg import AXES, DenseReg
from training.methods.dfc import Dfc
from training.methods.tddfa_v2 import POINTS, TddfaV2
from training.networks.correspondence_net import CorrespondenceNet
from training.parameter_model import dataset_model, in_picture
from training.restore import Restored

# Of a training set of photos cut by a rule that tells nothing about landmarks.
_USUAL_SHARE = 0.6
_DRAWS = 4096
_MOST_SHAPES = 3000

Outputs = dict[str, torch.Tensor]


class Deployed(nn.Module):
    """The network of a checkpoint with what turns its outputs into plain units; picture inputs (N, 3, H, W) normalised.

    dfc: source and target, or the source alone where the target is always the mean face, whose code is computed here
    once (section 3.3: "the features of the target encoder can be precomputed") -> flow (N, 2, H, W) px, matchability
    (N, 1, H, W). densereg: picture -> its heads (N, C, H, W), uv (N, 2, H, W), depth (N, H, W) in [0, 1]. dal2d:
    picture and, where it was trained with their map, given_landmarks (N, 68, 2) px -> parameters (N, 62), landmarks (N,
    68, 2) px. tddfa_v2: picture -> the same, and landmark_head (N, 68, 2) px. anisotropic: picture -> landmarks (N, K,
    2) px.
    """

    def __init__(self, restored: Restored) -> None:
        super().__init__()
        self.network, self.method = restored.network, restored.method
        height, width = restored.size
        picture = torch.zeros(2, 3, height, width)  # an exporter takes a length of 1 for a constant
        self.examples: tuple[torch.Tensor, ...] = (picture,)
        self.input_names: tuple[str, ...] = ("picture",)
        self.size = restored.size
        if isinstance(self.method, Dfc):
            self._match_to(restored)
        elif isinstance(self.method, Dal2d) and self.method.options.landmark_map:
            self.input_names, self.examples = ("picture", "given_landmarks"), (picture, torch.zeros(2, POINTS, 2))
        if isinstance(self.method, Dal2d | TddfaV2):
            self._shapes = self.method.landmark_model
        with torch.no_grad():
            self.output_names = tuple(self.outputs(*self.examples))

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Outputs in the order of `output_names`."""
        return tuple(self.outputs(*inputs).values())

    def outputs(self, *inputs: torch.Tensor) -> Outputs:
        """Outputs by name."""
        method = self.method
        if isinstance(method, Dfc):
            return self._flow(*inputs)
        if isinstance(method, DenseReg):
            return self._coordinates(inputs[0], method)
        if isinstance(method, Dal2d):
            return self._of_parameters(method.regress(self.network, inputs[0], *inputs[1:]))
        if isinstance(method, TddfaV2):
            heads = self.network(inputs[0])
            found = self._of_parameters(heads["parameters"])
            if "landmarks" in heads:
                found["landmark_head"] = heads["landmarks"].view(-1, POINTS, 2)
            return found
        assert isinstance(method, Anisotropic)
        return {"landmarks": method.landmarks(self.network, inputs[0])}

    def _match_to(self, restored: Restored) -> None:
        network = cast(CorrespondenceNet, self.network)
        self.target_code: torch.Tensor | None
        mean_face = restored.dataset.template.mean_face
        if not mean_face.size:
            self.register_buffer("target_code", None)
            self.input_names, self.examples = ("source", "target"), (self.examples[0], self.examples[0].clone())
            return
        with torch.no_grad():
            self.register_buffer("target_code", network.encode_target(normalised(mean_face)[None]))
        self.input_names = ("source",)

    def _flow(self, source: torch.Tensor, target: torch.Tensor | None = None) -> Outputs:
        network = cast(CorrespondenceNet, self.network)
        code = self.target_code
        if code is None:
            assert target is not None
            code = network.encode_target(target)
        flow, logits = network.decode(network.encoder(source), code)
        return {"flow": flow * self.method.options.flow_scale, "matchability": logits.softmax(dim=1)[:, 1:]}

    def _coordinates(self, picture: torch.Tensor, method: DenseReg) -> Outputs:
        heads: Outputs = dict(self.network(picture))
        if method.options.head == "segmentation":
            return heads
        centres = not method.options.residuals
        axes = {
            axis: dequantise(heads[f"bin_{axis}"], heads[f"residual_{axis}"], centres)
            for axis in (*AXES, *(("depth",) if method.options.with_depth else ()))
        }
        found = {**heads, "uv": torch.stack([axes[axis] for axis in AXES], dim=1)}
        return found | ({"depth": axes["depth"]} if "depth" in axes else {})

    def _of_parameters(self, scored: torch.Tensor) -> Outputs:
        model = self._shapes.to(scored.device)
        parameters = model.parameters(scored)
        return {"parameters": parameters, "landmarks": in_picture(vertices(model, parameters), self.size[0])}


def network_card(restored: Restored, deployed: Deployed) -> NetworkCard:
    """What the checkpoint's network says of itself. Raises DatasetError, ModelError."""
    dataset = restored.dataset
    arrays: Arrays = {}
    name = ""
    if isinstance(restored.method, Dal2d | TddfaV2):
        model = restored.method.landmark_model.to(torch.device("cpu"))
        arrays = {"parameter_mean": model.center.numpy(), "parameter_stddev": model.scale.numpy()}
        name = dataset_model(dataset).name
    elif isinstance(restored.method, DenseReg):
        arrays = _template_arrays(dataset)
    elif deployed.input_names == ("source",):
        arrays = {"mean_face": dataset.template.mean_face}
    return NetworkCard(
        method=restored.recipe.method,
        size=restored.size,
        share=landmark_share(dataset.recipe),
        inputs=deployed.input_names,
        outputs=deployed.output_names,
        options=restored.facts["options"],
        model=dict(dataset.recipe["model"]),
        model_name=name,
        arrays=arrays,
    )


def _template_arrays(dataset: Dataset) -> Arrays:
    """The tables that decode template coordinates, and a shape model where the dataset has landmarks."""
    arrays: Arrays = {"landmark_uv": landmark_uv(dataset.template), "part_chart": part_chart(dataset.template)}
    if "landmarks_2d" not in dataset.layout.array_names:
        return arrays
    some = dataset.with_labels("landmarks_2d")
    points = np.stack([some[n]["landmarks_2d"] for n in range(min(len(some), _MOST_SHAPES))])
    model = learn_shapes(points[np.isfinite(points).all(axis=(1, 2))])
    shapes = {"shape_mean": model.mean, "shape_basis": model.basis, "shape_stddev": model.stddev}
    return arrays | {name: array.astype(np.float32) for name, array in shapes.items()}


def landmark_share(content: dict[str, Any]) -> float:
    """The larger side of the 68 landmarks' box over the picture's smaller side, on average over a recipe's samples."""
    recipe = Recipe.model_validate(content)
    random = np.random.default_rng(0)
    if recipe.kind in ("images", "pairs"):
        # The size of the mean face's frontal box; turned faces keep their height.
        return round(float(recipe.pose.scale.sample(random, _DRAWS).mean()), 3)
    if recipe.crop.rule not in ("landmark_box", "detector_box"):
        return _USUAL_SHARE
    scale = recipe.augment.scale.sample(random, _DRAWS).mean() if recipe.kind == "fittings" else 1.0
    return round(float(BOX_SHARE / recipe.crop.grow * scale), 3)
