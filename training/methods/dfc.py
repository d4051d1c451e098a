"""dfc: dense correspondences between two faces, or a photo and the mean face (Yu et al. 2017).

Stage 1 trains on pairs with one encoder for both pictures, stage 2 on photos with fittings, whose target is always the
rendered mean face, with an encoder of its own.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from synthgen.core.conventions import HIDDEN, IGNORED, MATCHABILITY_POLICIES, OUTSIDE
from synthgen.core.errors import DatasetError
from synthgen.dataset.reader import Dataset
from synthgen.fittings.augment import sample_augmentation
from synthgen.recipe.photo_sections import Augment
from synthgen.recipe.section import Flag, Integer, Number, Section
from synthgen.report.flow_colour import colour_flow
from training.losses.flow_matchability import flow_matchability_loss
from training.method import Arrays, Batch, Item, Losses, Measure, Method, normalised, pixels_of
from training.moved_photo import moved_photo
from training.networks.correspondence_net import WIDTHS, CorrespondenceNet

UNMATCHED = (HIDDEN, OUTSIDE)  # codes of face pixels that do not match
Width = Annotated[Integer, Field(ge=1)]


class Options(Section):
    """widths: channels of the four levels; shared: one encoder for both pictures; weight: the paper's lambda, which it
    does not tell; squared: flow errors, as in the paper, or their lengths; flow_scale: px that an output of 1 stands
    for (1 in the paper); policy: codes that count as matchable.

    augment: of photos, whose ranges the paper does not give, scale, rotation_deg, translation, rectangles and
    rectangle_size as in recipes/dfc/finetune.yaml, which moves each photo once, exactly; here each epoch moves it anew.
    """

    widths: tuple[Width, Width, Width, Width] = WIDTHS
    shared: Flag = True
    weight: Number = Field(default=10.0, ge=0)
    squared: Flag = True
    flow_scale: Number = Field(default=1.0, gt=0)
    policy: Literal["dfc", "visible"] = "dfc"
    augment: Augment | None = None


class Dfc(Method):
    """Flow and matchability from a source to a target picture."""

    name: ClassVar[str] = "dfc"
    Options: ClassVar[type[Section]] = Options
    labels: tuple[str, ...] = ("image", "flow", "matchability")
    takes_pairs: ClassVar[bool] = True
    criterion: str = "flow_error_px"
    fixed: ClassVar[tuple[str, ...]] = ("widths",)

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._targets: dict[tuple[int, ...], torch.Tensor] = {}  # by size

    def opened(self, dataset: Dataset) -> None:
        """Sides that four halvings divide, and of a dataset of photos the mean face to which its flow leads."""
        height, width = dataset.layout.size
        if height % 16 or width % 16:
            raise DatasetError(
                f"{dataset.path}: pictures of {height} x {width}; dfc needs sides that are multiples of 16"
            )
        if dataset.template.mean_face.size:
            target = normalised(dataset.template.mean_face)
            if not torch.equal(self._targets.setdefault((height, width), target), target):
                raise DatasetError(
                    f"{dataset.path}: its flow leads to another mean face than that of the other datasets of the run; "
                    "make them with one model"
                )

    def item(self, arrays: Arrays, random: np.random.Generator | None) -> Item:
        """source, target (3, H, W), flow (2, H, W), code (H, W); the target of a photo is the mean face."""
        flow, codes = arrays["flow"], arrays["matchability"]
        if "source_image" in arrays:
            source, target = arrays["source_image"], normalised(arrays["target_image"])
        else:
            source, target = arrays["image"], self._targets[codes.shape]
            if self.options.augment is not None and random is not None:
                chosen = sample_augmentation(self.options.augment, int(random.integers(2**62)), 0, codes.shape)
                source, flow, codes = moved_photo(source, flow, codes, chosen)
        planes = torch.from_numpy(np.ascontiguousarray(flow.transpose(2, 0, 1)))
        return {
            "source": normalised(source),
            "flow": planes,
            "code": torch.from_numpy(codes.copy()),
            "target": target,
        }

    def build(self) -> nn.Module:
        """The network."""
        return CorrespondenceNet(self.options.widths, self.options.shared)

    def begin_stage(self, network: nn.Module, options: Mapping[str, Any]) -> None:
        """`shared: false` gives the target an encoder of its own, which begins as a copy."""
        super().begin_stage(network, options)
        assert isinstance(network, CorrespondenceNet)
        if not self.options.shared:
            network.unshare()

    def predict(self, network: nn.Module, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Flow (B, 2, H, W) px and logits of matchability (B, 2, H, W)."""
        flow, logits = network(batch["source"], batch["target"])
        return flow * self.options.flow_scale, logits

    def losses(self, network: nn.Module, batch: Batch) -> Losses:
        """Flow error where pixels match, and cross-entropy."""
        flow, logits = self.predict(network, batch)
        used = batch["code"] != IGNORED
        found = flow_matchability_loss(
            flow, logits, batch["flow"], self._matchable(batch), self.options.weight, used, self.options.squared
        )
        return {"total": found.total, "flow": found.flow, "matchability": found.matchability}

    def measures(self, network: nn.Module, batch: Batch) -> dict[str, Measure]:
        """flow_error_px: end-point error of matchable pixels; affine_error_px: of the affine map that fits each pair's
        truth best; matchable_iou, and hidden_iou of face pixels that do not match."""
        flow, logits = self.predict(network, batch)
        matchable = self._matchable(batch)
        distance = (flow - batch["flow"]).norm(dim=1)[matchable]
        affine = torch.stack([affine_flow(*pair) for pair in zip(batch["flow"], matchable, strict=True)])
        affine_distance = (affine - batch["flow"]).norm(dim=1)[matchable]
        said = logits.argmax(dim=1) == 1
        used = batch["code"] != IGNORED
        face = used & (batch["code"] > 0)
        hidden = torch.isin(batch["code"], torch.tensor(UNMATCHED, dtype=batch["code"].dtype, device=said.device))
        return {
            "flow_error_px": Measure(float(distance.sum()), len(distance)),
            "affine_error_px": Measure(float(affine_distance.sum()), len(distance)),
            "matchable_iou": overlap(said & used, matchable & used),
            "hidden_iou": overlap(~said & face, hidden & face),
        }

    def pictures(self, network: nn.Module, batch: Batch) -> NDArray[np.uint8]:
        """Rows of source, target, true flow, predicted flow where it matches, true and predicted matchability."""
        some = {name: plane[:6] for name, plane in batch.items()}
        flow, logits = self.predict(network, some)
        matchable, said = self._matchable(some), logits.softmax(dim=1)[:, 1]
        rows = []
        for n in range(len(flow)):
            mask = matchable[n].cpu().numpy()
            fields = [field[n].permute(1, 2, 0).cpu().numpy() for field in (some["flow"], flow)]
            reach = float(np.linalg.norm(fields[0][mask], axis=-1).max(initial=1.0))
            colours = [colour_flow(np.where(mask[..., None], field, np.nan), reach) for field in fields]
            grey = [
                np.repeat((255 * plane.cpu().numpy()).astype(np.uint8)[..., None], 3, axis=-1)
                for plane in (matchable[n].float(), said[n])
            ]
            rows.append(
                np.concatenate([pixels_of(some["source"][n]), pixels_of(some["target"][n]), *colours, *grey], axis=1)
            )
        return np.concatenate(rows)

    def _matchable(self, batch: Batch) -> torch.Tensor:
        codes = torch.tensor(MATCHABILITY_POLICIES[self.options.policy], dtype=batch["code"].dtype)
        return torch.isin(batch["code"], codes.to(batch["code"].device))


def affine_flow(flow: torch.Tensor, matchable: torch.Tensor) -> torch.Tensor:
    """(2, H, W): the affine field that fits a flow (2, H, W) at matchable pixels (H, W) best."""
    height, width = matchable.shape
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    plane = torch.stack([x, y, torch.ones_like(x)], dim=-1).to(flow.device, torch.float64)
    if int(matchable.sum()) < 3:
        return torch.zeros_like(flow)
    coefficients = torch.linalg.lstsq(plane[matchable], flow[:, matchable].T.double()).solution
    return (plane @ coefficients).permute(2, 0, 1).to(flow.dtype)


def overlap(first: torch.Tensor, second: torch.Tensor) -> Measure:
    """Intersection over union of two masks, as a measure: sums over batches are sums over pixels."""
    return Measure(float((first & second).sum()), int((first | second).sum()))
