"""The training loop, on Lightning Fabric: steps, evaluations, checkpoints and a log, for any method."""

import copy
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from synthgen.core.errors import FingerprintError, LabelError, UsageError
from synthgen.dataset.reader import Dataset, open_dataset
from training.checkpoint import load_checkpoint, load_weights, recovered, save_checkpoint
from training.data import Layout, PhotosOf, TrainingData, open_training_dataset, validation_batches
from training.devices import AveragedGradients, average_gradients, mean_over_devices, share_batch_norm
from training.initial_weights import load_initial_weights
from training.journal import LOG, Journal, last_measures, read_log
from training.method import Batch, Losses, Measure, Method, Moved
from training.methods.registry import open_method
from training.progress import Report, training_progress
from training.rate import learning_rate
from training.recipe import Optimizer, Stage, TrainingRecipe
from training.same_data import check_alike, check_identity, identity

LAST, BEST = "last", "best"
BAD_BATCH, INIT = "bad_batch.safetensors", "init.json"


@dataclass(frozen=True)
class RunOptions:
    """devices: how many; accelerator: as Fabric names it; workers: loader processes of each device; resume: go on with
    what the folder holds; most_steps: stop there, as if interrupted (tests); cache: keep decoded samples in memory,
    as many as 2 GB hold, where there are no workers; progress: a bar, on a terminal."""

    devices: int = 1
    accelerator: str = "auto"
    workers: int = 0
    resume: bool = False
    most_steps: int | None = None
    cache: bool = True
    progress: bool = False


@dataclass(frozen=True)
class TrainingResult:
    """network: trained; measures: of the last evaluation, empty without validation data; steps: taken in all."""

    network: nn.Module
    measures: dict[str, float]
    steps: int


def train(recipe: TrainingRecipe, folder: Path, options: RunOptions | None = None) -> TrainingResult:
    """Train a method; `folder` receives checkpoints (last, best), log.jsonl, TensorBoard's files and pictures.

    Raises DatasetError for data that do not fit the method, UsageError, FingerprintError for a folder of another
    recipe, LabelError when a loss is not finite (its batch is saved).
    """
    options = options or RunOptions()
    fabric = _fabric(recipe, options)
    fabric.launch()
    run = _Run(fabric, recipe, folder, options)
    steps = sum(stage.steps for stage in recipe.stages.values())
    with run.journal, training_progress(steps, options.progress and fabric.is_global_zero) as run.report:
        return run.run()


def _fabric(recipe: TrainingRecipe, options: RunOptions) -> Fabric:
    """Raises UsageError for devices that this machine has not."""
    strategy = AveragedGradients() if options.devices > 1 else "auto"
    try:
        return Fabric(
            accelerator=options.accelerator, strategy=strategy, devices=options.devices, precision=recipe.precision
        )
    except Exception as error:  # Fabric has its own error, and others for other reasons
        raise UsageError(
            f"--accelerator {options.accelerator}, --devices {options.devices}, precision {recipe.precision}: "
            f"this machine cannot: {error}"
        ) from error


class _Run:
    """One run: what `method.Steps` offers to a method, and the loop itself."""

    def __init__(self, fabric: Fabric, recipe: TrainingRecipe, folder: Path, options: RunOptions) -> None:
        self.fabric, self.recipe, self.folder, self.options = fabric, recipe, folder, options
        self._state = self._open_folder()
        torch.manual_seed(recipe.seed)
        self.method: Method = open_method(recipe.method, recipe.options)
        first = open_training_dataset(self.method, next(iter(recipe.stages.values())).data)
        self._check_data(first)
        self._data_identity = identity(first)
        self.method.prepare(first)
        self._plain = self.method.build()
        if recipe.channels_last:
            self._plain.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if recipe.init_from is not None and not self._state:
            self._begin_from(recipe.init_from)
        if fabric.world_size > 1 and recipe.batch_norm == "all_devices":
            share_batch_norm(self._plain)
        self.network: nn.Module = self._plain
        self.optimizers: dict[str, Any] = {}
        self._specs: dict[str, Optimizer] = {}
        self._photos: TrainingData | None = None
        self.journal = Journal(folder, fabric.is_global_zero)
        self.report: Report = lambda number, samples, values: None
        self._total = self._samples = 0
        self._best = float("inf")

    def _check_data(self, first: Dataset) -> None:
        """Raise DatasetError or FingerprintError, before any work, where the datasets of the recipe do not suit the
        method, each other, or what the folder holds."""
        check_identity(self.folder, self._state.get("dataset"), first)
        others = [stage.data for stage in self.recipe.stages.values()]
        others += [self.recipe.validation] if self.recipe.validation is not None else []
        for folder in dict.fromkeys(others):
            check_alike(self.method, first, open_training_dataset(self.method, folder))
        for stage in self.recipe.stages.values():
            if stage.photos is not None:
                check_alike(self.method, first, open_dataset(stage.photos), of_faces=False)

    def _begin_from(self, source: str) -> None:
        """Weights of a file; `init.json` tells which were taken."""
        report = load_initial_weights(self._plain, load_weights(Path(source)), source, self.recipe.init_map)
        if self.fabric.is_global_zero:
            (self.folder / INIT).write_text(json.dumps(report.content(), indent=1) + "\n", encoding="utf-8")
            sys.stderr.write(f"{source}: {report}; {self.folder / INIT} names them\n")

    def run(self) -> TrainingResult:
        """All stages, from the beginning or from where the folder stands."""
        measures: dict[str, float] = {}
        begin_stage, begin_step = self._state.get("stage", 0), self._state.get("step", 0)
        steps = [stage.steps for stage in self.recipe.stages.values()]
        self.journal.begin(sum(steps[:begin_stage]) + begin_step)
        self._best = self._state.get("best", self._best)
        for number, (name, stage) in enumerate(self.recipe.stages.items()):
            self.method.begin_stage(self._plain, self.recipe.stage_options(stage))
            if number < begin_stage:
                self._count(stage.steps)
                continue
            data = self._begin(stage, number == begin_stage)
            first = begin_step if number == begin_stage else 0
            self._count(first)
            for step in range(first, stage.steps):
                if self.options.most_steps is not None and self._total >= self.options.most_steps:
                    self._keep(number, step, data)
                    return TrainingResult(self._plain, measures, self._total)
                self._take(name, stage, step, data)
                last = step + 1 == stage.steps
                if last or (step + 1) % self.recipe.evaluate_every == 0:
                    measures = self._evaluate(name) or measures
                if last or (step + 1) % self.recipe.keep_every == 0:
                    self._keep(number, step + 1, data)
        # A run that was finished before takes no step and measures nothing again.
        return TrainingResult(self._plain, measures or last_measures(read_log(self.folder / LOG)), self._total)

    def _count(self, steps: int) -> int:
        """Add steps of the current stage, taken now or before; the samples that they look at."""
        samples = steps * self.recipe.batch_size * self.method.batches_per_step
        self._total += steps
        self._samples += samples
        return samples

    # --- what a method may ask for ------------------------------------------------------------------------------

    def move(self, losses: Losses, optimizer: str = "main", last: bool = True) -> None:
        """See method.Steps."""
        self.fabric.backward(losses["total"])
        if last:
            moving = self.optimizers[optimizer]
            average_gradients(parameter for group in moving.param_groups for parameter in group["params"])
            moving.step()
            for every in self.optimizers.values():
                every.zero_grad()

    def snapshot(self) -> dict[str, Any]:
        """See method.Steps."""
        return copy.deepcopy(
            {
                "network": self.network.state_dict(),
                "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            }
        )

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """See method.Steps."""
        self.network.load_state_dict(snapshot["network"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(copy.deepcopy(snapshot["optimizers"][name]))

    # --- the loop -----------------------------------------------------------------------------------------------

    def _begin(self, stage: Stage, resumed: bool) -> TrainingData:
        """Data and optimisers of a stage."""
        layout = Layout(
            self.fabric.global_rank,
            self.fabric.world_size,
            self.recipe.accumulate,
            self.options.workers,
            self.recipe.window,
            self.options.cache,
        )
        data = TrainingData(self.method, stage.data, self.recipe.seed, self.recipe.batch_size, layout, stage.samples)
        self._photos = None
        if stage.photos is not None:
            count = max(round(self.recipe.batch_size * stage.photos_share), 1)
            self._photos = TrainingData(
                PhotosOf(self.method, stage.photos_most), stage.photos, self.recipe.seed, count, layout
            )
        if resumed and self._state:
            self._plain.load_state_dict(self._weights)
        self._specs = self.method.optimizers(stage.optimizer)
        moved = self.method.optimized(self._plain)
        made = {name: make_optimizer(spec, moved[name]) for name, spec in self._specs.items()}
        network, *wrapped = self.fabric.setup(self._plain, *made.values())
        self.network, self.optimizers = network, dict(zip(made, wrapped, strict=True))
        if resumed and self._state:
            for name, optimizer in self.optimizers.items():
                optimizer.load_state_dict(self._kept_optimizers[name])
            data.resume(self._state["data"])
            if self._photos is not None:
                self._photos.resume(self._state["photos"])
        return data

    def _take(self, name: str, stage: Stage, step: int, data: TrainingData) -> None:
        rates = {optimizer: learning_rate(spec, step, stage.steps) for optimizer, spec in self._specs.items()}
        for optimizer, moving in self.optimizers.items():
            for group in moving.param_groups:
                group["lr"] = rates[optimizer] * group.get("factor", 1.0)
        started = perf_counter()
        parts = [self._on_device(self._next(data)) for _ in range(self.method.batches_per_step)]
        loaded = perf_counter()
        self.network.train()
        own = self.method.step(self, parts)
        samples = self._count(1)
        # One copy for all of them: each would wait for the device.
        means = mean_over_devices(torch.stack([loss.detach().float() for loss in own.values()])).tolist()
        values = dict(zip(own, means, strict=True))
        if not all(isfinite(mean) for mean in means):
            self._abort(values, own, parts)
        seconds = {"loading_s": loaded - started, "step_s": perf_counter() - loaded}
        told = {"stage": name, "samples": self._samples, "rate": rates["main"], **values, **seconds}
        self.journal.step(self._total, told)
        self.report(self._total, samples, told)

    def _next(self, data: TrainingData) -> list[Batch]:
        parts = data.next()
        if self._photos is None:
            return parts
        return [
            {**part, **{f"photo_{key}": plane for key, plane in photos.items()}}
            for part, photos in zip(parts, self._photos.next(), strict=True)
        ]

    def _on_device(self, parts: list[Batch]) -> list[Batch]:
        return [{key: plane.to(self.fabric.device) for key, plane in part.items()} for part in parts]

    def _abort(self, losses: Mapping[str, float], own: Losses, batches: list[list[Batch]]) -> None:
        """Save all that the step looked at on this device, part after part, and raise LabelError."""
        from safetensors.torch import save_file

        file = self.folder / BAD_BATCH
        if not all(bool(torch.isfinite(loss).all()) for loss in own.values()):  # else another device's batch was bad
            parts = [part for batch in batches for part in batch]
            save_file({name: torch.cat([part[name].detach().cpu() for part in parts]) for name in parts[0]}, file)
        named = ", ".join(f"{name} {loss:g}" for name, loss in losses.items())
        raise LabelError(
            f"step {self._total}: a loss is not finite ({named}); its batch is in {file}; lower the learning rate, or "
            "look for labels that are not finite with synthgen verify --deep"
        )

    def _evaluate(self, stage: str) -> dict[str, float]:
        if self.recipe.validation is None:
            return {}
        # Mixed precision is for training: a checkpoint is used, and so measured, in single precision.
        network = self._plain if self.recipe.precision.endswith("mixed") else self.network
        measures, picture = evaluate(self.method, network, self.recipe.validation, self.fabric.device)
        values = {name: measure.value for name, measure in measures.items()}
        self.journal.evaluation(self._total, {"stage": stage, **values}, picture)
        judged = values[self.method.criterion] * (1.0 if self.method.lower_is_better else -1.0)
        if judged < self._best and self.fabric.is_global_zero:
            self._best = judged
            save_checkpoint(self.folder / BEST, self._plain.state_dict(), {}, self._facts(0, 0, {}, values))
        return values

    def _keep(self, stage: int, step: int, data: TrainingData) -> None:
        if self.fabric.is_global_zero:
            optimizers = {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()}
            facts = self._facts(stage, step, data.state(), {})
            if self._photos is not None:
                facts["photos"] = self._photos.state()
            save_checkpoint(self.folder / LAST, self._plain.state_dict(), optimizers, facts)
        self.fabric.barrier()

    def _facts(self, stage: int, step: int, data: Mapping[str, int], measures: Mapping[str, float]) -> dict[str, Any]:
        return {
            "recipe": self.recipe.model_dump(mode="json"),
            "stage": stage,
            "step": step,
            "data": dict(data),
            "best": self._best,
            "measures": dict(measures),
            "method": self.method.facts(),
            "dataset": self._data_identity,
        }

    def _open_folder(self) -> dict[str, Any]:
        """The state to go on from; empty for a new run."""
        last = self.folder / LAST
        self._weights: dict[str, torch.Tensor] = {}
        if not recovered(last):
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UsageError(f"{self.folder} cannot be a folder for the run: {error.strerror}") from error
            return {}
        if not self.options.resume:
            raise UsageError(f"{self.folder} holds a run; go on with --resume, or choose another folder")
        self._weights, self._kept_optimizers, state = load_checkpoint(last)
        if state.get("recipe") != json.loads(json.dumps(self.recipe.model_dump(mode="json"))):
            raise FingerprintError(f"{self.folder} holds a run of another recipe; choose another folder")
        return state


def evaluate(
    method: Method, network: nn.Module, folder: str, device: torch.device, batch_size: int = 32
) -> tuple[dict[str, Measure], Any]:
    """Measures of a network on every sample of a dataset, and a picture of the first batch or None."""
    dataset = open_training_dataset(method, folder)
    network.eval()
    sums: dict[str, Measure] = {}
    picture = None
    with torch.no_grad():
        for number, batch in enumerate(validation_batches(method, dataset, batch_size)):
            placed = {name: plane.to(device) for name, plane in batch.items()}
            for name, measure in method.measures(network, placed).items():
                before = sums.get(name, Measure(0.0, 0))
                sums[name] = Measure(before.total + measure.total, before.count + measure.count)
            if number == 0:
                picture = method.pictures(network, placed)
    return sums, picture


def make_optimizer(spec: Optimizer, moved: Moved) -> torch.optim.Optimizer:
    """The optimiser of a stage; moved: parameters, or groups of them with a `factor` for their rate."""
    parameters = list(moved)
    if spec.kind == "adam":
        return torch.optim.Adam(parameters, spec.learning_rate, weight_decay=spec.weight_decay)
    return torch.optim.SGD(
        parameters, spec.learning_rate, spec.momentum, weight_decay=spec.weight_decay, nesterov=spec.nesterov
    )
