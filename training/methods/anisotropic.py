"""anisotropic: landmarks as displacements from a balanced mean, with freedom along the curves (Rayhan et al. 2020)."""

from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from synthgen.core.errors import RecipeError
from synthgen.dataset.reader import Dataset
from synthgen.recipe.section import Flag, Integer, Number, Section
from training.landmark_maps import landmark_maps
from training.landmark_pictures import landmark_sheet
from training.landmark_sets import LANDMARK_SETS
from training.losses.adaptive_wing import adaptive_wing_loss
from training.losses.anisotropic import along_and_across, anisotropic_loss
from training.losses.landmark_curves import SCHEMES, CurveScheme
from training.losses.landmark_distance import landmark_distance
from training.method import Arrays, Batch, Item, Losses, Measure, Method, normalised
from training.networks.heatmap_net import STRIDE, HeatmapNet
from training.networks.resnet import ResNet
from training.pose_bins import balanced, mean_of_bin_means, pose_bins

# Adaptive wing's own: spread of a landmark in px of its map, and how much more bright pixels count.
HEAT_SPREAD, HEAT_WEIGHT = 1.5, 10.0
Pixels = Annotated[Number, Field(gt=0)]


class Options(Section):
    """depth: layers; width: multiplier of their channels; points: 68, or 98 and 19 as WFLW and AFLW have them, which
    are computed from the 68.

    loss: the paper's, or one that it compares with (table 6). `adaptive_wing` is a loss of heat maps, and gets a
    network that makes them; the others regress coordinates, and the paper quotes its numbers from its publication.
    along, across: a and b, px; curves: directions from each picture's true points, which the paper's equation 4 says,
    or from the `mean` shape; corners: numbers of the points with equal weight in all directions, which the paper does
    not list, instead of those of losses/landmark_curves.py; wing: width and curvature, px.

    target: `displacement` from the mean of the bins' means, or the landmarks themselves, `direct`; balance: of poses,
    `undersample` is the paper's, `replicate` that of Feng et al.; bins: how many; pose_axis, folded: see
    pose_bins.pose_bins.

    marched: jaws as people annotate them, on the outline of the face, else fixed points of the surface; scale: px that
    an output of 1 stands for.
    """

    depth: Literal[18, 50, 101] = 50
    width: Number = Field(default=1.0, gt=0)
    points: Literal[68, 98, 19] = 68
    loss: Literal["anisotropic", "wing", "adaptive_wing", "l1", "l2", "smooth_l1"] = "anisotropic"
    along: Number = Field(default=5.0, gt=0)
    across: Number = Field(default=3.0, gt=0)
    curves: Literal["each", "mean"] = "each"
    corners: tuple[Integer, ...] | None = None
    wing: tuple[Pixels, Pixels] = (10.0, 2.0)
    target: Literal["displacement", "direct"] = "displacement"
    balance: Literal["none", "replicate", "undersample"] = "undersample"
    bins: Integer = Field(default=9, ge=1)
    pose_axis: Integer = Field(default=1, ge=1, le=4)
    folded: Flag = False
    marched: Flag = True
    scale: Number = Field(default=1.0, gt=0)


class Anisotropic(Method):
    """Landmarks by one linear layer on a residual network."""

    name: ClassVar[str] = "anisotropic"
    same_size: ClassVar[bool] = True
    Options: ClassVar[type[Section]] = Options
    labels: tuple[str, ...] = ("image",)
    criterion: str = "nme"
    fixed: ClassVar[tuple[str, ...]] = ("depth", "width", "points", "marched", "bins", "pose_axis", "folded")

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self._label = "landmarks_2d_contour" if self.options.marched else "landmarks_2d"
        self.labels = ("image", self._label)
        self._set = LANDMARK_SETS[self.options.points]
        self._scheme = _scheme(self._set.name, self.options.corners)
        self._mean = torch.zeros(self._set.points, 2)

    def prepare(self, dataset: Dataset) -> None:
        """The mean of the means of the poses' bins."""
        shapes = self._shapes(dataset)
        self._mean = torch.from_numpy(mean_of_bin_means(shapes, self._pose_bins(shapes))).float()

    def chosen(self, dataset: Dataset, seed: int) -> NDArray[np.int64] | None:
        """A balanced set, as asked for."""
        if self.options.balance == "none":
            return None
        return balanced(self._pose_bins(self._shapes(dataset)), self.options.balance, np.random.default_rng(seed))

    def item(self, arrays: Arrays, random: np.random.Generator | None) -> Item:
        """picture (3, H, W) and landmarks (K, 2) px."""
        landmarks = torch.from_numpy(self._set.of(arrays[self._label]))
        return {"picture": normalised(arrays["image"]), "landmarks": landmarks}

    def build(self) -> nn.Module:
        """The network."""
        options, points = self.options, self._set.points
        if options.loss == "adaptive_wing":
            return HeatmapNet(points, options.depth, options.scale, options.width)
        return ResNet({"landmarks": 2 * points}, options.depth, width=options.width)

    def landmarks(self, network: nn.Module, pictures: torch.Tensor) -> torch.Tensor:
        """(B, K, 2) px."""
        return self._placed(network(pictures)["landmarks"])

    def losses(self, network: nn.Module, batch: Batch) -> Losses:
        """Of landmarks in px, or of heat maps."""
        outputs, truth, options = network(batch["picture"]), batch["landmarks"], self.options
        found = self._placed(outputs["landmarks"])
        if options.loss == "adaptive_wing":
            height, width = outputs["heatmaps"].shape[2:]
            maps = landmark_maps(truth / STRIDE, (height, width), HEAT_SPREAD)
            return {"total": adaptive_wing_loss(outputs["heatmaps"], maps, weight=HEAT_WEIGHT)}
        if options.loss == "anisotropic":
            curves = self._mean.to(truth.device)[None] if options.curves == "mean" else None
            loss = anisotropic_loss(found, truth, self._scheme, options.along, options.across, curves)
            return {"total": loss}
        return {"total": landmark_distance(options.loss, found, truth, options.wing)}

    def measures(self, network: nn.Module, batch: Batch) -> dict[str, Measure]:
        """nme: mean distance over that of the outer eye corners; nme_corners: of the corners alone, if any; nme_along,
        nme_across: of the other points along their curve and across it; nme_mean_shape: of the mean shape alone."""
        truth = batch["landmarks"]
        right, left = self._set.eyes
        eyes = (truth[:, right] - truth[:, left]).norm(dim=-1)
        wrong = self.landmarks(network, batch["picture"]) - truth
        along, across = along_and_across(wrong, truth, self._scheme)
        distances = {
            "nme": wrong.norm(dim=-1),
            "nme_mean_shape": (self._mean.to(truth.device) - truth).norm(dim=-1),
        }
        if self._scheme.corners:
            distances["nme_corners"] = wrong[:, list(self._scheme.corners)].norm(dim=-1)
        errors = {name: distance.mean(dim=1) / eyes for name, distance in distances.items()}
        errors |= {"nme_along": along.nanmean(dim=1) / eyes, "nme_across": across.nanmean(dim=1) / eyes}
        return {name: Measure(float(error.sum()), len(error)) for name, error in errors.items()}

    def pictures(self, network: nn.Module, batch: Batch) -> NDArray[np.uint8]:
        """Pictures with true and predicted landmarks."""
        return landmark_sheet(batch["picture"], batch["landmarks"], self.landmarks(network, batch["picture"]))

    def facts(self) -> dict[str, Any]:
        """With the shape that outputs are added to, zeros where they are the landmarks themselves."""
        return {**super().facts(), "mean_shape": self._offset().tolist()}

    def _shapes(self, dataset: Dataset) -> NDArray[np.float64]:
        some = dataset.with_labels(self._label)
        labels = np.stack([some[position][self._label] for position in range(len(some))])
        return self._set.of(labels).astype(np.float64)

    def _pose_bins(self, shapes: NDArray[np.float64]) -> NDArray[np.int64]:
        return pose_bins(shapes, self.options.bins, self.options.pose_axis, self.options.folded)

    def _placed(self, outputs: torch.Tensor) -> torch.Tensor:
        points = outputs.view(-1, self._set.points, 2)
        return self._offset().to(outputs.device) + self.options.scale * points

    def _offset(self) -> torch.Tensor:
        moved = self.options.target == "displacement" and self.options.loss != "adaptive_wing"
        return self._mean if moved else torch.zeros_like(self._mean)


def _scheme(name: str, corners: tuple[int, ...] | None) -> CurveScheme:
    """The curves of a set, with other corners where some are given. Raises RecipeError for a point it has not."""
    scheme = SCHEMES[name]
    if corners is None:
        return scheme
    if not all(0 <= corner < scheme.points for corner in corners):
        raise RecipeError([f"anisotropic: options.corners: expected points of {name}, 0 to {scheme.points - 1}"])
    return replace(scheme, corners=corners)
