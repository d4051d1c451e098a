"""Reading a dataset: `open_dataset(path)[i]` is a dict of arrays named as in the label table."""

import bisect
import hashlib
from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.bounded_file import read_bounded
from synthgen.core.conventions import MATCHABILITY_POLICIES, REASONS
from synthgen.core.errors import DatasetError, UsageError
from synthgen.core.limits import MOST_MANIFEST_BYTES, MOST_TEMPLATE_BYTES
from synthgen.dataset.codecs import SampleCodec, decode_meta
from synthgen.dataset.derived import TemplateArrays, derive_labels, template_from_npz
from synthgen.dataset.layout import SampleLayout, label_of
from synthgen.dataset.manifest import (
    MANIFEST_FILE,
    TABLE_FILE,
    TEMPLATE_FILE,
    Manifest,
    label_rows,
    manifest_from_json,
)
from synthgen.dataset.parameter_statistics import parameter_statistics
from synthgen.dataset.selection import Selection, select_arrays
from synthgen.dataset.shard_files import ShardFiles

if TYPE_CHECKING:
    import pyarrow

Policy = str | Collection[int]


class Dataset:
    """The complete samples of a dataset folder; made by `open_dataset`."""

    def __init__(self, path: Path, manifest: Manifest, template: TemplateArrays, shards: list[int]) -> None:
        self.path = path
        self.manifest = manifest
        self.layout = manifest.layout
        self.template = template
        self._shards = shards
        self._firsts = [0]
        for shard in shards:
            planned = manifest.shard_range(shard)
            self._firsts.append(self._firsts[-1] + planned.stop - planned.start)
        self._files = ShardFiles(path, manifest)
        self._codec = SampleCodec(manifest.layout)
        self._selection = select_arrays(manifest.layout, None)
        self._codes: tuple[int, ...] = ()

    def __len__(self) -> int:
        """Number of complete samples."""
        return self._firsts[-1]

    def __getitem__(self, position: int) -> dict[str, NDArray[Any]]:
        """The arrays of a sample, stored and derived alike; negative positions count from the end.

        Raises IndexError beyond the end, DatasetError naming shard, sample and member when bytes are damaged.
        """
        sample, chosen = self.sample_index(position), self._selection
        members = self._files.read(sample, chosen.members)
        try:
            stored = self._codec.decode(members, chosen.stored)
            derived = derive_labels(stored, self.template, chosen.derived, self.layout.prefixes)
        except (DatasetError, IndexError) as error:
            raise DatasetError(f"{self.path}: sample {sample} cannot be decoded: {error}") from error
        arrays = {name: stored[name] if name in stored else derived[name] for name in chosen.names}
        if self._codes:
            for name in chosen.names:
                if label_of(name).name.startswith("matchability"):
                    mask = name.replace("matchability", "matchability_mask")
                    arrays[mask] = np.isin(arrays[name], self._codes)
        return arrays

    def __iter__(self) -> Iterator[dict[str, NDArray[Any]]]:
        """The samples in order."""
        return (self[position] for position in range(len(self)))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_codec": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._codec = SampleCodec(self.manifest.layout)

    @property
    def complete(self) -> bool:
        """True when every planned shard is there."""
        return len(self._shards) == self.manifest.shards

    @property
    def shards(self) -> list[int]:
        """Numbers of the shards that are there, in order."""
        return list(self._shards)

    @property
    def recipe(self) -> dict[str, Any]:
        """The resolved recipe as plain data."""
        return self.manifest.recipe

    @property
    def fingerprint(self) -> str:
        """sha256 of everything that decides the bytes of a sample."""
        return self.manifest.fingerprint

    @property
    def labels(self) -> list[dict[str, Any]]:
        """One dict per array: name in the sample, unit, meaning, empty value, worst storage error."""
        return [row for row in label_rows(self.layout) if row["array"] in self._selection.names]

    @property
    def array_names(self) -> tuple[str, ...]:
        """Names of the arrays of a sample, without the masks of a matchability policy."""
        return self._selection.names

    @property
    def table(self) -> "pyarrow.Table":
        """One row per complete sample with every sampled parameter; rebuilt in memory when the file is missing."""
        from synthgen.dataset.table import build_table, read_table

        rows = read_table(self.path / TABLE_FILE, len(self)) if self.complete else None
        return rows if rows is not None else build_table(self)

    def sample_index(self, position: int) -> int:
        """The sample number (as in the recipe) at a position; equal to it when the dataset is complete."""
        if not -len(self) <= position < len(self):
            raise IndexError(f"sample {position} of {len(self)} in {self.path}")
        position %= len(self)
        row = bisect.bisect_right(self._firsts, position) - 1
        return self.manifest.shard_range(self._shards[row]).start + position - self._firsts[row]

    @property
    def shard_sizes(self) -> list[int]:
        """Number of samples of each shard that is there, in order."""
        return [stop - start for start, stop in pairwise(self._firsts)]

    def position_of(self, sample: int) -> int:
        """The position of a sample number. Raises IndexError when its shard is not there."""
        shard = sample // self.manifest.shard_size
        row = bisect.bisect_left(self._shards, shard)
        if row == len(self._shards) or self._shards[row] != shard:
            raise IndexError(f"sample {sample} is not in {self.path}")
        return self._firsts[row] + sample - self.manifest.shard_range(shard).start

    def shard_of(self, position: int) -> int:
        """The number of the shard that holds a position."""
        return self.sample_index(position) // self.manifest.shard_size

    def members(self, position: int) -> list[bytes]:
        """The stored members of a sample, in the order of `layout.members`, after comparing them with their crc."""
        return self._files.read(self.sample_index(position))

    def picture_files(self, position: int) -> dict[str, bytes]:
        """The stored JPEG or PNG file of each picture among `array_names`, after comparing it with its crc."""
        sample, names = self.sample_index(position), self.layout.picture_names
        return {
            name: self._files.read_member(sample, member)
            for member, name in enumerate(names)
            if name in self._selection.names
        }

    def meta(self, position: int) -> dict[str, Any]:
        """The dict {index, parameters, checks} of a sample."""
        return decode_meta(self._files.read_member(self.sample_index(position), -1))

    def parameter_statistics(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """mean (62,) and standard deviation (62,) of `parameters_62` over the complete samples, as networks want them;
        see dataset.parameter_statistics. Raises UsageError when there are none."""
        return parameter_statistics(self._view(select_arrays(self.layout, None), ()))

    def close(self) -> None:
        """Release open files; the dataset opens them again when read."""
        self._files.close()

    def with_policy(self, matchability: Policy | None) -> "Dataset":
        """The same dataset with a `matchability_mask` (bool) beside each plane of reason codes.

        matchability: "dfc" (occluders count as matchable), "visible", or a set of reason codes.
        Raises UsageError for another name or code, or when the dataset holds no matchability.
        """
        return self._view(self._selection, _policy_codes(matchability, self.layout))

    def with_labels(self, *labels: str) -> "Dataset":
        """The same dataset with some arrays only; nothing else is read or decoded.

        labels: names of arrays ("source_image"), or of labels ("image": of every view, "parameters": all of them).
        Raises UsageError for a label that is neither stored nor derivable.
        """
        return self._view(select_arrays(self.layout, labels), self._codes)

    def _view(self, selection: Selection, codes: tuple[int, ...]) -> "Dataset":
        view = Dataset(self.path, self.manifest, self.template, self._shards)
        view._selection, view._codes = selection, codes
        return view


def open_dataset(
    path: str | Path,
    *,
    labels: Collection[str] | None = None,
    matchability: Policy | None = None,
    allow_incomplete: bool = False,
) -> Dataset:
    """The dataset in folder `path`.

    labels: read these only, see `Dataset.with_labels`; matchability: adds `matchability_mask` to the samples, see
    `Dataset.with_policy`;
    allow_incomplete: read the shards that are there when a run has not finished.
    Raises DatasetError when the folder is not a dataset, is damaged, or is incomplete and that is not allowed.
    """
    folder = Path(path)
    manifest = load_manifest(folder)
    template = _load_template(folder, manifest)
    shards = ShardFiles(folder, manifest).present()
    if len(shards) < manifest.shards and not allow_incomplete:
        raise DatasetError(
            f"{folder} is incomplete: {len(shards)} of {manifest.shards} shards; finish it with generate --resume, "
            "or open it with allow_incomplete=True"
        )
    dataset = Dataset(folder, manifest, template, shards)
    return choose_view(dataset, labels, matchability)


def choose_view(dataset: Dataset, labels: Collection[str] | None, matchability: Policy | None) -> Dataset:
    """The dataset with some labels only and with a policy; None leaves either as it is."""
    if isinstance(labels, str):
        raise UsageError(f"labels is {labels!r}, expected a list of names such as ['image', 'depth']")
    chosen = dataset if labels is None else dataset.with_labels(*labels)
    return chosen if matchability is None else chosen.with_policy(matchability)


def load_manifest(folder: Path) -> Manifest:
    """The manifest of a dataset folder. Raises DatasetError when there is none or it is damaged."""
    file = folder / MANIFEST_FILE
    try:
        return manifest_from_json(read_bounded(file, MOST_MANIFEST_BYTES), str(file))
    except FileNotFoundError as error:
        raise DatasetError(f"{folder} is not a synthgen dataset: it has no {MANIFEST_FILE}") from error
    except OSError as error:
        raise DatasetError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DatasetError(f"{file} is damaged: {error}") from error


def _load_template(folder: Path, manifest: Manifest) -> TemplateArrays:
    file = folder / TEMPLATE_FILE
    try:
        data = read_bounded(file, MOST_TEMPLATE_BYTES)
    except ValueError as error:
        raise DatasetError(f"{file} is damaged: {error}") from error
    except OSError as error:
        raise DatasetError(f"{file} cannot be read: {error.strerror}; run generate --resume to rebuild it") from error
    if hashlib.sha256(data).hexdigest() != manifest.template_sha256:
        raise DatasetError(f"{file} is damaged: its sha256 is not the one in {MANIFEST_FILE}; resume rebuilds it")
    return template_from_npz(data, str(file))


def _policy_codes(policy: Policy | None, layout: SampleLayout) -> tuple[int, ...]:
    if policy is None:
        return ()
    if "matchability" not in layout.labels and "matchability_backward" not in layout.labels:
        raise UsageError("this dataset holds no matchability, so no policy applies; open it without `matchability`")
    if isinstance(policy, str):
        codes = MATCHABILITY_POLICIES.get(policy)
    else:
        codes = tuple(policy) if isinstance(policy, Iterable) else None
    if codes is None or not codes or not all(code in range(len(REASONS)) for code in codes):
        raise UsageError(
            f"matchability policy {policy!r} is not one of {sorted(MATCHABILITY_POLICIES)} "
            f"nor a set of reason codes 0..{len(REASONS) - 1}"
        )
    return tuple(codes)
