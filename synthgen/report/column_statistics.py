"""Statistics of the table of samples, a column at a time, in batches: a million rows need the memory of one batch.

Lists count element by element; null and NaN are counted apart.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow

Numbers = NDArray[np.float64]
# Numbers that take no more values than this are shown value by value.
MOST_VALUES = 24
# Texts beyond this many are only counted, so that a column of file names cannot fill the memory.
MOST_TEXTS = 50_000


@dataclass(frozen=True)
class SampleTable:
    """Columns of samples. rows: how many; names: of the columns; batches(names): the columns, a part of the rows at a
    time; whole: False when the rows are a selection of all samples."""

    rows: int
    names: tuple[str, ...]
    batches: Callable[[Sequence[str]], Iterator["pyarrow.RecordBatch"]]
    whole: bool = True


@dataclass
class NumberColumn:
    """count: numbers; missing: rows or elements without one; values: number -> how often, None when there are many."""

    count: int = 0
    missing: int = 0
    low: float = np.inf
    high: float = -np.inf
    mean: float = 0.0
    stddev: float = 0.0
    values: dict[float, int] | None = field(default_factory=dict)
    is_list: bool = False


@dataclass
class TextColumn:
    """count: texts; texts: text -> how often, of the first 50,000 different ones; others: how often any other came."""

    count: int = 0
    missing: int = 0
    texts: Counter[str] = field(default_factory=Counter)
    others: int = 0


def summarise(table: SampleTable, name: str) -> NumberColumn | TextColumn | None:
    """What a column holds, None when it is neither numbers nor text."""
    import pyarrow

    column: NumberColumn | TextColumn | None = None
    mean_of_squares = 0.0
    for array, is_list in _arrays(table, name):
        if pyarrow.types.is_string(array.type) or pyarrow.types.is_large_string(array.type):
            column = column or TextColumn()
            if isinstance(column, TextColumn):
                _count_texts(column, array)
            continue
        numbers, missing = _numbers(array)
        if numbers is None:
            continue
        column = column or NumberColumn(is_list=is_list)
        if isinstance(column, NumberColumn):
            mean_of_squares = _count_numbers(column, numbers, missing, mean_of_squares)
    if isinstance(column, NumberColumn):
        column.stddev = float(np.sqrt(max(mean_of_squares / max(column.count, 1), 0.0)))
    return column


def bin_counts(table: SampleTable, name: str, edges: Numbers) -> NDArray[np.int64]:
    """(B,) how many numbers fall into [edges[k], edges[k + 1]); those outside are left out."""
    counts = np.zeros(len(edges) - 1, np.int64)
    for array, _ in _arrays(table, name):
        numbers, _ = _numbers(array)
        if numbers is not None:
            places = np.searchsorted(edges, numbers, side="right")
            counts += np.bincount(places, minlength=len(edges) + 1)[1 : len(edges)]
    return counts


def joint_counts(table: SampleTable, names: tuple[str, str], edges: tuple[Numbers, Numbers]) -> NDArray[np.int64]:
    """(A, B) how many rows, or elements of equally long lists, fall into each cell; numbers outside are left out."""
    counts = np.zeros((len(edges[0]) - 1, len(edges[1]) - 1), np.int64)
    for batch in table.batches(names):
        first, second = (_flat(batch.column(name)).to_numpy(zero_copy_only=False) for name in names)
        found, _, _ = np.histogram2d(first.astype(np.float64), second.astype(np.float64), bins=edges)
        counts += found.astype(np.int64)
    return counts


def _arrays(table: SampleTable, name: str) -> Iterator[tuple["pyarrow.Array", bool]]:
    """The column in parts, lists laid out flat, and whether they were lists."""
    import pyarrow

    for batch in table.batches([name]):
        column = batch.column(name)
        yield _flat(column), pyarrow.types.is_list(column.type)


def _flat(column: "pyarrow.Array") -> "pyarrow.Array":
    import pyarrow

    return column.flatten() if pyarrow.types.is_list(column.type) else column


def _numbers(array: "pyarrow.Array") -> tuple[Numbers | None, int]:
    """The finite numbers as float64 and how many are not; None for what is not numbers."""
    import pyarrow

    kind = array.type
    if pyarrow.types.is_null(kind):
        return np.zeros(0), len(array)
    if not (pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind) or pyarrow.types.is_boolean(kind)):
        return None, 0
    values = array.drop_null().to_numpy(zero_copy_only=False).astype(np.float64)
    finite = values[np.isfinite(values)]
    return finite, len(array) - len(finite)


def _count_numbers(column: NumberColumn, numbers: Numbers, missing: int, squares: float) -> float:
    """Adds a part to a column; squares: sum of squared distances from the mean so far, returned with the part's."""
    column.missing += missing
    if not numbers.size:
        return squares
    mean, before, count = float(numbers.mean()), column.count, column.count + numbers.size
    # Chan et al.: the sums of two parts joined without cancellation.
    squares += float(((numbers - mean) ** 2).sum()) + (mean - column.mean) ** 2 * before * numbers.size / count
    column.mean += (mean - column.mean) * numbers.size / count
    column.count = count
    column.low, column.high = min(column.low, float(numbers.min())), max(column.high, float(numbers.max()))
    if column.values is not None:
        found, often = np.unique(numbers, return_counts=True)
        if len(found) > MOST_VALUES:
            column.values = None
        else:
            for value, times in zip(found.tolist(), often.tolist(), strict=True):
                column.values[value] = column.values.get(value, 0) + times
            if len(column.values) > MOST_VALUES:
                column.values = None
    return squares


def _count_texts(column: TextColumn, array: "pyarrow.Array") -> None:
    column.missing += array.null_count
    for entry in array.drop_null().value_counts().to_pylist():
        text, times = entry["values"], int(entry["counts"])
        column.count += times
        if text in column.texts or len(column.texts) < MOST_TEXTS:
            column.texts[text] += times
        else:
            column.others += times


def rows_as_table(table: "pyarrow.Table", whole: bool = True) -> SampleTable:
    """A table that is in memory."""

    def batches(names: Sequence[str]) -> Iterator[Any]:
        return iter(table.select(list(names)).to_batches())

    return SampleTable(table.num_rows, tuple(table.column_names), batches, whole)
