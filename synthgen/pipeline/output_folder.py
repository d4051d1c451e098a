"""What an output folder holds and whether a run may go on in it: its manifest, written first, and what it refuses."""

import hashlib
import re
import time
from collections.abc import Callable
from pathlib import Path

from synthgen.core.errors import DatasetError, FingerprintError
from synthgen.dataset.manifest import (
    MANIFEST_FILE,
    PARAMETERS_FILE,
    SOURCE_FOLDER,
    TABLE_FILE,
    TEMPLATE_FILE,
    Manifest,
    manifest_from_json,
    manifest_to_json,
)
from synthgen.pipeline.publish import LocalStore, Store, publish_bytes
from synthgen.pipeline.quarantine import QUARANTINE_FILE
from synthgen.pipeline.run_log import RUNS_FOLDER
from synthgen.pipeline.session import RendererFacts
from synthgen.pipeline.versions import cpu_family, library_versions
from synthgen.recipe.fingerprint import canonical_recipe, difference, fingerprint
from synthgen.recipe.schema import Recipe

_OWN_FILE = re.compile(
    rf"shard-\d{{6,}}\.(tar|json)|{re.escape(TABLE_FILE)}|{re.escape(PARAMETERS_FILE)}|{re.escape(TEMPLATE_FILE)}"
    rf"|{re.escape(QUARANTINE_FILE)}"
)


def refuse_foreign_folder(store: Store, resume: bool) -> None:
    """Raises DatasetError when a folder holds anything that is not a dataset of ours."""
    names = [name for name in store.names() if not name.startswith(".") and name not in (SOURCE_FOLDER, RUNS_FOLDER)]
    if resume and all(_OWN_FILE.fullmatch(name) for name in names):
        return  # a dataset whose manifest was lost: its shards are kept when they fit
    if names and MANIFEST_FILE not in names:
        raise DatasetError(
            f"{store.location} is not empty and is not a synthgen dataset (it holds {names[0]!r}); "
            "choose an empty or new output folder"
        )


def existing_manifest(store: Store) -> Manifest | None:
    """The manifest of a folder, None when it has none. Raises DatasetError when it is damaged."""
    data = store.read(MANIFEST_FILE)
    return None if data is None else manifest_from_json(data, f"{store.location}/{MANIFEST_FILE}")


def refuse_other_recipe(store: Store, existing: Manifest | None, recipe: Recipe, count: int, resume: bool) -> None:
    """Raises FingerprintError or DatasetError when a folder holds another dataset.

    Looks at what can be told before the renderer is open, which takes seconds.
    """
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


def make_manifest(recipe: Recipe, count: int, facts: RendererFacts) -> Manifest:
    """The manifest of a run."""
    versions = dict(library_versions())
    return Manifest(
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


def write_manifest(store: Store, existing: Manifest | None, manifest: Manifest, facts: RendererFacts) -> None:
    """Write manifest and template unless they are there. Raises FingerprintError when others are."""
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


def shared_location(store: Store) -> str:
    """The location of a store as processes on other computers must name it."""
    return str(Path(store.folder).absolute()) if isinstance(store, LocalStore) else store.location


def wait_until_visible(
    store: Store, name: str, size: int, worker: str, wait: Callable[[float], object] = time.sleep
) -> None:
    """Returns once a file that a worker elsewhere has written is seen from here; network file systems take a while.

    Raises DatasetError after about half a minute: then the worker wrote to a folder of its own.
    """
    for attempt in range(9):
        if store.size(name) == size:
            return
        wait(0.1 * 2**attempt)
        store.names()  # asks the server again
    raise DatasetError(
        f"worker {worker} has written {name}, but it is not in {store.location} as seen from here; "
        "the output must be on a file system that all workers share, or a URL of an object store"
    )
