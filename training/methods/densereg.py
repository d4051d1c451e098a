"""densereg: template coordinates of every face pixel as bin and residual (Güler et al. 2017)."""

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from synthgen.dataset.reader import Dataset
from synthgen.predict.template_tables import part_chart
from synthgen.recipe.section import Flag, Integer, Number, Section
from training.losses.quantised_regression import (
    IGNORED,
    dequantise,
    mean_cross_entropy,
    quantise,
    quantised_regression_loss,
)
from training.method import Arrays, Batch, Item, Losses, Measure, Method, Moved, normalised, pixels_of
from training.networks.dense_regression_net import DenseRegressionNet
from training.resample import cut_item, plane, random_window

AXES = ("u", "v")
PARTS = 9  # background and the eight parts
_SMOOTH = frozenset({"picture"})
Rate = Annotated[Number, Field(gt=0)]


class Options(Section):
    """depth: layers of the trunk; width: multiplier of its channels; bins: K, 1 is plain regression; head:
    `segmentation` learns the eight parts instead (table 1); with_depth: a depth branch; residuals: False decodes the
    middle of the bins ("q" in figure 5); scales, side: of the random crop, 0 for none.

    weight: of the regression, 40 for bins and 70 without them in the paper; sigma: of smooth L1, which the paper does
    not tell, 1 as in Fast R-CNN; residual_unit: what it measures, in widths of a `bin`, as the released network, for
    which alone the paper's 40 and 70 are of one size, or by `coordinate`, the letter of equation 2; head_rates: factors
    of the learning rate for weights and biases of the new layers, 10 and 20 in the release, not told in the paper.
    """

    depth: Literal[18, 50, 101] = 101
    width: Number = Field(default=1.0, gt=0)
    bins: Integer = Field(default=10, ge=1)
    head: Literal["coordinates", "segmentation"] = "coordinates"
    with_depth: Flag = False
    weight: Number | None = Field(default=None, ge=0)
    sigma: Number = Field(default=1.0, gt=0)
    residual_unit: Literal["bin", "coordinate"] = "bin"
    head_rates: tuple[Rate, Rate] = (1.0, 1.0)
    residuals: Flag = True
    scales: Annotated[tuple[Rate, ...], Field(min_length=1)] = (0.5, 0.75, 1.0, 1.25, 1.5)
    side: Integer = Field(default=321, ge=0)


class DenseReg(Method):
    """u and v, each as 1 + K classes (0 is background) and K residuals."""

    name: ClassVar[str] = "densereg"
    same_model: ClassVar[bool] = True
    Options: ClassVar[type[Section]] = Options
    labels: tuple[str, ...] = ("image", "uv", "parts")
    labels_if_there: ClassVar[tuple[str, ...]] = ("ignore_mask",)
    criterion: str = "error"
    fixed: ClassVar[tuple[str, ...]] = ("depth", "width", "bins", "head", "with_depth")

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self._chart = torch.zeros(1, 1, dtype=torch.int64)
        if self.options.head == "segmentation":
            self.criterion = "lost_iou"
        if self.options.with_depth:
            self.labels = (*type(self).labels, "depth_unit")

    def prepare(self, dataset: Dataset) -> None:
        """Which part each place of the template is of."""
        self._chart = torch.from_numpy(part_chart(dataset.template)).long()

    def item(self, arrays: Arrays, random: np.random.Generator | None) -> Item:
        """picture (3, S, S), uv (2, S, S), parts (1, S, S), ignored (1, S, S) and, asked for, depth (1, S, S)."""
        item = {"picture": normalised(arrays["image"]), "uv": plane(arrays["uv"]), "parts": plane(arrays["parts"])}
        item["ignored"] = torch.zeros_like(item["parts"])
        if "ignore_mask" in arrays:
            item["ignored"] = plane(arrays["ignore_mask"])
        if self.options.with_depth:
            item["depth"] = plane(arrays["depth_unit"])
        if self.options.side == 0 or random is None:
            return item
        size = (int(item["parts"].shape[1]), int(item["parts"].shape[2]))
        window = random_window(size, self.options.scales, self.options.side, random)
        return cut_item(item, window, _SMOOTH, {"uv": float("nan"), "depth": float("nan"), "ignored": 1.0})

    def build(self) -> nn.Module:
        """The network."""
        if self.options.head == "segmentation":
            return DenseRegressionNet({"parts": PARTS}, self.options.depth, self.options.width)
        heads: dict[str, int] = {}
        for axis in (*AXES, *(("depth",) if self.options.with_depth else ())):
            bins = 1 if axis == "depth" else self.options.bins
            heads |= {f"bin_{axis}": 1 + bins, f"residual_{axis}": bins}
        return DenseRegressionNet(heads, self.options.depth, self.options.width)

    def optimized(self, network: nn.Module) -> dict[str, Moved]:
        """The trunk, and the new layers at their own rates."""
        assert isinstance(network, DenseRegressionNet)
        heads: dict[str, list[nn.Parameter]] = {"weight": [], "bias": []}
        for name, parameter in network.layers.named_parameters():
            heads[name.rpartition(".")[2]].append(parameter)
        groups: list[dict[str, Any]] = [{"params": list(network.trunk.parameters()), "factor": 1.0}]
        for members, factor in zip(heads.values(), self.options.head_rates, strict=True):
            groups.append({"params": members, "factor": factor})
        return {"main": groups}

    def losses(self, network: nn.Module, batch: Batch) -> Losses:
        """Sum over the axes of cross-entropy and weighted smooth L1."""
        outputs, ignored = network(batch["picture"]), batch["ignored"][:, 0] > 0
        if self.options.head == "segmentation":
            target = torch.where(ignored, IGNORED, batch["parts"][:, 0].long())
            return {"total": mean_cross_entropy(outputs["parts"], target)}
        found: Losses = {}
        for axis, values in self._axes(batch).items():
            bins = outputs[f"residual_{axis}"].shape[1]
            weight = self.options.weight if self.options.weight is not None else (70.0 if bins == 1 else 40.0)
            target_bins = quantise(values, bins, ignored)
            loss_axis = quantised_regression_loss(
                outputs[f"bin_{axis}"],
                outputs[f"residual_{axis}"],
                target_bins,
                weight,
                self.options.sigma,
                self.options.residual_unit == "coordinate",
            )
            found |= {f"bins_{axis}": loss_axis.classification, f"residual_{axis}": loss_axis.regression}
            found["total"] = found.get("total", torch.zeros_like(loss_axis.total)) + loss_axis.total
        return found

    def coordinates(self, network: nn.Module, pictures: torch.Tensor) -> torch.Tensor:
        """(B, 2, H, W) template coordinates of pictures (B, 3, H, W), NaN for background."""
        outputs = network(pictures)
        return torch.stack(
            [
                dequantise(outputs[f"bin_{axis}"], outputs[f"residual_{axis}"], centres=not self.options.residuals)
                for axis in AXES
            ],
            dim=1,
        )

    def measures(self, network: nn.Module, batch: Batch) -> dict[str, Measure]:
        """error: median over a picture's face pixels of the distance on the template, its mean over pictures; face_iou.
        lost_iou: 1 - the mean over parts of a picture's intersection over union, of the segmentation or of the parts
        that the template has at the coordinates."""
        truth, used = batch["parts"][:, 0].long(), batch["ignored"][:, 0] == 0
        if self.options.head == "segmentation":
            return {"lost_iou": _lost_iou(network(batch["picture"])["parts"].argmax(dim=1), truth, used)}
        found = self.coordinates(network, batch["picture"])
        medians = []
        for one, other, mask in zip(found, batch["uv"], used, strict=True):
            both = torch.isfinite(other).all(dim=0) & mask
            # A face pixel that is called background is as wrong as can be.
            distance = torch.where(torch.isfinite(one).all(dim=0), (one - other).norm(dim=0), 1.0)[both]
            if len(distance):
                medians.append(float(distance.median()))
        said_face = torch.isfinite(found).all(dim=1) & used
        true_face = torch.isfinite(batch["uv"]).all(dim=1) & used
        overlap = Measure(float((said_face & true_face).sum()), int((said_face | true_face).sum()))
        lost = _lost_iou(parts_by_chart(found, self._chart), truth, used)
        return {"error": Measure(sum(medians), len(medians)), "face_iou": overlap, "lost_iou": lost}

    def pictures(self, network: nn.Module, batch: Batch) -> NDArray[np.uint8] | None:
        """Rows of picture, true and predicted u, v."""
        if self.options.head == "segmentation":
            return None
        found = self.coordinates(network, batch["picture"][:6])
        rows = []
        for n in range(len(found)):
            planes = [batch["uv"][n, 0], found[n, 0], batch["uv"][n, 1], found[n, 1]]
            grey = [
                np.repeat((255 * value.nan_to_num(0.0)).clamp(0, 255).byte().cpu().numpy()[..., None], 3, axis=-1)
                for value in planes
            ]
            rows.append(np.concatenate([pixels_of(batch["picture"][n]), *grey], axis=1))
        return np.concatenate(rows)

    def _axes(self, batch: Batch) -> dict[str, torch.Tensor]:
        axes = {"u": batch["uv"][:, 0], "v": batch["uv"][:, 1]}
        return axes | ({"depth": batch["depth"][:, 0]} if self.options.with_depth else {})


def parts_by_chart(coordinates: torch.Tensor, chart: torch.Tensor) -> torch.Tensor:
    """(B, H, W) parts of template coordinates (B, 2, H, W), 0 where they are NaN; chart: `part_chart`."""
    side = len(chart)
    u, v = (coordinates.nan_to_num(0.0)[:, axis] for axis in (0, 1))
    row, column = (((place * side).long()).clamp(0, side - 1) for place in (1.0 - v, u))
    return torch.where(torch.isfinite(coordinates).all(dim=1), chart.to(u.device)[row, column], 0)


def _lost_iou(said: torch.Tensor, truth: torch.Tensor, used: torch.Tensor) -> Measure:
    lost = [1.0 - _mean_iou(one[mask], other[mask]) for one, other, mask in zip(said, truth, used, strict=True)]
    return Measure(sum(lost), len(lost))


def _mean_iou(said: torch.Tensor, truth: torch.Tensor) -> float:
    """Mean intersection over union of the parts that are there."""
    shares = []
    for part in truth.unique().tolist():
        if part:
            one, other = said == part, truth == part
            shares.append(float((one & other).sum()) / max(int((one | other).sum()), 1))
    return sum(shares) / max(len(shares), 1)
