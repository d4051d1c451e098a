"""`samples.parquet`: one row per sample with every sampled parameter, derived from the meta members."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from synthgen.core.errors import DatasetError
from synthgen.core.limits import MOST_TABLE_ROW_BYTES
from synthgen.dataset.whole_file import create_whole

if TYPE_CHECKING:
    import pyarrow


# Rows as dicts are large; a hundred thousand samples must not be held so.
ROWS_PER_PART = 2000
# Parts of a row group of samples.parquet.
_PARTS_PER_GROUP = 50


class MetaSource(Protocol):
    """What a table is built from: a `reader.Dataset`."""

    @property
    def path(self) -> Path: ...
    def __len__(self) -> int: ...
    def meta(self, position: int) -> dict[str, Any]: ...
    def shard_of(self, position: int) -> int: ...


def build_table(dataset: MetaSource, positions: Sequence[int] | None = None) -> "pyarrow.Table":
    """The table of a dataset, or of some of its samples.

    Columns: `index`, `shard`, one per parameter, `check_<name>` per label check.
    Lists become list columns; a parameter that a sample does not have is null there. Raises DatasetError for parameters
    that are a number in one sample and something else in another.
    """
    import pyarrow

    try:
        parts = list(table_parts(dataset, range(len(dataset)) if positions is None else positions))
        return pyarrow.concat_tables(parts, promote_options="permissive") if parts else pyarrow.table({})
    except (pyarrow.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise DatasetError(f"the parameters of the samples of {dataset.path} are no table: {error}") from error


def write_table(dataset: MetaSource, path: Path) -> None:
    """Write the table of a dataset of any length as samples.parquet.

    Parts wait on disk until the columns of all are known, so memory does not grow with the dataset.
    """
    import pyarrow
    import pyarrow.parquet

    with tempfile.TemporaryDirectory(prefix="synthgen-") as folder:
        files: list[str] = []
        schema: Any = pyarrow.schema([])
        for part in table_parts(dataset, range(len(dataset))):
            files.append(f"{folder}/{len(files)}.arrow")
            with pyarrow.ipc.new_file(files[-1], part.schema) as spool:
                spool.write_table(part)
            schema = pyarrow.unify_schemas([schema, part.schema], promote_options="permissive")
        whole = f"{folder}/{path.name}"
        with pyarrow.parquet.ParquetWriter(whole, schema, compression="zstd", write_page_checksum=True) as writer:
            for first in range(0, len(files), _PARTS_PER_GROUP):
                group = [pyarrow.ipc.open_file(file).read_all() for file in files[first : first + _PARTS_PER_GROUP]]
                empty = schema.empty_table()  # gives every group all columns
                rows = pyarrow.concat_tables([empty, *group], promote_options="permissive").select(schema.names)
                writer.write_table(rows.cast(schema))
        with open(whole, "rb") as content, create_whole(path) as sink:
            while chunk := content.read(1 << 20):
                sink.write(chunk)


def table_parts(dataset: MetaSource, positions: Sequence[int], rows: int = ROWS_PER_PART) -> "Iterator[pyarrow.Table]":
    """The table of some samples in parts of at most `rows`; columns and types are those that a part needs."""
    for start in range(0, len(positions), rows):
        yield _columns([_row(dataset, position) for position in positions[start : start + rows]])


def _row(dataset: MetaSource, position: int) -> dict[str, Any]:
    meta = dataset.meta(position)
    checks = {f"check_{name}": value for name, value in meta["checks"].items()}
    return {"index": meta["index"], "shard": dataset.shard_of(position), **meta["parameters"], **checks}


def _columns(rows: list[dict[str, Any]]) -> "pyarrow.Table":
    import pyarrow

    names = ["index", "shard", *sorted({name for row in rows for name in row} - {"index", "shard"})]
    return pyarrow.table({name: pyarrow.array(_same_type(row.get(name) for row in rows)) for name in names})


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
