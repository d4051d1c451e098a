"""`generate`: a recipe becomes a dataset folder, on this computer, resumable at any point."""

from array import array
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Literal

from synthgen.core.errors import UsageError
from synthgen.dataset.index import index_file, shard_file
from synthgen.dataset.manifest import PARAMETERS_FILE, TABLE_FILE, Manifest, ShardRange
from synthgen.dataset.parameter_statistics import write_parameter_statistics
from synthgen.dataset.reader import open_dataset
from synthgen.dataset.table import write_table
from synthgen.pipeline.attempts import Failed, FailureBudget
from synthgen.pipeline.build_shard import Stamp
from synthgen.pipeline.cluster import ClusterSpec
from synthgen.pipeline.lock import run_lock
from synthgen.pipeline.output_folder import (
    existing_manifest,
    make_manifest,
    refuse_foreign_folder,
    refuse_other_recipe,
    shared_location,
    wait_until_visible,
    write_manifest,
)
from synthgen.pipeline.plan import ShardPlan, missing_shards, plan_shards, sound_index
from synthgen.pipeline.publish import LocalStore, Store, open_store, sweep_own, sweep_temporary
from synthgen.pipeline.quarantine import (
    Quarantined,
    quarantine_error,
    quarantined,
    read_quarantine,
    too_many_error,
    write_quarantine,
)
from synthgen.pipeline.renderers import sample_count
from synthgen.pipeline.run_log import RunLog
from synthgen.pipeline.session import RendererSpec
from synthgen.pipeline.signals import terminable
from synthgen.pipeline.worker import Finished, Working
from synthgen.pipeline.workers import InlinePool, Pool, WorkerLimits, WorkerPool
from synthgen.recipe.schema import Recipe


@dataclass(frozen=True)
class GenerateOptions:
    """How to run; nothing here changes the bytes of a sample (but see device).

    count: samples, None for the recipe's; workers: processes, 0 renders in this process; device: "cpu" or "cuda",
    whose labels agree within the tolerances of the label table; resume: go on with what the folder holds;
    factory: the renderer, "module:function", None for that of the recipe's kind; cluster: run on Dask instead of
    processes of this run; budget: how many failures are borne; limits: when a worker process is replaced;
    lock: "own" (nobody else may build here), "break" (take over the lock of another computer that is gone) or "join"
    (help a run that goes on: shards that both build have equal bytes); only: build these shards, whatever is there,
    and no others.
    """

    count: int | None = None
    workers: int = 1
    device: str = "cpu"
    resume: bool = False
    factory: str | None = None
    cluster: ClusterSpec | None = None
    budget: FailureBudget = FailureBudget()
    limits: WorkerLimits = WorkerLimits()
    lock: Literal["own", "break", "join"] = "own"
    only: frozenset[int] | None = None


@dataclass(frozen=True)
class Progress:
    """Where a run stands. present_samples: of earlier runs; done_samples: of this run; bytes: written by this run;
    done_shards, total_shards: of the whole dataset; restarts: workers that died and were replaced; failed: tries of
    shards that failed; quarantined: shards that were given up."""

    present_samples: int
    done_samples: int
    total_samples: int
    bytes: int
    done_shards: int
    total_shards: int
    restarts: int = 0
    failed: int = 0
    quarantined: int = 0


@dataclass(frozen=True)
class RunSummary:
    """What a run did. seconds: wall time; stage_seconds: stage -> seconds summed over workers; bytes: of the tars
    written by this run; peak_bytes: largest resident memory of a worker; cpu_families: those that built it, among which
    labels agree within the tolerances of the label table only."""

    path: str
    fingerprint: str
    total_samples: int
    built_samples: int
    built_shards: int
    present_shards: int
    bytes: int
    seconds: float
    stage_seconds: dict[str, float]
    restarts: int
    peak_bytes: int
    cpu_families: tuple[str, ...] = ()


def generate(
    recipe: Recipe,
    out: str | Path,
    options: GenerateOptions | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> RunSummary:
    """Build the dataset of a recipe in folder (or URL) `out`.

    progress: called after each block of each worker. Raises SynthgenError for anything a user can mend;
    QuarantineError when everything but some shards could be built; KeyboardInterrupt after Ctrl-C and SystemExit(143)
    after SIGTERM, when workers are stopped and temporary files removed.
    """
    options = options or GenerateOptions()
    started = perf_counter()
    count = sample_count(recipe) if options.count is None else options.count
    plan = plan_shards(count, recipe.shard_size)
    if options.workers < 0:
        raise UsageError(f"workers is {options.workers}, expected 0 or more")
    store = open_store(out)
    going_on = options.resume or options.lock == "join"
    refuse_foreign_folder(store, going_on)
    with ExitStack() as stack:
        stack.enter_context(terminable())
        if options.lock != "join":
            stack.enter_context(run_lock(store, options.lock == "break"))
            sweep_temporary(store)
        stack.callback(sweep_own, store)
        existing = existing_manifest(store)
        refuse_other_recipe(store, existing, recipe, count, going_on)
        if options.lock == "join" and existing is None:
            raise UsageError(f"{store.location} holds no dataset to join; start one without --join")
        pool = stack.enter_context(_open_pool(recipe, store, options, len(plan)))
        facts = pool.facts()
        manifest = make_manifest(recipe, count, facts)
        write_manifest(store, existing, manifest, facts)
        log = stack.enter_context(RunLog(store.folder if isinstance(store, LocalStore) else None))
        log.note("start", workers=options.workers, device=options.device, versions=manifest.versions)
        run = _Run(store, manifest, options, progress, log)
        run.build_missing(pool, plan)
        summary = run.summary(perf_counter() - started)
        log.note("end", built_samples=summary.built_samples, seconds=summary.seconds, restarts=summary.restarts)
        run.raise_if_incomplete()
        _write_table(store, run.built_shards > 0)
        return summary


class _Run:
    """The bookkeeping of one run."""

    def __init__(
        self,
        store: Store,
        manifest: Manifest,
        options: GenerateOptions,
        progress: Callable[[Progress], None] | None,
        log: RunLog,
    ) -> None:
        self._store = store
        self._manifest = manifest
        self._options = options
        self._progress = progress
        self._log = log
        self._stamp = Stamp(manifest.fingerprint, {**manifest.versions, "device": options.device})
        self._state = Progress(0, 0, manifest.count, 0, 0, manifest.shards)
        self._in_flight: dict[int, tuple[int, int]] = {}
        self._stages: dict[str, float] = {}
        self._finished_samples = 0
        self._peak = 0
        self._present = 0
        self._quarantined: list[Quarantined] = []
        self._given: Collection[int] = ()
        self._first_failure: Failed | None = None
        self._families = {manifest.cpu_family}
        self.built_shards = 0

    def build_missing(self, pool: Pool, plan: ShardPlan) -> None:
        """Build every shard that is not there."""
        todo, left = missing_shards(self._store, self._manifest, plan, self._options.only)
        self._given = range(len(plan)) if self._options.only is None else self._options.only
        self._present = len(plan) - len(todo)
        missing = sum(plan[shard].stop - plan[shard].start for shard in todo)
        self._state = replace(self._state, present_samples=self._manifest.count - missing)
        if self._options.lock != "join":
            for shard in left:  # what was there is damaged or belongs to nothing
                self._store.remove(index_file(shard))
                self._store.remove(shard_file(shard))
        self._report(pool.restarts)
        with closing(pool.build(self._still_missing(plan, todo), self._stamp)) as events:
            for event in events:
                self._follow(event, pool.restarts)

    def _still_missing(self, plan: ShardPlan, todo: "array[int]") -> Iterator[ShardRange]:
        """The shards to build; one that joins another run begins elsewhere and leaves out what appeared meanwhile."""
        if self._options.lock != "join":
            yield from (plan[shard] for shard in todo)
            return
        middle = len(todo) // 2
        for shard in [*todo[middle:], *todo[:middle]]:
            if sound_index(self._store, self._manifest, plan[shard]) is None:
                yield plan[shard]

    def _follow(self, event: Working | Finished | Failed, restarts: int) -> None:
        if restarts > self._state.restarts:
            self._log.note("restart", restarts=restarts)
        if isinstance(event, Finished):
            self._finish(event)
        elif isinstance(event, Failed):
            self._note_failure(event)
        else:
            self._in_flight[event.shard] = (event.samples, event.bytes)
        self._report(restarts)

    def summary(self, seconds: float) -> RunSummary:
        """What was done."""
        return RunSummary(
            path=self._store.location,
            fingerprint=self._manifest.fingerprint,
            total_samples=self._manifest.count,
            built_samples=self._finished_samples,
            built_shards=self.built_shards,
            present_shards=self._present,
            bytes=self._state.bytes,
            seconds=seconds,
            stage_seconds=self._stages,
            restarts=self._state.restarts,
            peak_bytes=self._peak,
            cpu_families=tuple(sorted(self._families)),
        )

    def raise_if_incomplete(self) -> None:
        """Raises QuarantineError when shards were given up; the error itself when no shard escaped it."""
        earlier = [entry for entry in read_quarantine(self._store) if entry.shard not in self._given]
        write_quarantine(self._store, [*earlier, *self._quarantined])
        if not self._quarantined:
            return
        if self.built_shards + self._present == 0 and self._first_failure is not None:
            raise self._first_failure.error()
        if len(self._quarantined) > self._options.budget.quarantined:
            raise too_many_error(self._quarantined, self._store.location)
        present = self._state.present_samples + self._finished_samples
        raise quarantine_error(self._quarantined, self._store.location, present, self._manifest.count)

    def _finish(self, event: Finished) -> None:
        if self._options.cluster is not None:
            wait_until_visible(self._store, shard_file(event.shard), event.bytes, event.worker)
        self._in_flight.pop(event.shard, None)
        self._finished_samples += event.samples
        self.built_shards += 1
        self._peak = max(self._peak, event.peak_bytes)
        self._families |= {event.cpu_family} - {""}
        self._state = replace(self._state, bytes=self._state.bytes + event.bytes)
        for stage, seconds in event.seconds.items():
            self._stages[stage] = self._stages.get(stage, 0.0) + seconds
        self._log.note("shard", **asdict(event))

    def _note_failure(self, event: Failed) -> None:
        shard = event.planned.shard
        self._in_flight.pop(shard, None)
        if self._first_failure is None or shard < self._first_failure.planned.shard:
            self._first_failure = event  # by number, not by time, so that a run fails the same way every time
        self._log.note("failed", shard=shard, attempt=event.attempt, reason=event.reason)
        self._state = replace(self._state, failed=self._state.failed + 1)
        if not event.final:
            return
        record = quarantined(event, self._store.location)
        self._quarantined.append(record)
        self._log.note("quarantined", **asdict(record))
        self._state = replace(self._state, quarantined=len(self._quarantined))
        if len(self._quarantined) > self._options.budget.quarantined:
            self.raise_if_incomplete()

    def _report(self, restarts: int) -> None:
        self._state = replace(self._state, done_shards=self._present + self.built_shards, restarts=restarts)
        if self._progress is not None:
            samples = self._finished_samples + sum(samples for samples, _ in self._in_flight.values())
            written = self._state.bytes + sum(size for _, size in self._in_flight.values())
            self._progress(replace(self._state, done_samples=samples, bytes=written))


def _open_pool(recipe: Recipe, store: Store, options: GenerateOptions, shards: int) -> Pool:
    spec = RendererSpec(recipe, options.device, options.factory)
    if options.cluster is not None:
        from synthgen.pipeline.run_dask import DaskPool

        return DaskPool(spec, shared_location(store), options.cluster, options.budget)
    if options.workers == 0:
        return InlinePool(spec, store.location)
    return WorkerPool(spec, store.location, min(options.workers, shards), options.budget, options.limits)


def _write_table(store: Store, changed: bool) -> None:
    """The table is derived: for a remote store it is left to the reader, and an incomplete dataset has none."""
    if not isinstance(store, LocalStore) or not (changed or store.size(TABLE_FILE) is None):
        return
    dataset = open_dataset(store.folder, allow_incomplete=True)
    if dataset.complete:
        write_table(dataset, store.folder / TABLE_FILE)
        write_parameter_statistics(dataset, store.folder / PARAMETERS_FILE)
    dataset.close()
