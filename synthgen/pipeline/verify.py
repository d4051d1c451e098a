"""Is a dataset what it says? Quick: sizes and index hashes. Deep: every byte and every array. Relabel: render again."""

import hashlib
import mmap
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthgen.core.conventions import BLOCK
from synthgen.core.environment import single_threaded_children
from synthgen.core.errors import DatasetError, VerifyError
from synthgen.dataset.codecs import SampleCodec, decode_meta
from synthgen.dataset.index import ShardIndex, index_file, shard_file
from synthgen.dataset.layout import SampleLayout, label_of
from synthgen.dataset.manifest import TABLE_FILE
from synthgen.dataset.reader import Dataset, load_manifest, open_dataset
from synthgen.dataset.shard_files import read_index
from synthgen.dataset.table import read_table
from synthgen.dataset.tar import BLOCK as TAR_BLOCK
from synthgen.dataset.tar import END, member_name, tar_header, tar_padding
from synthgen.dataset.whole_file import TEMPORARY_PREFIX
from synthgen.pipeline.build_shard import LastBlock
from synthgen.pipeline.session import RendererSpec
from synthgen.pipeline.verify_checks import check_problems
from synthgen.pipeline.versions import library_versions
from synthgen.recipe.stored import stored_recipe


@dataclass(frozen=True)
class VerifyReport:
    """What a verification found.

    problems: one line per damaged thing, naming file, sample and member, and what to do; missing: planned shards that
    are not there; shards, samples: how many were looked at; relabelled: how many samples were rendered again;
    damaged: numbers of the shards that a problem is about.
    """

    path: str
    deep: bool
    problems: tuple[str, ...]
    missing: tuple[int, ...]
    shards: int
    samples: int
    relabelled: int
    damaged: tuple[int, ...] = ()

    @property
    def sound(self) -> bool:
        """True when nothing is damaged and nothing is missing."""
        return not self.problems and not self.missing

    def raise_unless_sound(self) -> None:
        """Raises VerifyError listing what was found."""
        lines = list(self.problems)
        if self.missing:
            lines.append(f"{len(self.missing)} planned shards are missing, the first is {self.missing[0]}")
        if lines:
            raise VerifyError(f"{self.path} is not sound:\n" + "\n".join(f"  {line}" for line in lines))


def verify(
    path: str | Path,
    deep: bool = False,
    relabel: int = 0,
    factory: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> VerifyReport:
    """Check a dataset folder.

    deep: also sha256, tar headers, crc and decoding of every member; relabel: number of samples, spread over the
    dataset, to render again and compare byte by byte; progress(shards done, shards): after each shard.
    Raises DatasetError when the folder is no dataset at all; damage is reported, not raised.
    """
    folder = Path(path)
    manifest = load_manifest(folder)
    try:
        dataset = open_dataset(folder, allow_incomplete=True)
    except DatasetError as error:
        return VerifyReport(str(folder), deep, (str(error),), (), 0, 0, 0)
    problems = list(_stray_files(folder))
    missing, damaged, shards, samples = [], [], 0, 0
    for shard in range(manifest.shards):
        if not ((folder / shard_file(shard)).exists() and (folder / index_file(shard)).exists()):
            missing.append(shard)
            continue
        found = list(_check_shard(dataset, shard, deep))
        problems += found
        damaged += [shard] if found else []
        shards += 1
        planned = manifest.shard_range(shard)
        samples += planned.stop - planned.start
        if progress is not None:
            progress(shard + 1, manifest.shards)
    problems += _check_table(folder, dataset)
    relabelled = 0
    if relabel > 0 and not problems and len(dataset):
        chosen = np.unique(np.linspace(0, len(dataset) - 1, min(relabel, len(dataset))).astype(int)).tolist()
        problems += _relabel(dataset, chosen, factory)
        relabelled = len(chosen)
    dataset.close()
    return VerifyReport(str(folder), deep, tuple(problems), tuple(missing), shards, samples, relabelled, tuple(damaged))


def _stray_files(folder: Path) -> Iterator[str]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(TEMPORARY_PREFIX):
            yield f"{entry} is left over from an interrupted run; generate --resume removes it"


def _check_shard(dataset: Dataset, shard: int, deep: bool) -> Iterator[str]:
    file = dataset.path / shard_file(shard)
    advice = "synthgen repair rebuilds it"
    try:
        index = read_index(dataset.path, dataset.manifest, shard)
        yield from check_problems(index)
        if file.stat().st_size != index.bytes:
            yield f"{file} has {file.stat().st_size} bytes, its index says {index.bytes}; {advice}"
            return
        if not deep:
            return
        with open(file, "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except DatasetError as error:
        yield str(error)
        return
    except OSError as error:
        yield f"{file} cannot be read: {error.strerror}"
        return
    if digest != index.sha256:
        yield f"{file}: its sha256 is {digest[:12]}..., its index says {index.sha256[:12]}...; {advice}"
    planned = dataset.manifest.shard_range(shard)
    first = dataset.position_of(planned.start)
    codec = SampleCodec(dataset.layout)
    for position in range(first, first + planned.stop - planned.start):
        try:
            yield from _check_sample(dataset, codec, position)
        except DatasetError as error:
            yield str(error)
    if digest == index.sha256:
        yield from _check_framing(file, dataset.layout, index)


def _check_sample(dataset: Dataset, codec: SampleCodec, position: int) -> Iterator[str]:
    """Derived labels follow from stored ones that are sound, so they are not computed."""
    sample = dataset.sample_index(position)
    members = dataset.members(position)
    where = f"{dataset.path}: sample {sample}"
    try:
        meta = decode_meta(members[-1])
        if meta["index"] != sample:
            yield f"{where} calls itself {meta['index']}"
        for name, values, pixels in codec.decode_values(members):
            spec = label_of(name)
            # Under a mask, and where a label has no empty value, every number says something.
            if values.dtype.kind == "f" and (pixels is not None or not spec.empty) and not np.isfinite(values).all():
                yield f"{where}, {name}: a number is not finite"
            if spec.name == "triangle_id":
                lowest, highest = int(values.min(initial=-1)), int(values.max(initial=-1))
                if lowest < -1 or highest >= dataset.template.label_count:
                    yield f"{where}, {name}: id {highest} is not a label-carrying triangle"
    except DatasetError as error:
        raise DatasetError(f"{where} cannot be decoded: {error}") from error


def _check_framing(file: Path, layout: SampleLayout, index: ShardIndex) -> Iterator[str]:
    """Tar headers and padding are written again and compared: other tools read them, we do not."""
    with open(file, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for sample, members in enumerate(index.entries.tolist(), start=index.start):
            for (suffix, _), (offset, length, _) in zip(layout.members, members, strict=True):
                name, padding = member_name(sample, suffix), tar_padding(length)
                before = content[offset - TAR_BLOCK : offset]
                after = content[offset + length : offset + length + len(padding)]
                if before != tar_header(name, length) or after != padding:
                    yield f"{file}: the tar framing of {name} is damaged"
        if content[-len(END) :] != END:
            yield f"{file}: the end of the tar is damaged"


def _check_table(folder: Path, dataset: Dataset) -> Iterator[str]:
    file = folder / TABLE_FILE
    if not file.exists() or not dataset.complete:
        return
    if read_table(file, len(dataset)) is None:
        yield f"{file} is damaged; delete it and run generate --resume, which writes it again"


def _relabel(dataset: Dataset, positions: list[int], factory: str | None) -> Iterator[str]:
    manifest = dataset.manifest
    changed = [
        f"{k} {v} -> {library_versions().get(k)}"
        for k, v in manifest.versions.items()
        if library_versions().get(k) != v
    ]
    if changed:
        yield f"cannot be rendered again with equal bytes, versions differ: {', '.join(changed)}"
        return
    first = read_index(dataset.path, manifest, dataset.shard_of(positions[0]))
    device = first.versions.get("device", "cpu")  # devices agree within tolerances only, not in their bytes
    with single_threaded_children():  # libraries that load now read it too
        renderer = RendererSpec(stored_recipe(manifest.recipe, str(dataset.path)), device, factory).open()
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    render, codec = LastBlock(renderer), SampleCodec(manifest.layout)
    for position in positions:
        sample = dataset.sample_index(position)
        again = codec.encode(render(sample // BLOCK)[sample % BLOCK])
        yield from _differences(dataset, position, again, manifest.layout)


def _differences(dataset: Dataset, position: int, again: list[bytes], layout: SampleLayout) -> Iterator[str]:
    sample = dataset.sample_index(position)
    for (suffix, _), stored, rendered in zip(layout.members, dataset.members(position), again, strict=True):
        if stored != rendered:
            yield f"{dataset.path}: sample {sample}, {member_name(sample, suffix)} is not what its recipe renders now"
