"""The order of an epoch: a pure function of (shard sizes, seed, epoch), the same for any number of processes.

Shards are shuffled, taken in windows of a few, and the samples of a window are shuffled together: every sample once,
well mixed, and only a window's shards are open at a time.
"""

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class EpochOrder:
    """Position in the epoch -> position in the dataset.

    sizes: samples of each shard in the order of the dataset; window: shards that are mixed; shuffle: False keeps the
    order of the dataset.
    """

    def __init__(self, sizes: Sequence[int], seed: int, epoch: int, window: int = 16, shuffle: bool = True) -> None:
        self._sizes = np.asarray(sizes, np.int64)
        self._starts = np.cumsum(self._sizes) - self._sizes
        self._key = (seed, epoch)
        self._window = window
        self._shuffle = shuffle
        self._total = int(self._sizes.sum())
        self._shards = _generator(seed, epoch, 0).permutation(len(sizes))
        lengths = [int(self._sizes[shards].sum()) for shards in self._windows()]
        self._firsts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).tolist()
        self._current = -1
        self._samples: NDArray[np.int64] = np.empty(0, np.int64)

    def __len__(self) -> int:
        """Number of samples in the epoch."""
        return self._total

    def __getitem__(self, position: int) -> int:
        """The dataset position at a position of the epoch. Raises IndexError beyond the end."""
        if not 0 <= position < self._total:
            raise IndexError(f"position {position} of {self._total}")
        if not self._shuffle:
            return position
        window = bisect_right(self._firsts, position) - 1
        if window != self._current:
            self._samples, self._current = self._shuffled(window), window
        return int(self._samples[position - self._firsts[window]])

    def _windows(self) -> list[NDArray[np.int64]]:
        return [self._shards[first : first + self._window] for first in range(0, len(self._shards), self._window)]

    def _shuffled(self, window: int) -> NDArray[np.int64]:
        shards = self._windows()[window]
        samples = np.concatenate([np.arange(self._starts[s], self._starts[s] + self._sizes[s]) for s in shards])
        return _generator(*self._key, 1 + window).permutation(samples)


def _generator(seed: int, epoch: int, part: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(epoch, part))))
