"""How far the dataset in a folder has come."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthgen.core.errors import DatasetError
from synthgen.dataset.index import index_file, shard_file
from synthgen.dataset.manifest import TABLE_FILE, Manifest
from synthgen.dataset.reader import load_manifest
from synthgen.pipeline.lock import lock_owner
from synthgen.pipeline.plan import plan_shards, sound_index
from synthgen.pipeline.publish import LocalStore
from synthgen.pipeline.quarantine import Quarantined, read_quarantine


@dataclass(frozen=True)
class DatasetStatus:
    """What is there and what is missing.

    samples, bytes: of the finished shards; missing: numbers of planned shards that are not there; unsound: numbers of
    shards whose files are there but do not fit their index; running: {"pid", "host", "age"} of the run that holds the
    folder, None when none does; has_table: samples.parquet is there; quarantined: shards that the last runs gave up.
    """

    path: str
    manifest: Manifest
    samples: int
    bytes: int
    missing: tuple[int, ...]
    unsound: tuple[int, ...]
    running: dict[str, Any] | None
    has_table: bool
    quarantined: tuple[Quarantined, ...] = ()

    @property
    def complete(self) -> bool:
        """True when every planned shard is there and sound."""
        return not self.missing and not self.unsound


def dataset_status(path: str | Path) -> DatasetStatus:
    """The state of a dataset folder, from names, sizes and index hashes. Raises DatasetError when it is no dataset."""
    folder = Path(path)
    manifest = load_manifest(folder)
    store = LocalStore(folder)
    names = set(store.names())
    samples, size = 0, 0
    missing, unsound = [], []
    for planned in plan_shards(manifest.count, manifest.shard_size):
        if shard_file(planned.shard) not in names or index_file(planned.shard) not in names:
            missing.append(planned.shard)
        elif (index := sound_index(store, manifest, planned)) is None:
            unsound.append(planned.shard)
        else:
            samples += index.stop - index.start
            size += index.bytes
    try:
        running = lock_owner(folder)
    except OSError as error:
        raise DatasetError(f"{folder} cannot be read: {error.strerror}") from error
    return DatasetStatus(
        path=str(folder),
        manifest=manifest,
        samples=samples,
        bytes=size,
        missing=tuple(missing),
        unsound=tuple(unsound),
        running=running,
        has_table=TABLE_FILE in names,
        quarantined=tuple(read_quarantine(store)),
    )
