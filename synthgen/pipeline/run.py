"""`generate`: a recipe becomes a dataset folder, on this computer, resumable at any point."""

import hashlib
import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

from synthgen.core.errors import DatasetError, FingerprintError, UsageError
from synthgen.dataset.index import index_file, shard_file
from synthgen.dataset.manifest import (
    MANIFEST_FILE,
    SOURCE_FOLDER,
    TABLE_FILE,
    TEMPLATE_FILE,
    Manifest,
    ShardRange,
    manifest_from_json,
    manifest_to_json,
)
from synthgen.dataset.reader import open_dataset
from synthgen.dataset.table import build_table, table_to_parquet
from synthgen.pipeline.build_shard import Stamp
from synthgen.pipeline.lock import RunLock
from synthgen.pipeline.plan import plan_shards, sound_index
from synthgen.pipeline.publish import LocalStore, Store, open_store, publish_bytes, sweep_temporary
from synthgen.pipeline.renderers import sample_count
from synthgen.pipeline.session import RendererFacts, RendererSpec
from synthgen.pipeline.signals import terminable
from synthgen.pipeline.versions import cpu_family, library_versions
from synthgen.pipeline.worker import Finished
from synthgen.pipeline.workers import InlinePool, Pool, WorkerPool
from synthgen.recipe.fingerprint import canonical_recipe, difference, fingerprint
from synthgen.recipe.schema import Recipe

_OWN_FILE = re.compile(rf"shard-\d{{6,}}\.(tar|json)|{re.escape(TABLE_FILE)}|{re.escape(TEMPLATE_FILE)}")


@dataclass(frozen=True)
class GenerateOptions:
    """How to run; nothing here changes the bytes of a sample (but see device).

    count: samples, None for the recipe's; workers: processes, 0 renders in this process; device: "cpu" or "cuda",
    whose labels agree within the tolerances of the label table; resume: go on with what the folder holds;
    factory: the renderer, "module:function", None for that of the recipe's kind.
    """

    count: int | None = None
    workers: int = 1
    device: str = "cpu"
    resume: bool = False
    factory: str | None = None


@dataclass(frozen=True)
class Progress:
    """Where a run stands. present_samples: of earlier runs; done_samples: of this run; bytes: written by this run;
    done_shards, total_shards: of the whole dataset; restarts: workers that died and were replaced."""

    present_samples: int
    done_samples: int
    total_samples: int
    bytes: int
    done_shards: int
    total_shards: int
    restarts: int = 0


@dataclass(frozen=True)
class RunSummary:
    """What a run did. seconds: wall time; stage_seconds: stage -> seconds summed over workers; bytes: of the tars
    written by this run; peak_bytes: largest resident memory of a worker."""

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


def generate(
    recipe: Recipe,
    out: str | Path,
    options: GenerateOptions | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> RunSummary:
    """Build the dataset of a recipe in folder (or URL) `out`.

    progress: called after each block of each worker. Raises SynthgenError for anything a user can mend;
    KeyboardInterrupt after Ctrl-C and SystemExit(143) after SIGTERM, when workers are stopped and temporary files
    removed.
    """
    options = options or GenerateOptions()
    started = perf_counter()
    count = sample_count(recipe) if options.count is None else options.count
    plan = plan_shards(count, recipe.shard_size)
    if options.workers < 0:
        raise UsageError(f"workers is {options.workers}, expected 0 or more")
    store = open_store(out)
    _refuse_foreign_folder(store, options.resume)
    with ExitStack() as stack:
        stack.enter_context(terminable())
        if isinstance(store, LocalStore):
            stack.enter_context(RunLock(store.folder))
        stack.callback(sweep_temporary, store)
        sweep_temporary(store)
        existing = _existing_manifest(store)
        _refuse_other_recipe(store, existing, recipe, count, options.resume)
        pool = stack.enter_context(_open_pool(recipe, store, options, len(plan)))
        manifest, facts = _make_manifest(recipe, count, pool.facts())
        _write_manifest(store, existing, manifest, facts)
        run = _Run(store, manifest, plan, options.device, progress)
        run.build_missing(pool)
        _write_table(store, run.built_shards > 0)
        return run.summary(perf_counter() - started)


class _Run:
    """The bookkeeping of one run."""

    def __init__(
        self,
        store: Store,
        manifest: Manifest,
        plan: list[ShardRange],
        device: str,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._store = store
        self._manifest = manifest
        self._progress = progress
        self._stamp = Stamp(manifest.fingerprint, {**manifest.versions, "device": device})
        self._todo = [planned for planned in plan if sound_index(store, manifest, planned) is None]
        self._present = len(plan) - len(self._todo)
        missing = sum(planned.stop - planned.start for planned in self._todo)
        self._state = Progress(manifest.count - missing, 0, manifest.count, 0, self._present, len(plan))
        self._in_flight: dict[int, tuple[int, int]] = {}
        self._stages: dict[str, float] = {}
        self._finished_samples = 0
        self._peak = 0
        self.built_shards = 0

    def build_missing(self, pool: Pool) -> None:
        """Build every shard that is not there."""
        for planned in self._todo:  # what was there is damaged or belongs to nothing
            self._store.remove(index_file(planned.shard))
            self._store.remove(shard_file(planned.shard))
        self._report(pool.restarts)
        for event in pool.build(self._todo, self._stamp):
            if isinstance(event, Finished):
                self._finish(event)
            else:
                self._in_flight[event.shard] = (event.samples, event.bytes)
            self._report(pool.restarts)

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
        )

    def _finish(self, event: Finished) -> None:
        self._in_flight.pop(event.shard, None)
        self._finished_samples += event.samples
        self.built_shards += 1
        self._peak = max(self._peak, event.peak_bytes)
        self._state = replace(self._state, bytes=self._state.bytes + event.bytes)
        for stage, seconds in event.seconds.items():
            self._stages[stage] = self._stages.get(stage, 0.0) + seconds

    def _report(self, restarts: int) -> None:
        self._state = replace(self._state, done_shards=self._present + self.built_shards, restarts=restarts)
        if self._progress is not None:
            samples = self._finished_samples + sum(samples for samples, _ in self._in_flight.values())
            written = self._state.bytes + sum(size for _, size in self._in_flight.values())
            self._progress(replace(self._state, done_samples=samples, bytes=written))


def _open_pool(recipe: Recipe, store: Store, options: GenerateOptions, shards: int) -> Pool:
    spec = RendererSpec(recipe, options.device, options.factory)
    if options.workers == 0:
        return InlinePool(spec, store.location)
    return WorkerPool(spec, store.location, min(options.workers, shards))


def _refuse_foreign_folder(store: Store, resume: bool) -> None:
    names = [name for name in store.names() if not name.startswith(".") and name != SOURCE_FOLDER]
    if resume and all(_OWN_FILE.fullmatch(name) for name in names):
        return  # a dataset whose manifest was lost: its shards are kept when they fit
    if names and MANIFEST_FILE not in names:
        raise DatasetError(
            f"{store.location} is not empty and is not a synthgen dataset (it holds {names[0]!r}); "
            "choose an empty or new output folder"
        )


def _existing_manifest(store: Store) -> Manifest | None:
    data = store.read(MANIFEST_FILE)
    return None if data is None else manifest_from_json(data, f"{store.location}/{MANIFEST_FILE}")


def _refuse_other_recipe(store: Store, existing: Manifest | None, recipe: Recipe, count: int, resume: bool) -> None:
    """What can be told before the renderer is open, which takes seconds."""
    if existing is None:
        return
    lines = difference(existing.canonical, canonical_recipe(recipe))
    if lines:
        raise _other_dataset(store, lines)
    for name, found, asked in (
        ("count", existing.count, count),
        ("shard_size", existing.shard_size, recipe.shard_size),
    ):
        if found != asked:
            raise DatasetError(
                f"{store.location} was planned with {name} {found}, not {asked}; use {found} to resume it"
            )
    if not resume:
        raise DatasetError(
            f"{store.location} already holds this dataset; add --resume to finish it, or choose another output folder"
        )


def _other_dataset(store: Store, lines: list[str]) -> FingerprintError:
    listed = "\n".join(f"  {line}" for line in lines)
    return FingerprintError(
        f"{store.location} holds a dataset of another recipe or version (there -> now):\n{listed}\n"
        "choose another output folder, or use the recipe that made it"
    )


def _make_manifest(recipe: Recipe, count: int, facts: RendererFacts) -> tuple[Manifest, RendererFacts]:
    versions = dict(library_versions())
    manifest = Manifest(
        recipe=recipe.model_dump(mode="json"),
        canonical=canonical_recipe(recipe),
        fingerprint=fingerprint(recipe, facts.asset_hashes, versions),
        assets=facts.assets,
        versions=versions,
        cpu_family=cpu_family(),
        count=count,
        shard_size=recipe.shard_size,
        template_sha256=hashlib.sha256(facts.template).hexdigest(),
    )
    return manifest, facts


def _write_manifest(store: Store, existing: Manifest | None, manifest: Manifest, facts: RendererFacts) -> None:
    if existing is None:
        publish_bytes(store, MANIFEST_FILE, manifest_to_json(manifest))
    elif existing.fingerprint != manifest.fingerprint:
        old = {**existing.versions, **{str(asset["id"]): asset["sha256"] for asset in existing.assets}}
        raise _other_dataset(store, difference(old, {**manifest.versions, **facts.asset_hashes}))
    elif existing.template_sha256 != manifest.template_sha256:
        raise _other_dataset(store, [f"template.npz: {existing.template_sha256} -> {manifest.template_sha256}"])
    stored = store.read(TEMPLATE_FILE)
    if stored != facts.template:
        publish_bytes(store, TEMPLATE_FILE, facts.template)


def _write_table(store: Store, changed: bool) -> None:
    """The table is derived: for a remote store it is left to the reader."""
    if isinstance(store, LocalStore) and (changed or store.size(TABLE_FILE) is None):
        dataset = open_dataset(store.folder)
        publish_bytes(store, TABLE_FILE, table_to_parquet(build_table(dataset)))
        dataset.close()
