"""A dataset as batches of a method: the same samples in the same order for any number of devices."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader

from synthgen.core.errors import DatasetError, UsageError
from synthgen.dataset.reader import Dataset, open_dataset
from synthgen.dataset.torch_dataset import IterableFaces, StreamOptions
from training.method import Batch, Item, Method, check_labels

POSITION = "position"
MOST_KEPT_BYTES = 2 * 10**9


@dataclass(frozen=True)
class Layout:
    """How batches are divided: `rank` of `world_size` devices, `parts` of a step on each, `workers` that load, `window`
    shards that are mixed at a time; keep: decoded samples in memory, as many as have room, where there are no
    workers."""

    rank: int = 0
    world_size: int = 1
    parts: int = 1
    workers: int = 0
    window: int = 16
    keep: bool = True


class AugmentedItems:
    """Position of a sample -> item, with random numbers that belong to (seed, epoch, sample) alone.

    most: of so many samples what can be had again without decoding stays in memory: the item itself where the method
    asked for no random numbers, else the arrays that it was made of.
    """

    def __init__(self, method: "Reader", dataset: Dataset, seed: int, most: int) -> None:
        self._method, self._dataset = method, dataset
        self._seed, self._most = seed, most
        self._arrays: dict[int, dict[str, np.ndarray[Any, Any]]] = {}
        self._items: dict[int, Item] = {}
        self.epoch = torch.zeros(1, dtype=torch.int64).share_memory_()

    def __call__(self, place: dict[str, np.ndarray[Any, Any]]) -> Item:
        """The item, and its position."""
        position = int(place[POSITION])
        if position in self._items:
            return self._items[position]
        arrays = self._arrays.get(position)
        if arrays is None:
            arrays = self._dataset[position]
        key = np.random.SeedSequence(self._seed, spawn_key=(int(self.epoch), position))
        bits = np.random.Philox(key)
        item = {**self._method.item(arrays, np.random.Generator(bits)), POSITION: torch.tensor(position)}
        if len(self._items) + len(self._arrays) < self._most:
            if _untouched(bits):
                self._items[position] = item
            else:
                self._arrays[position] = arrays
        return item


def _untouched(bits: np.random.Philox) -> bool:
    """Whether no random number was taken: the counter still stands at 0, and nothing is left of a block."""
    state: Any = bits.state
    return not state["state"]["counter"].any() and not state["has_uint32"]


class PhotosOf:
    """A method as `TrainingData` sees it when it reads the photos of a stage; most: how many it uses, None for all."""

    takes_pairs = takes_clips = False
    labels_if_there: tuple[str, ...] = ()
    frames_per_sample = 1

    def __init__(self, method: Method, most: int | None = None) -> None:
        self.name, self.labels = method.name, ("image", "landmarks_2d")
        self._method, self._most = method, most

    def item(self, arrays: dict[str, np.ndarray[Any, Any]], random: np.random.Generator | None) -> Item:
        """What the method takes of a photo."""
        return self._method.photo_item(arrays, random)

    def opened(self, dataset: Dataset) -> None:
        """Nothing to see."""

    def chosen(self, dataset: Dataset, seed: int) -> np.ndarray[Any, Any] | None:
        """The first of them in an order that the seed gives, so that more are the same and others."""
        if self._most is None or self._most >= len(dataset):
            return None
        return np.sort(np.random.default_rng(seed).permutation(len(dataset))[: self._most])


class Reader(Protocol):
    """What `TrainingData` asks a method for."""

    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def labels_if_there(self) -> tuple[str, ...]: ...
    @property
    def takes_pairs(self) -> bool: ...
    @property
    def takes_clips(self) -> bool: ...
    @property
    def frames_per_sample(self) -> int: ...
    def item(self, arrays: dict[str, np.ndarray[Any, Any]], random: np.random.Generator | None, /) -> Item: ...
    def opened(self, dataset: Dataset, /) -> None: ...
    def chosen(self, dataset: Dataset, seed: int, /) -> "np.ndarray[Any, Any] | None": ...


class TrainingData:
    """Endless batches for one rank, each of `parts` equal parts; `state` is where they stand.

    first: only so many samples from the beginning of the dataset, None for all.
    """

    def __init__(
        self, method: Reader, folder: str, seed: int, batch_size: int, layout: Layout, first: int | None = None
    ) -> None:
        self.dataset = open_training_dataset(method, folder)
        chosen = _first(first, len(self.dataset), method.chosen(self.dataset, seed))
        count = len(self.dataset) if chosen is None else len(chosen)
        shares, frames = layout.world_size * layout.parts, method.frames_per_sample
        if batch_size % (shares * frames):
            clips = f", in clips of {frames} frames" if frames > 1 else ""
            raise UsageError(
                f"batch_size {batch_size} cannot be divided among {layout.world_size} devices of {layout.parts} parts"
                + clips
            )
        samples = batch_size // frames
        if samples > count:
            raise DatasetError(f"{folder} has {count} samples to train on, fewer than a batch of {samples}")
        self._parts, self._local, self._frames = layout.parts, batch_size // shares, frames
        most = MOST_KEPT_BYTES // _kept_bytes(method, self.dataset) if layout.keep and not layout.workers else 0
        self._items = AugmentedItems(method, self.dataset, seed, most)
        options = StreamOptions(
            seed,
            window=layout.window,
            batch_size=samples // layout.world_size,
            ending="drop",
            chosen=None if chosen is None else tuple(chosen.tolist()),
            positions=True,
            arrays=False,
        )
        self.stream = IterableFaces(
            self.dataset,
            options,
            transform=self._items,
            rank=layout.rank,
            world_size=layout.world_size,
        )
        self._loader = DataLoader(
            self.stream, batch_size=samples // layout.world_size, num_workers=layout.workers, drop_last=True
        )
        self._taken = 0
        self._batches: Iterator[Batch] | None = None

    def next(self) -> list[Batch]:
        """The parts of the next batch; epoch follows epoch."""
        while True:
            if self._batches is None:
                self._items.epoch[0] = self.stream.epoch
                self._batches, self._begun = iter(self._loader), self._taken
            batch = next(self._batches, None)
            if batch is not None:
                self._taken += 1
                if self._frames > 1:
                    batch = _frame_by_frame(batch, self._frames)
                rows = [slice(part * self._local, (part + 1) * self._local) for part in range(self._parts)]
                return [{name: plane[row] for name, plane in batch.items()} for row in rows]
            self.stream.set_epoch(self.stream.epoch + 1)
            self._batches, self._taken = None, 0

    def state(self) -> dict[str, int]:
        """Where the next batch begins: the same on all ranks, for any number of them."""
        return self.stream.state_dict(self._taken - (self._begun if self._batches is not None else 0))

    def resume(self, state: dict[str, int]) -> None:
        """Go on from a state. Raises UsageError when it is of another dataset or order."""
        self.stream.load_state_dict(state)
        self._batches, self._taken, self._begun = None, 0, 0


def _first(count: int | None, available: int, chosen: "np.ndarray[Any, Any] | None") -> "np.ndarray[Any, Any] | None":
    """The chosen samples that are among the first `count`."""
    if count is None or count >= available:
        return chosen
    return np.arange(count) if chosen is None else chosen[chosen < count]


def _kept_bytes(method: Reader, dataset: Dataset) -> int:
    """Memory that a sample takes, decoded or as an item, whichever is more."""
    arrays = dataset[0]
    decoded = sum(array.nbytes for array in arrays.values())
    item = method.item(arrays, np.random.default_rng(0))
    return max(decoded, sum(tensor.nbytes for tensor in item.values()))


def _frame_by_frame(batch: Batch, frames: int) -> Batch:
    """The frames of clips (B, F, ...) one after the other, (B F, ...)."""
    places = batch[POSITION].repeat_interleave(frames)
    return {**{name: planes.flatten(0, 1) for name, planes in batch.items() if name != POSITION}, POSITION: places}


def validation_batches(method: Method, dataset: Dataset, batch_size: int) -> Iterator[Batch]:
    """Every sample once, in order, without augmentation."""
    for start in range(0, len(dataset), batch_size):
        items = [method.item(dataset[n], None) for n in range(start, min(start + batch_size, len(dataset)))]
        yield {name: torch.stack([item[name] for item in items]) for name in items[0]}


def open_training_dataset(method: Reader, folder: str) -> Dataset:
    """The dataset with the labels that a method needs. Raises DatasetError where it lacks one or is empty."""
    dataset = open_dataset(folder)
    check_labels(method, dataset, folder)
    if not len(dataset):
        raise DatasetError(f"{folder} holds no samples")
    method.opened(dataset)
    more = [label for label in method.labels_if_there if label in dataset.array_names]
    return dataset.with_labels(*method.labels, *more)
