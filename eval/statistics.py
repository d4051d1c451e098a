"""Intervals and tests over samples. NumPy alone; every function is pure, its randomness an argument.

Everything scored is a ratio of sums over samples (a mean, a rate, the area under a curve, the mean of a bin), so a
resample of the bootstrap is a matrix product: how often each sample was drawn, times the columns that are summed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_CHUNK_VALUES = 1 << 21  # counts held at a time: 16 MB


@dataclass(frozen=True)
class Mean:
    """A number as the mean (or the standard deviation) over ratios of sums.

    tops, bottoms: (N,) pairs; each ratio is sum(top) / sum(bottom). One pair is a mean; three are the mean of bins.
    spread: the population standard deviation of the ratios in place of their mean.
    """

    tops: tuple[Array, ...]
    bottoms: tuple[Array, ...]
    spread: bool = False


def mean_of(values: Array, used: NDArray[np.bool_] | None = None) -> Mean:
    """The mean of values (N,), or of those that are used."""
    weight = np.ones(len(values)) if used is None else used.astype(np.float64)
    return Mean((np.where(weight > 0, values, 0.0),), (weight,))


def mean_of_bins(values: Array, bins: NDArray[np.int64], count: int, spread: bool = False) -> Mean:
    """The mean over `count` bins of the mean of values (N,) in each; NaN when one is empty."""
    masks = [(bins == number).astype(np.float64) for number in range(count)]
    return Mean(tuple(values * mask for mask in masks), tuple(masks), spread)


def evaluate(means: Sequence[Mean]) -> Array:
    """(M,) the numbers themselves."""
    sums = [np.array([[column.sum() for column in columns]]) for columns in _columns(means)]
    return _numbers(means, sums)[0]


def bootstrap(
    means: Sequence[Mean],
    resamples: int,
    generator: np.random.Generator,
    clusters: NDArray[np.integer] | None = None,
) -> Array:
    """(resamples, M) the numbers of samples drawn with replacement.

    clusters: (N,) number of what is drawn as a whole, such as the video of a frame; None draws samples.
    NaN where a resample holds no sample of a bin.
    """
    widths = [len(columns) for columns in _columns(means)]
    matrix = np.stack([column for columns in _columns(means) for column in columns], axis=1)
    if clusters is not None:
        _, number = np.unique(clusters, return_inverse=True)
        grouped = np.zeros((number.max() + 1, matrix.shape[1]))
        np.add.at(grouped, number, matrix)
        matrix = grouped
    sums = np.empty((resamples, matrix.shape[1]))
    step = max(1, _CHUNK_VALUES // max(len(matrix), 1))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        sums[start : start + rows] = _draw_counts(len(matrix), rows, generator) @ matrix
    return _numbers(means, np.split(sums, np.cumsum(widths)[:-1], axis=1))


def _draw_counts(samples: int, rows: int, generator: np.random.Generator) -> Array:
    """(rows, samples) how often each sample was drawn, `samples` draws a row."""
    counts = np.empty((rows, samples))
    for row in range(rows):
        drawn = generator.integers(0, samples, samples, dtype=np.uint32)
        counts[row] = np.bincount(drawn, minlength=samples)
    return counts


def _columns(means: Sequence[Mean]) -> list[tuple[Array, ...]]:
    return [(*mean.tops, *mean.bottoms) for mean in means]


def _numbers(means: Sequence[Mean], sums: Sequence[Array]) -> Array:
    """(R, M) from the sums (R, 2 P) of each mean's columns."""
    numbers = []
    for mean, total in zip(means, sums):
        top, bottom = np.split(total, 2, axis=1)
        ratios = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
        numbers.append(ratios.std(axis=1) if mean.spread else ratios.mean(axis=1))
    return np.stack(numbers, axis=1)


def interval(values: Array, level: float = 0.95) -> Array:
    """(2, M) percentiles of bootstrapped numbers (R, M), NaN among them left out; NaN where nothing is left."""
    tail = 50.0 * (1.0 - level)
    bounds = np.full((2, values.shape[1]), np.nan)
    for column in range(values.shape[1]):
        finite = values[np.isfinite(values[:, column]), column]
        if len(finite):
            bounds[:, column] = np.percentile(finite, [tail, 100.0 - tail])
    return bounds


def sign_flip_test(differences: Array, flips: int, generator: np.random.Generator) -> float:
    """Two-sided p value of "the mean of paired differences (N,) is zero", by flipping the sign of each at random.

    (1 + as extreme) / (1 + flips), so never 0. For differences in clusters give their sums.
    """
    observed = abs(differences.sum())
    extreme = 0
    step = max(1, _CHUNK_VALUES // max(len(differences), 1))
    for start in range(0, flips, step):
        rows = min(step, flips - start)
        signs = generator.integers(0, 2, (rows, len(differences)), dtype=np.int8) * 2.0 - 1.0
        # Sums of the same numbers in another order differ in the last bits.
        extreme += int((np.abs(signs @ differences) >= observed * (1.0 - 1e-12)).sum())
    return (1 + extreme) / (1 + flips)


def cluster_sums(values: Array, clusters: Sequence[str]) -> Array:
    """(G,) sums of values (N,) over what belongs together; the values themselves when `clusters` is empty."""
    if not clusters:
        return values
    _, number = np.unique(np.asarray(clusters), return_inverse=True)
    return np.asarray(np.bincount(number, weights=values), np.float64)


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation (n - 1) over runs; the deviation of one run is NaN."""
    array = np.asarray(values, np.float64)
    return float(array.mean()), float(array.std(ddof=1)) if len(array) > 1 else float("nan")
