"""Samples of a dataset and predictions of them -> scores, one row a sample."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from eval.benchmark_bins import Axis
from eval.benchmark_scores import SampleScores
from eval.plane_predictions import Arrays, PlanePredictions
from eval.protocol import Missing
from synthgen.core.errors import UsageError
from synthgen.dataset.reader import Dataset

CHUNK = 32
Score = Callable[[Arrays, Arrays], SampleScores]


class Source(Protocol):
    """Where predictions come from."""

    names: tuple[str, ...]
    card: Any  # of a network (synthgen.predict.card.NetworkCard), None of a file

    def of(self, numbers: Sequence[int], samples: Sequence[Arrays]) -> list[Arrays | None]:
        """Predictions of samples, whose numbers are given, too; None where there is none."""
        ...


class FileSource:
    """Predictions of a file."""

    card = None

    def __init__(self, predictions: PlanePredictions) -> None:
        self._predictions = predictions
        self.names = predictions.names

    def of(self, numbers: Sequence[int], samples: Sequence[Arrays]) -> list[Arrays | None]:
        """See Source."""
        return [self._predictions.get(number) for number in numbers]


@dataclass(frozen=True)
class Scores:
    """N samples. values: metric -> (N,), NaN where there is none; overlaps: class -> (N, 2) pixels of intersection and
    union; axes: axis name -> (N,) values by which samples are binned; found: (N,) whether there was a prediction."""

    ids: tuple[str, ...]
    values: dict[str, NDArray[np.float64]]
    overlaps: dict[str, NDArray[np.float64]]
    axes: dict[str, NDArray[np.float64]]
    found: NDArray[np.bool_]

    def kept(self, rows: NDArray[np.bool_]) -> "Scores":
        """Some of the samples."""
        return Scores(
            tuple(name for name, keep in zip(self.ids, rows, strict=True) if keep),
            {name: column[rows] for name, column in self.values.items()},
            {name: column[rows] for name, column in self.overlaps.items()},
            {name: column[rows] for name, column in self.axes.items()},
            self.found[rows],
        )


def chunks(dataset: Dataset, source: Source) -> Iterator[tuple[int, Arrays, Arrays | None]]:
    """(position, sample, prediction or None) of every sample in order."""
    for first in range(0, len(dataset), CHUNK):
        positions = range(first, min(first + CHUNK, len(dataset)))
        samples = [dataset[position] for position in positions]
        numbers = [dataset.sample_index(position) for position in positions]
        yield from zip(positions, samples, source.of(numbers, samples), strict=True)


def collect_scores(
    dataset: Dataset, source: Source, score: Score, values_of: Callable[[dict[str, Any], Arrays], dict[str, float]]
) -> Scores:
    """Scores of every sample. values_of: row of samples.parquet and sample -> axis name -> value."""
    table = dataset.table.to_pylist()
    rows: list[SampleScores] = []
    axes: list[dict[str, float]] = []
    found = np.zeros(len(dataset), bool)
    for position, sample, predicted in chunks(dataset, source):
        found[position] = predicted is not None
        rows.append(SampleScores({}, {}) if predicted is None else score(predicted, sample))
        axes.append(values_of(table[position], sample))
    names = {name: None for row in rows for name in row.values}
    classes = {name: None for row in rows for name in row.overlaps}
    return Scores(
        tuple(str(dataset.sample_index(position)) for position in range(len(dataset))),
        {name: np.array([row.values.get(name, np.nan) for row in rows]) for name in names},
        {name: np.array([_pixels(row, name) for row in rows], np.float64) for name in classes},
        {name: np.array([axis[name] for axis in axes]) for name in axes[0]} if axes else {},
        found,
    )


def _pixels(row: SampleScores, name: str) -> tuple[int, int]:
    overlap = row.overlaps.get(name)
    return (0, 0) if overlap is None else (overlap.intersection, overlap.union)


def without_missing(scores: Scores, missing: Missing | None, worst: dict[str, float]) -> tuple[Scores, list[str]]:
    """Scores where every sample has its own or is left out, and what a reader must know.

    worst: metric -> what a sample without a prediction counts with `missing` "fail". Raises UsageError when samples
    lack a prediction and nobody chose what that means, or none has one.
    """
    lacking = [name for name, found in zip(scores.ids, scores.found, strict=True) if not found]
    if not lacking:
        return scores, []
    if len(lacking) == len(scores.ids):
        raise UsageError("no sample of the dataset is predicted; ids must be its sample numbers, 0, 1, 2 and so on")
    some = ", ".join(lacking[:5]) + (", ..." if len(lacking) > 5 else "")
    text = f"{len(lacking)} of {len(scores.ids)} samples have no prediction ({some})"
    if missing is None:
        raise UsageError(
            f"{text}; choose --missing fail (each counts with the worst error there is) or --missing exclude (they are "
            "left out, which makes most numbers better)"
        )
    if missing == "exclude":
        return scores.kept(scores.found), [f"{text}; they are left out."]
    unbounded = sorted(set(scores.values) - set(worst))
    if unbounded or scores.overlaps:
        names = ", ".join(unbounded or list(scores.overlaps))
        raise UsageError(f"{text}; for {names} no error is the worst, so --missing fail has no meaning; use exclude")
    values = {name: np.where(scores.found, column, worst[name]) for name, column in scores.values.items()}
    filled = Scores(scores.ids, values, scores.overlaps, scores.axes, scores.found)
    return filled, [f"{text}; each counts with the worst error there is."]


def bins_of(scores: Scores, axis: Axis) -> list[tuple[str, NDArray[np.bool_]]]:
    """Name and mask (N,) of each bin of an axis that has samples."""
    number = np.array([axis.bin_of(value) for value in scores.axes[axis.name]])
    masks = [(name, number == n) for n, name in enumerate(axis.names)]
    return [(name, mask) for name, mask in masks if mask.any()]
