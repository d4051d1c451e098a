"""The rows of a dataset as a table to be read column by column: samples.parquet, or some samples read again."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from synthgen.core.errors import DatasetError
from synthgen.dataset.manifest import TABLE_FILE
from synthgen.dataset.reader import Dataset
from synthgen.dataset.table import build_table
from synthgen.report.column_statistics import SampleTable, rows_as_table

if TYPE_CHECKING:
    import pyarrow

# Without a table file the parameters are read from the samples, of which this many are chosen, evenly spread.
MOST_ROWS = 20_000
_BATCH_ROWS = 1 << 16


def sample_table(dataset: Dataset) -> SampleTable:
    """The table of a dataset: from its file when that is whole, else from at most 20,000 of its samples."""
    return _file_table(dataset) or _rebuilt_table(dataset)


def spread(count: int, most: int) -> list[int]:
    """At most `most` positions of `count`, evenly spread, first and last among them."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most)).tolist()}) if count else []


def _file_table(dataset: Dataset) -> SampleTable | None:
    """None when the file is missing, damaged, or of another number of samples, as while a run goes on."""
    import pyarrow
    import pyarrow.parquet

    path = dataset.path / TABLE_FILE
    if not dataset.complete or not path.is_file():
        return None

    def batches(names: Sequence[str]) -> Iterator["pyarrow.RecordBatch"]:
        with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
            yield from file.iter_batches(_BATCH_ROWS, columns=list(names))

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            rows, names = file.metadata.num_rows, tuple(file.schema_arrow.names)
        for name in names:
            for _ in batches([name]):  # every page once, so that damage shows here and not half way through a report
                pass
    except (OSError, pyarrow.ArrowException):
        return None
    return SampleTable(rows, names, batches) if rows == len(dataset) else None


def _rebuilt_table(dataset: Dataset) -> SampleTable:
    positions = [position for position in spread(len(dataset), MOST_ROWS) if _is_readable(dataset, position)]
    return rows_as_table(build_table(dataset, positions), len(positions) == len(dataset))


def _is_readable(dataset: Dataset, position: int) -> bool:
    try:
        dataset.meta(position)
    except DatasetError:
        return False
    return True
