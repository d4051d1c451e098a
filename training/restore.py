"""A checkpoint -> the method and network that it holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import nn

from synthgen.core.errors import DatasetError, RecipeError
from synthgen.dataset.reader import Dataset
from training.checkpoint import load_checkpoint
from training.data import open_training_dataset
from training.method import Method
from training.methods.registry import open_method
from training.recipe import Stage, TrainingRecipe, problems_of
from training.same_data import check_identity


@dataclass(frozen=True)
class Restored:
    """method: with its options as they were; network: in evaluation mode; recipe; size: (H, W) of its pictures; facts:
    what the checkpoint says of its method; dataset: that it was trained on, of dfc the last one with its encoders."""

    method: Method
    network: nn.Module
    recipe: TrainingRecipe
    size: tuple[int, int]
    facts: dict[str, Any]
    dataset: Dataset


def restore(folder: Path, changes: Mapping[str, Any] | None = None) -> Restored:
    """The content of a checkpoint. Its first dataset must be there, for the model and the statistics.

    changes: options of the method that differ from those of training, such as how its outputs are decoded.
    Raises DatasetError when the checkpoint or the dataset cannot be read, or does not hold this method's weights;
    RecipeError for an option that the method does not have.
    """
    weights, _, state = load_checkpoint(folder)
    recipe, trained_with = _described(folder, state)
    stages = list(recipe.stages.values())
    options = {**trained_with, **(changes or {})}
    method = open_method(recipe.method, options)
    try:
        dataset = open_training_dataset(method, stages[0].data)
    except DatasetError as error:
        raise DatasetError(
            f"{folder} was trained on {stages[0].data}, whose model and statistics it needs: {error}"
        ) from error
    check_identity(folder, state.get("dataset"), dataset)
    method.prepare(dataset)
    network = method.build()
    method.begin_stage(network, options)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise DatasetError(f"{folder}: the weights are not those of {recipe.method}: {error}") from error
    alike = [stage for stage in stages if _shared(recipe, stage) == trained_with.get("shared")]
    if alike and alike[-1].data != stages[0].data:
        dataset = open_training_dataset(method, alike[-1].data)
    height, width = dataset.layout.size
    return Restored(method, network.eval(), recipe, (height, width), state["method"], dataset)


def _described(folder: Path, state: dict[str, Any]) -> tuple[TrainingRecipe, dict[str, Any]]:
    """The recipe and the method's options of a checkpoint. Raises DatasetError for one of another version."""
    try:
        recipe, options = TrainingRecipe.model_validate(state["recipe"]), dict(state["method"]["options"])
        open_method(recipe.method, options)
    except (ValidationError, RecipeError, LookupError, TypeError, ValueError) as error:
        told = "; ".join(problems_of(error)) if isinstance(error, ValidationError) else f"{error}"
        told = f"no {told}" if isinstance(error, KeyError) else told
        raise DatasetError(f"{folder} is of another version of training: its recipe cannot be read: {told}") from error
    return recipe, options


def _shared(recipe: TrainingRecipe, stage: Stage) -> bool:
    """dfc's: whether both pictures have one encoder in a stage. A checkpoint does not say which stage it is of."""
    return bool(recipe.stage_options(stage).get("shared", True))
