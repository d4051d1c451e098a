"""A dataset for torch: by index, or as a stream whose order does not depend on the number of processes."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import IterableDataset, get_worker_info

from synthgen.core.errors import UsageError
from synthgen.dataset.order import EpochOrder
from synthgen.dataset.reader import Dataset, Policy, choose_view, open_dataset

Transform = Callable[[dict[str, NDArray[Any]]], Any]
_EPOCH, _POSITION = 0, 1


def to_tensors(arrays: dict[str, NDArray[Any]]) -> dict[str, torch.Tensor]:
    """The arrays of a sample as tensors of the same shape and type."""
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}


class MapFaces(TorchDataset[Any]):
    """Samples by position.

    source: a dataset folder, or what `open_dataset` returned; transform: dict of arrays -> item (default: tensors);
    matchability, labels: see `open_dataset`.
    """

    def __init__(
        self,
        source: str | Path | Dataset,
        transform: Transform = to_tensors,
        matchability: Policy | None = None,
        labels: Collection[str] | None = None,
    ) -> None:
        self.dataset = _open(source, matchability, labels)
        self._transform = transform

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.dataset)

    def __getitem__(self, position: int) -> Any:
        """The item at a position."""
        return self._transform(self.dataset[position])


@dataclass(frozen=True)
class StreamOptions:
    """How a stream is ordered and divided.

    seed: of the order; shuffle: False keeps the order of the dataset; window: shards that are mixed at a time;
    batch_size: of the loader of each rank, so that the batches of a step together hold the same samples for any number
    of ranks whose batches add up to the same size; ending: what to do with samples that do not fill a step of all
    ranks: "keep" (some ranks get fewer) or "drop" (all ranks get equally many); chosen: positions of the samples to
    take, some perhaps repeatedly, instead of all, and then all of them are mixed; positions: give `transform` each
    sample's position in the dataset among its arrays, as `position`; arrays: False reads nothing, for a `transform`
    that reads by position itself.
    """

    seed: int = 0
    shuffle: bool = True
    window: int = 16
    batch_size: int = 1
    ending: Literal["keep", "drop"] = "keep"
    chosen: tuple[int, ...] | None = None
    positions: bool = False
    arrays: bool = True


class IterableFaces(IterableDataset[Any]):
    """Samples as a seeded, resumable stream.

    The order of an epoch is fixed by the seed alone. Ranks and loader workers divide it by position: in the step that
    begins at position p, rank r of W takes p + r, p + r + W, ...; workers of a rank take its batches in turn. So the
    state of training is (epoch, position), and goes on with any number of ranks and workers.

    source, transform, matchability, labels: as for `MapFaces`; rank, world_size: None takes those of torch.distributed
    when it is initialised, else 0 of 1.
    """

    def __init__(
        self,
        source: str | Path | Dataset,
        options: StreamOptions | None = None,
        *,
        transform: Transform = to_tensors,
        matchability: Policy | None = None,
        labels: Collection[str] | None = None,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        self.dataset = _open(source, matchability, labels)
        self.options = options or StreamOptions()
        self._transform = transform
        chosen = self.options.chosen
        self._count = len(self.dataset) if chosen is None else len(chosen)
        self._rank, self._world_size = _place(rank, world_size)
        if self.options.batch_size < 1 or self.options.window < 1:
            raise UsageError(f"batch_size and window must be at least 1: {self.options}")
        # Shared, so that workers that live through several epochs see what `set_epoch` says.
        self._state = torch.zeros(2, dtype=torch.int64)
        self._state.share_memory_()

    def __len__(self) -> int:
        """Number of samples that this rank takes from the current position to the end of the epoch."""
        start, stop = self._span()
        return max(0, -(-(stop - start - self._rank) // self._world_size))

    def __iter__(self) -> Iterator[Any]:
        """The items of this rank and loader worker, from the current position to the end of the epoch."""
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info is not None else (0, 1)
        chosen = self.options.chosen
        sizes = self.dataset.shard_sizes if chosen is None else [self._count]
        order = EpochOrder(sizes, self.options.seed, self.epoch, self.options.window, self.options.shuffle)
        start, stop = self._span()
        batch, ranks = self.options.batch_size, self._world_size
        for step in range(start + worker * batch * ranks, stop, workers * batch * ranks):
            for position in range(step + self._rank, min(step + batch * ranks, stop), ranks):
                number = order[position] if chosen is None else chosen[order[position]]
                place = {"position": np.array(number)} if self.options.positions else {}
                arrays = self.dataset[number] if self.options.arrays else {}
                yield self._transform(arrays | place)

    @property
    def epoch(self) -> int:
        """The current epoch."""
        return int(self._state[_EPOCH])

    def set_epoch(self, epoch: int) -> None:
        """Begin an epoch at its first sample; call before the loader is iterated."""
        self._state[_EPOCH] = epoch
        self._state[_POSITION] = 0

    def state_dict(self, batches: int = 0) -> dict[str, int]:
        """Where training stands after this rank has taken `batches` full batches from the current position.

        The number comes from the training loop, because loader workers fetch ahead of it. Equal on all ranks.
        """
        position = int(self._state[_POSITION]) + batches * self.options.batch_size * self._world_size
        return {
            "epoch": self.epoch,
            "position": min(position, self._count),
            "seed": self.options.seed,
            "samples": self._count,
        }

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from a state. Raises UsageError when it belongs to another order or dataset."""
        expected = {"seed": self.options.seed, "samples": self._count}
        found = {name: state.get(name) for name in expected}
        if found != expected:
            raise UsageError(f"the saved state is of another stream: it has {found}, this one {expected}")
        self._state[_EPOCH] = state["epoch"]
        self._state[_POSITION] = state["position"]

    def _span(self) -> tuple[int, int]:
        """First position and end of what is left of the epoch."""
        start, stop = int(self._state[_POSITION]), self._count
        if self.options.ending == "drop":
            step = self.options.batch_size * self._world_size
            stop = start + (stop - start) // step * step
        return start, stop


def _open(source: str | Path | Dataset, matchability: Policy | None, labels: Collection[str] | None) -> Dataset:
    return choose_view(source if isinstance(source, Dataset) else open_dataset(source), labels, matchability)


def _place(rank: int | None, world_size: int | None) -> tuple[int, int]:
    if (rank is None) != (world_size is None):
        raise UsageError("give both rank and world_size, or neither")
    if rank is None or world_size is None:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return torch.distributed.get_rank(), torch.distributed.get_world_size()
        return 0, 1
    if not 0 <= rank < world_size:
        raise UsageError(f"rank {rank} is not within world size {world_size}")
    return rank, world_size
