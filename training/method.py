"""What a method is to the loop: labels it needs, items and batches, a network, losses and measures."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import nn

from synthgen.core.errors import DatasetError, RecipeError
from synthgen.dataset.layout import frame_prefix
from synthgen.dataset.reader import Dataset
from synthgen.predict.card import LEVEL, SPAN
from synthgen.recipe.section import Section
from training.recipe import Optimizer, problems_of

Arrays = dict[str, NDArray[Any]]
Item = dict[str, torch.Tensor]
Batch = dict[str, torch.Tensor]
Losses = dict[str, torch.Tensor]
Moved = Iterable[Any]  # parameters, or groups of them as torch's optimisers take them


class Steps(Protocol):
    """How a method moves the weights: given by the loop."""

    network: nn.Module

    def move(self, losses: Losses, optimizer: str = "main", last: bool = True) -> None:
        """Gradients of losses["total"] are added; with `last` the optimiser of that name takes a step."""

    def snapshot(self) -> dict[str, Any]:
        """Weights and optimisers as they are, to go back to."""

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go back to a snapshot."""


class Labelled(Protocol):
    """Who needs labels."""

    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def takes_pairs(self) -> bool: ...
    @property
    def takes_clips(self) -> bool: ...


@dataclass(frozen=True)
class Measure:
    """One number of an evaluation as a sum over samples: value = total / count."""

    total: float
    count: int

    @property
    def value(self) -> float:
        """The mean; NaN of nothing."""
        return self.total / self.count if self.count else float("nan")


class Method(ABC):
    """Base of the five methods. Options are a Section of the method's own, `Options`."""

    name: ClassVar[str]
    Options: ClassVar[type[Section]]
    labels: tuple[str, ...]
    labels_if_there: ClassVar[tuple[str, ...]] = ()  # read from datasets that hold them
    takes_pairs: ClassVar[bool] = False  # datasets of kind pairs, whose pictures are source_image and target_image
    takes_clips: ClassVar[bool] = False  # datasets of kind video, whose pictures are frame0_image, frame1_image ...
    same_model: ClassVar[bool] = False  # datasets used together must be of one model and template
    same_size: ClassVar[bool] = False  # and their pictures equally large
    lower_is_better: ClassVar[bool] = True
    fixed: ClassVar[
        tuple[str, ...]
    ] = ()  # options that decide the network or what `prepare` finds: equal in all stages
    criterion: str  # the measure by which checkpoints are compared

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = self._begun = self.parse(options)

    def parse(self, options: Mapping[str, Any]) -> Any:
        """The options as a section. Raises RecipeError naming the key."""
        try:
            return self.Options.model_validate(dict(options))
        except ValidationError as error:
            raise RecipeError([f"{self.name}: {line}" for line in problems_of(error, "options")]) from None

    def opened(self, dataset: Dataset) -> None:
        """Look at any dataset before its samples come. Raises DatasetError for one that does not suit the method."""
        return  # most have nothing to look at

    def prepare(self, dataset: Dataset) -> None:
        """Look at the training data once, before the network is built. Raises DatasetError for what it lacks."""
        return  # most have nothing to look at

    @abstractmethod
    def item(self, arrays: Arrays, random: np.random.Generator | None) -> Item:
        """A sample as the network takes it; random: for augmentation, None when evaluating."""

    @abstractmethod
    def build(self) -> nn.Module:
        """A new network."""

    def optimized(self, network: nn.Module) -> dict[str, Moved]:
        """Name of an optimiser -> what it moves: parameters, or groups {"params": ..., "factor": of their rate}."""
        return {"main": network.parameters()}

    def optimizers(self, stage: Optimizer) -> dict[str, Optimizer]:
        """Name -> how it moves weights, in a stage of this optimiser; the names of `optimized`."""
        return {"main": stage}

    def chosen(self, dataset: Dataset, seed: int) -> NDArray[np.int64] | None:
        """Positions of the samples to train on, some perhaps repeatedly; None for all."""
        return None

    def photo_item(self, arrays: Arrays, random: np.random.Generator | None) -> Item:
        """A sample of a stage's `photos`. Raises RecipeError for a method that has no use for them."""
        raise RecipeError([f"{self.name} takes no photos: remove `photos` from the stage"])

    def begin_stage(self, network: nn.Module, options: Mapping[str, Any]) -> None:
        """Change what a stage changes, before its optimisers are made. Raises RecipeError for what it cannot."""
        changed = self.parse(options)
        unable = [name for name in self.fixed if getattr(changed, name) != getattr(self._begun, name)]
        if unable:
            why = "is the same in all stages: give it in the recipe's options, not a stage's"
            raise RecipeError([f"{self.name}: options.{name} {why}" for name in unable])
        self.options = changed

    @property
    def frames_per_sample(self) -> int:
        """Rows of a batch that a sample fills, when training."""
        return 1

    @property
    def batches_per_step(self) -> int:
        """Batches that a step looks at."""
        return 1

    @property
    def updates_per_step(self) -> int:
        """Updates of the main weights that a step leaves."""
        return 1

    @property
    def gradients_per_step(self) -> int:
        """Updates of the main weights that a step computes, those that it takes back among them."""
        return self.updates_per_step

    @abstractmethod
    def losses(self, network: nn.Module, batch: Batch) -> Losses:
        """Name -> loss, "total" among them."""

    def step(self, steps: Steps, parts: list[list[Batch]]) -> Losses:
        """One step on `batches_per_step` batches of `accumulate` parts each; what is to be logged."""
        (batch,) = parts
        return accumulated(self, steps, batch)

    @abstractmethod
    def measures(self, network: nn.Module, batch: Batch) -> dict[str, Measure]:
        """Name -> sum over the samples of a batch."""

    def facts(self) -> dict[str, Any]:
        """JSON values that a checkpoint carries, from which `restore` makes the method again."""
        return {"options": self.options.model_dump(mode="json")}

    def pictures(self, network: nn.Module, batch: Batch) -> NDArray[np.uint8] | None:
        """(H, W, 3) uint8: predictions on a few samples of a batch, to look at."""
        return None


def accumulated(method: Method, steps: Steps, parts: list[Batch]) -> Losses:
    """One step of the main optimiser on the mean loss of equal parts of a batch."""
    logged: Losses = {}
    for number, part in enumerate(parts, start=1):
        losses = {name: loss / len(parts) for name, loss in method.losses(steps.network, part).items()}
        steps.move(losses, last=number == len(parts))
        for name, loss in losses.items():
            logged[name] = logged.get(name, torch.zeros_like(loss)) + loss.detach()
    return logged


def check_labels(method: Labelled, dataset: Dataset, folder: str) -> None:
    """Raise DatasetError when a dataset lacks a label that a method needs."""
    names = set(dataset.array_names)
    if method.takes_pairs:
        names |= {name.removeprefix("source_") for name in names}
    if method.takes_clips:
        names |= {name.removeprefix(frame_prefix(0)) for name in names}
    missing = [label for label in method.labels if label not in names]
    if missing:
        raise DatasetError(
            f"{folder} has no label {', '.join(missing)}, which {method.name} needs; "
            f"recipes/{method.name}/ holds recipes that make such datasets"
        )


def normalised(picture: NDArray[np.uint8]) -> torch.Tensor:
    """(3, H, W) float32 of a picture (H, W, 3) uint8, as 3DDFA has it: (x - 127.5) / 128."""
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1))
    return (torch.from_numpy(planes).float() - LEVEL) / SPAN


def pixels_of(planes: torch.Tensor) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 of a normalised picture (3, H, W)."""
    pixels: NDArray[np.uint8] = (planes * SPAN + LEVEL).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()
    return pixels
