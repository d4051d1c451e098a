"""Ablation tables: what is compared, on which data, for how many updates, and what the paper says."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from synthgen.recipe.load import load_section
from synthgen.recipe.section import FilePath, Integer, Number, Section, problem
from training.methods.registry import open_method
from training.recipe import TrainingRecipe, load_training_recipe


class DataOrder(Section):
    """How a dataset folder is made where it is missing: a recipe of synthgen, how many samples, and changes.

    renders: a dataset whose pictures serve as photos; they and the file of their fittings, which `set` names as
    fittings.path, are written into `photos` first.
    """

    recipe: FilePath
    count: Integer | None = Field(default=None, ge=1)
    set: tuple[str, ...] = ()
    renders: FilePath | None = None
    photos: FilePath | None = None


class Budget(Section):
    """updates: of the weights, equal for all rows, divided among the stages as in the recipe; seeds: runs of each row;
    evaluations: of the longest stage of a run, for its curve."""

    updates: Integer = Field(ge=1)
    seeds: Integer = Field(ge=1)
    evaluations: Integer = Field(default=4, ge=1)


class Row(Section):
    """One line of a table.

    set: changes of the training recipe; of: another row, whose runs this one reads instead of its own, with `options`
    of the method when it is evaluated, at the end of `stage`, or with a measure under another name (`measures`: shown
    name -> measured name); paper: column -> its number.
    """

    title: str
    set: tuple[str, ...] = ()
    of: str | None = None
    options: dict[str, Any] = {}
    stage: str | None = None
    measures: dict[str, str] = {}
    paper: dict[str, Number] = {}

    @model_validator(mode="after")
    def _own_runs_or_anothers(self) -> Self:
        if self.of is not None and self.set:
            raise problem("a row of another row's runs cannot change the recipe", "set")
        if self.of is None and (self.options or self.stage is not None):
            raise problem("`options` and `stage` belong to a row `of` another row's runs")
        return self


class Claim(Section):
    """`better` has a better `measure` (the table's first by default) than `than`; says: in words; paper: its figure."""

    better: str
    than: str
    measure: str | None = None
    says: str
    paper: str = ""


class AblationTable(Section):
    """One table.

    source: of the paper; recipe: of the training that rows change; set: changes of all rows; datasets: folder -> how it
    is made; measures: columns, the first judges; higher: those of them that are better when higher; percent: those that
    are shown as such.
    """

    title: str
    source: str
    recipe: FilePath
    set: tuple[str, ...] = ()
    datasets: dict[str, DataOrder]
    measures: tuple[str, ...] = Field(min_length=1)
    higher: tuple[str, ...] = ()
    percent: tuple[str, ...] = ()
    budgets: dict[str, Budget] = Field(min_length=1)
    rows: dict[str, Row] = Field(min_length=1)
    claims: tuple[Claim, ...] = ()
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        own = {name for name, row in self.rows.items() if row.of is None}
        for name, row in self.rows.items():
            if row.of is not None and row.of not in own:
                raise problem("row {name} is of {other}, which is no row with runs", "rows", name=name, other=row.of)
        for claim in self.claims:
            for name in (claim.better, claim.than):
                if name not in self.rows:
                    raise problem("a claim is about {name}, which is no row", "claims", name=name)
            if claim.measure is not None and claim.measure not in self.measures:
                raise problem("a claim is about {name}, which is no measure", "claims", name=claim.measure)
        for key, names in (("higher", self.higher), ("percent", self.percent)):
            if unknown := set(names) - set(self.measures):
                raise problem("{names} are no measures", key, names=", ".join(sorted(unknown)))
        return self


def load_table(path: str | Path) -> AblationTable:
    """The table in a YAML file. Raises RecipeError with every problem, `file:line:col: key: ...`."""
    return load_section(path, AblationTable)


def row_recipe(table: AblationTable, name: str, seed: int, budget: Budget) -> TrainingRecipe:
    """The training recipe of a row's run: stages share the updates of the budget as they share the recipe's.

    Raises RecipeError for a change that the recipe or the method does not take.
    """
    changes = (*table.set, *table.rows[name].set)
    recipe = load_training_recipe(table.recipe, changes)
    kept = {
        stage: open_method(recipe.method, recipe.stage_options(content)).updates_per_step
        for stage, content in recipe.stages.items()
    }
    total = sum(content.steps * kept[stage] for stage, content in recipe.stages.items())
    stages = {}
    for stage, content in recipe.stages.items():
        updates = budget.updates * content.steps * kept[stage] / total
        stages[stage] = content.model_copy(update={"steps": max(round(updates / kept[stage]), 1)})
    every = max(max(stage.steps for stage in stages.values()) // budget.evaluations, 1)
    return recipe.model_copy(
        update={"seed": seed, "stages": stages, "evaluate_every": every, "keep_every": every * budget.evaluations}
    )


@dataclass(frozen=True)
class Cost:
    """What a run takes. updates: that its weights keep; gradients: computed for them, those of looking ahead that are
    thrown away among them; samples: looked at, repeated ones each time."""

    updates: int
    gradients: int
    samples: int


def cost_of(recipe: TrainingRecipe) -> Cost:
    """The cost of a run of a recipe."""
    updates = gradients = samples = 0
    for stage in recipe.stages.values():
        method = open_method(recipe.method, recipe.stage_options(stage))
        updates += stage.steps * method.updates_per_step
        gradients += stage.steps * method.gradients_per_step
        samples += stage.steps * method.batches_per_step * recipe.batch_size
    return Cost(updates, gradients, samples)
