"""anisotropic: landmarks as displacements from a balanced mean, with freedom along the curves (Rayhan et al. 2020)."""

from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from synthgen.dataset.reader import Dataset
from synthgen.recipe.section import Flag, Integer, Number, Section
from training.landmark_pictures import landmark_sheet
from training.losses.anisotropic import anisotropic_loss
from training.losses.landmark_curves import SCHEMES
from training.losses.wing import wing_loss
from training.method import Arrays, Batch, Item, Losses, Measure, Method, normalised
from training.networks.resnet import ResNet
from training.pose_bins import balanced, mean_of_bin_means, pose_bins

POINTS = 68
OUTER_EYES = (36, 45)


class Options(Section):
    """depth: layers; width: multiplier of their channels; loss: the paper's, or one that it compares with (table 6);
    along, across: a and b, px; target: displacement from the mean of the bins' means, or the landmarks themselves;
    balance, bins: of poses; marched: jaws as people annotate them, on the outline of the face, else fixed points of the
    surface; scale: px that an output of 1 stands for.
    """

    depth: Literal[18, 50, 101] = 50
    width: Number = Field(default=1.0, gt=0)
    loss: Literal["anisotropic", "wing", "l1", "l2", "smooth_l1"] = "anisotropic"
    along: Number = Field(default=5.0, gt=0)
    across: Number = Field(default=3.0, gt=0)
    target: Literal["displacement", "direct"] = "displacement"
    balance: Literal["none", "replicate", "undersample"] = "undersample"
    bins: Integer = Field(default=9, ge=1)
    marched: Flag = True
    scale: Number = Field(default=1.0, gt=0)


class Anisotropic(Method):
    """68 landmarks by one linear layer on a residual network."""

    name: ClassVar[str] = "anisotropic"
    Options: ClassVar[type[Section]] = Options
    labels: tuple[str, ...] = ("image",)
    criterion: str = "nme"

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self._label = "landmarks_2d_contour" if self.options.marched else "landmarks_2d"
        self.labels = ("image", self._label)
        self._mean = torch.zeros(POINTS, 2)
        self._bins: NDArray[np.int64] = np.zeros(0, np.int64)

    def prepare(self, dataset: Dataset) -> None:
        """The bins of the poses, and the mean of their means."""
        some = dataset.with_labels(self._label)
        shapes = np.stack([some[position][self._label] for position in range(len(some))]).astype(np.float64)
        self._bins = pose_bins(shapes, self.options.bins)
        if self.options.target == "displacement":
            self._mean = torch.from_numpy(mean_of_bin_means(shapes, self._bins)).float()

    def chosen(self, dataset: Dataset, seed: int) -> NDArray[np.int64] | None:
        """A balanced set, as asked for."""
        if self.options.balance == "none" or len(dataset) != len(self._bins):
            return None
        return balanced(self._bins, self.options.balance, np.random.default_rng(seed))

    def item(self, arrays: Arrays, random: np.random.Generator | None) -> Item:
        """picture (3, H, W) and landmarks (68, 2) px."""
        return {"picture": normalised(arrays["image"]), "landmarks": torch.from_numpy(arrays[self._label].copy())}

    def build(self) -> nn.Module:
        """The network."""
        return ResNet({"landmarks": 2 * POINTS}, self.options.depth, width=self.options.width)

    def landmarks(self, network: nn.Module, pictures: torch.Tensor) -> torch.Tensor:
        """(B, 68, 2) px."""
        outputs = network(pictures)["landmarks"].view(-1, POINTS, 2)
        return self._mean.to(outputs.device) + self.options.scale * outputs

    def losses(self, network: nn.Module, batch: Batch) -> Losses:
        """Of landmarks in px."""
        found, truth = self.landmarks(network, batch["picture"]), batch["landmarks"]
        options = self.options
        if options.loss == "anisotropic":
            loss = anisotropic_loss(found, truth, SCHEMES["ibug68"], options.along, options.across)
        elif options.loss == "wing":
            loss = wing_loss(found, truth)
        elif options.loss == "l1":
            loss = (found - truth).abs().mean()
        elif options.loss == "l2":
            loss = (found - truth).square().mean()
        else:
            loss = nn.functional.smooth_l1_loss(found, truth)
        return {"total": loss}

    def measures(self, network: nn.Module, batch: Batch) -> dict[str, Measure]:
        """nme: mean distance over that of the outer eye corners; nme_mean_shape: of the mean shape alone."""
        truth = batch["landmarks"]
        eyes = (truth[:, OUTER_EYES[0]] - truth[:, OUTER_EYES[1]]).norm(dim=-1)
        found = {"nme": self.landmarks(network, batch["picture"]), "nme_mean_shape": self._mean.to(truth.device)}
        errors = {name: ((points - truth).norm(dim=-1).mean(dim=1) / eyes) for name, points in found.items()}
        return {name: Measure(float(error.sum()), len(error)) for name, error in errors.items()}

    def pictures(self, network: nn.Module, batch: Batch) -> NDArray[np.uint8]:
        """Pictures with true and predicted landmarks."""
        return landmark_sheet(batch["picture"], batch["landmarks"], self.landmarks(network, batch["picture"]))

    def facts(self) -> dict[str, Any]:
        """With the mean shape."""
        return {**super().facts(), "mean_shape": self._mean.tolist()}
