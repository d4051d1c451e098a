"""Make a damaged dataset whole: build exactly the shards that are bad or missing, from the recipe that it carries."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

from synthgen.core.errors import DatasetError
from synthgen.dataset.manifest import Manifest
from synthgen.dataset.reader import load_manifest
from synthgen.dataset.shard_files import read_index
from synthgen.pipeline.run import GenerateOptions, Progress, generate
from synthgen.pipeline.verify import verify
from synthgen.recipe.schema import Recipe


@dataclass(frozen=True)
class RepairReport:
    """What was found and built. problems: lines of `verify` from before; shards: numbers that were built again."""

    path: str
    problems: tuple[str, ...]
    shards: tuple[int, ...]


def shards_to_repair(path: str | Path, deep: bool = False) -> RepairReport:
    """The problems of a dataset and the shards that a repair would build.

    deep: read every byte, not sizes and index hashes only. Raises DatasetError when the folder is no dataset.
    """
    report = verify(path, deep)
    return RepairReport(str(path), report.problems, tuple(sorted({*report.damaged, *report.missing})))


def repair(
    path: str | Path,
    options: GenerateOptions | None = None,
    shards: Collection[int] | None = None,
    deep: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> RepairReport:
    """Build the bad and missing shards of a dataset folder again; template and table too, where they are damaged.

    shards: these instead, whatever state they are in. Raises what `generate` raises: FingerprintError with the
    differences where other versions or assets would make other bytes.
    """
    folder = Path(path)
    manifest = load_manifest(folder)
    found = RepairReport(str(path), (), tuple(shards)) if shards is not None else shards_to_repair(folder, deep)
    recipe = Recipe.model_validate(manifest.recipe)
    asked = options or GenerateOptions()
    fixed = replace(asked, count=manifest.count, resume=True, device=_device(folder, manifest) or asked.device)
    generate(recipe, folder, replace(fixed, only=frozenset(found.shards)), progress)
    if shards is not None or not found.problems:
        return found
    # A damaged template hides the state of the shards; now that it is whole they can be looked at.
    hidden = shards_to_repair(folder, deep)
    if hidden.shards:
        generate(recipe, folder, replace(fixed, only=frozenset(hidden.shards)), progress)
    return replace(found, shards=tuple(sorted({*found.shards, *hidden.shards})))


def _device(folder: Path, manifest: Manifest) -> str | None:
    """Where the dataset was rendered, by the first index that can be read: other devices give other last bits."""
    for shard in range(manifest.shards):
        try:
            return read_index(folder, manifest, shard).versions.get("device")
        except DatasetError:
            continue
    return None
