"""Training recipes: what is trained, on which datasets, in which stages."""

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from synthgen.recipe.load import load_section
from synthgen.recipe.section import FilePath, Flag, Integer, Number, Section, problem

MethodName = Literal["dfc", "densereg", "dal2d", "tddfa_v2", "anisotropic"]


class Optimizer(Section):
    """How weights move.

    schedule: the rate over a stage, `constant`, `polynomial` (1 - t) ** power, `exponential` decay ** t or `steps`
    (times `decay` at each of `milestones`), t and milestones in shares of the stage. warm_up: steps in which the rate
    grows from 0, or stays at `warm_up_share` of itself (densereg's warm start).
    """

    kind: Literal["sgd", "adam"] = "sgd"
    learning_rate: Number = Field(gt=0)
    momentum: Number = Field(default=0.9, ge=0, lt=1)
    nesterov: Flag = False
    weight_decay: Number = Field(default=0.0, ge=0)
    schedule: Literal["constant", "polynomial", "exponential", "steps"] = "constant"
    power: Number = Field(default=0.9, gt=0)
    decay: Number = Field(default=0.1, gt=0, le=1)
    milestones: tuple[Number, ...] = ()
    warm_up: Integer = Field(default=0, ge=0)
    warm_up_share: Number | None = Field(default=None, gt=0, le=1)


class Stage(Section):
    """A part of training with its own data and rate.

    data: dataset folder; samples: only the first so many of it are used; photos: a second one, of which dal2d takes
    pictures and landmarks alone; photos_share: how many of them go with a sample of the first; photos_most: only so
    many are used, and a smaller number are some of a larger one; steps: how many; options: of the method, over those of
    the recipe.
    """

    data: FilePath
    samples: Integer | None = Field(default=None, ge=1)
    photos: FilePath | None = None
    photos_share: Number = Field(default=1.0, gt=0)
    photos_most: Integer | None = Field(default=None, ge=1)
    steps: Integer = Field(ge=1)
    optimizer: Optimizer
    options: dict[str, Any] = {}


class TrainingRecipe(Section):
    """Everything that decides the weights.

    batch_size: samples of a step, of all devices and accumulated parts together; accumulate: parts of a step on each
    device, each normalised by itself; batch_norm: over the batch of all devices, so that their number changes nothing,
    or of each; precision: as Fabric names it; channels_last: weights laid out pixel by pixel, which is a third faster
    on CPUs for networks without depthwise layers; validation: dataset folder; evaluate_every: steps; keep_every: steps
    between checkpoints; window: shards that are mixed at a time; init_from: checkpoint or .safetensors file whose
    weights the network begins with; init_map: how names of its tensors become those of the network, see
    initial_weights.mapped_name: the name of a known map, rules {regular expression: replacement, or null to leave out},
    or several of both in order; options: of the method and its network; stages: in order, each by its name, and null
    leaves out one of a recipe that is extended.
    """

    method: MethodName
    seed: Integer = Field(default=0, ge=0, lt=2**63)
    batch_size: Integer = Field(ge=1)
    accumulate: Integer = Field(default=1, ge=1)
    precision: Literal["32-true", "64-true", "16-mixed", "bf16-mixed"] = "32-true"
    channels_last: Flag = False
    batch_norm: Literal["all_devices", "each_device"] = "all_devices"
    validation: FilePath | None = None
    evaluate_every: Integer = Field(default=500, ge=1)
    keep_every: Integer = Field(default=500, ge=1)
    window: Integer = Field(default=16, ge=1)
    init_from: FilePath | None = None
    init_map: tuple[Literal["torchvision_resnet", "tddfa_v2_mobilenet"] | dict[str, str | None], ...] = ()
    options: dict[str, Any] = {}
    stages: dict[str, Stage] = Field(min_length=1)

    @field_validator("init_map", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, str | dict) else value

    @field_validator("init_map")
    @classmethod
    def _check_patterns(cls, value: tuple[str | dict[str, str | None], ...]) -> object:
        for rules in value:
            for pattern, replacement in rules.items() if isinstance(rules, dict) else ():
                try:
                    re.sub(pattern, replacement or "", "")
                except (re.error, IndexError) as error:
                    raise problem("`{pattern}` is no rule: {why}", pattern=pattern, why=error) from None
        return value

    @field_validator("stages", mode="before")
    @classmethod
    def _without_those_left_out(cls, value: object) -> object:
        """A recipe that extends another leaves a stage out by saying that it is null."""
        return {name: stage for name, stage in value.items() if stage is not None} if isinstance(value, dict) else value

    def stage_options(self, stage: Stage) -> dict[str, Any]:
        """The options of the method in a stage."""
        return {**self.options, **stage.options}


def problems_of(error: ValidationError, *section: str) -> list[str]:
    """`key.key: what is wrong with it` of a section that came from no file."""
    return [f"{'.'.join((*section, *map(str, detail['loc'])))}: {detail['msg']}" for detail in error.errors()]


def load_training_recipe(path: str | Path, overrides: tuple[str, ...] = ()) -> TrainingRecipe:
    """The recipe in a YAML file, with `extends` and overrides (`stages.pairs.steps=10`) as in recipes of datasets.

    Paths inside belong to the current folder. Raises RecipeError with every problem, `file:line:col: key: ...`.
    """
    return load_section(path, TrainingRecipe, overrides)
