"""Mean and standard deviation of `parameters_62` over a dataset: what a network's outputs are normalised with."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import UsageError
from synthgen.dataset.whole_file import write_whole

if TYPE_CHECKING:
    import pyarrow

    from synthgen.dataset.layout import SampleLayout

LABEL = "parameters_62"
_FORMAT = "synthgen-parameters-62-1"
# Rows in memory at a time; a million samples of 62 numbers need not be.
_CHUNK = 2000
Array = NDArray[np.float64]


class ParameterSource(Protocol):
    """What the numbers come from: a `reader.Dataset`."""

    @property
    def layout(self) -> "SampleLayout": ...
    @property
    def table(self) -> "pyarrow.Table": ...
    def with_labels(self, *labels: str) -> Self: ...
    def __iter__(self) -> Any: ...


def parameter_statistics(dataset: ParameterSource) -> tuple[Array, Array]:
    """mean (62,) and standard deviation (62,) of `parameters_62`, from the table where it has them.

    The deviation of the whole set (divided by N), 1 for an entry that never changes, as index 11 (t_z) where no fitting
    has one: its z-score is then 0. Raises UsageError when the dataset does not hold them, or none that are finite
    because its cameras are perspective.
    """
    return _moments(dataset)[1:]


def write_parameter_statistics(dataset: ParameterSource, path: Path) -> bool:
    """Write count, mean and std of a complete dataset's `parameters_62` as JSON; say whether it has any.

    path: the file, `parameters_62.json` beside the shards. Datasets without these parameters, or with perspective
    cameras, have no file. Raises DatasetError when the file cannot be written or samples are damaged.
    """
    try:
        count, mean, deviation = _moments(dataset)
    except UsageError:
        return False
    content = {"format": _FORMAT, "count": count, "mean": mean.tolist(), "std": deviation.tolist()}
    write_whole(path, (json.dumps(content, indent=1) + "\n").encode())
    return True


def _moments(dataset: ParameterSource) -> tuple[int, Array, Array]:
    """Number of pictures, mean and standard deviation, by Chan's rule for parts."""
    count, mean, squares = 0, np.zeros(62), np.zeros(62)
    low, high = np.full(62, np.inf), np.full(62, -np.inf)
    rows = _rows(dataset)
    while kept := list(islice(rows, _CHUNK)):
        part = np.stack(kept)
        shift = part.mean(axis=0) - mean
        total = count + len(part)
        squares += ((part - part.mean(axis=0)) ** 2).sum(axis=0) + shift**2 * (count * len(part) / total)
        mean += shift * (len(part) / total)
        low, high = np.minimum(low, part.min(axis=0)), np.maximum(high, part.max(axis=0))
        count = total
    if not count:
        raise UsageError("this dataset has no samples yet")
    constant = low == high
    return count, np.where(constant, low, mean), np.where(constant, 1.0, np.sqrt(squares / count))


def _rows(dataset: ParameterSource) -> Iterator[Array]:
    """(62,) of one picture after the other. Raises UsageError at the first that is not finite."""
    columns = [prefix + LABEL for prefix in dataset.layout.prefixes]
    table = dataset.table
    found: Iterator[Any]
    if all(name in table.column_names for name in columns):
        found = _table_rows(table, columns)
    elif LABEL in dataset.layout.labels:
        found = (sample[name] for sample in dataset.with_labels(LABEL) for name in columns)
    else:
        raise UsageError(f"this dataset holds no {LABEL}; store `parameters`")
    for row in found:
        values = np.full(62, np.nan) if row is None else np.asarray(row, np.float64)
        if not np.isfinite(values).all():
            raise UsageError(
                f"{LABEL} of this dataset are not finite: perspective cameras have no such form; make it with "
                "scaled-orthographic cameras: `synthgen fit --camera scaled_orthographic` for photos, "
                "`camera: {projection: scaled_orthographic}` in a recipe"
            )
        yield values


def _table_rows(table: "pyarrow.Table", columns: list[str]) -> Iterator[Any]:
    for name in columns:
        for start in range(0, len(table), _CHUNK):
            yield from table[name].slice(start, _CHUNK).to_pylist()
