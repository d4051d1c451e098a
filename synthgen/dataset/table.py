"""`samples.parquet`: one row per sample with every sampled parameter, derived from the meta members."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from synthgen.core.errors import DatasetError
from synthgen.core.limits import MOST_TABLE_ROW_BYTES

if TYPE_CHECKING:
    import pyarrow


# Rows as dicts are large; a hundred thousand samples must not be held so.
_ROWS_PER_PART = 2000


class MetaSource(Protocol):
    """What a table is built from: a `reader.Dataset`."""

    @property
    def path(self) -> Path: ...
    def __len__(self) -> int: ...
    def meta(self, position: int) -> dict[str, Any]: ...
    def shard_of(self, position: int) -> int: ...


def build_table(dataset: MetaSource) -> "pyarrow.Table":
    """The table of a dataset: `index`, `shard`, one column per parameter, `check_<name>` per label check.

    Lists become list columns; a parameter that a sample does not have is null there. Raises DatasetError for parameters
    that are a number in one sample and something else in another.
    """
    import pyarrow

    try:
        return _table_of(dataset)
    except (pyarrow.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise DatasetError(f"the parameters of the samples of {dataset.path} are no table: {error}") from error


def _table_of(dataset: MetaSource) -> "pyarrow.Table":
    import pyarrow

    parts, rows = [], []
    for position in range(len(dataset)):
        meta = dataset.meta(position)
        checks = {f"check_{name}": value for name, value in meta["checks"].items()}
        rows.append({"index": meta["index"], "shard": dataset.shard_of(position), **meta["parameters"], **checks})
        if len(rows) == _ROWS_PER_PART or position + 1 == len(dataset):
            parts.append(_columns(rows))
            rows = []
    return pyarrow.concat_tables(parts, promote_options="permissive") if parts else pyarrow.table({})


def _columns(rows: list[dict[str, Any]]) -> "pyarrow.Table":
    import pyarrow

    names = ["index", "shard", *sorted({name for row in rows for name in row} - {"index", "shard"})]
    return pyarrow.table({name: pyarrow.array(_same_type(row.get(name) for row in rows)) for name in names})


def table_to_parquet(table: "pyarrow.Table") -> bytes:
    """The bytes of samples.parquet."""
    import pyarrow.parquet

    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    return buffer.getvalue()


def read_table(path: Path, rows: int) -> "pyarrow.Table | None":
    """The table in a file, None when it is missing, damaged or of another number of rows (it can be rebuilt)."""
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
            groups = [file.metadata.row_group(group) for group in range(file.metadata.num_row_groups)]
            size = sum(group.total_byte_size for group in groups)
            # A column of equal values takes no space in the file, and all of it in memory.
            if file.metadata.num_rows != rows or size > rows * MOST_TABLE_ROW_BYTES:
                return None
            table = file.read()
    except (OSError, MemoryError, ValueError, TypeError, KeyError, NotImplementedError, pyarrow.ArrowException):
        return None
    return table if table.num_rows == rows else None


def _same_type(values: Iterable[Any]) -> list[Any]:
    """Values of one column; whole numbers become floats where a column mixes both."""
    column = list(values)
    if any(isinstance(value, float) for value in column):
        return [float(value) if isinstance(value, int) and not isinstance(value, bool) else value for value in column]
    return column
