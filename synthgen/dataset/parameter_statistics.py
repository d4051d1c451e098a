"""Mean and standard deviation of `parameters_62` over a dataset: what a network's outputs are normalised with."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import UsageError

if TYPE_CHECKING:
    import pyarrow

    from synthgen.dataset.layout import SampleLayout

LABEL = "parameters_62"
Array = NDArray[np.float64]


class ParameterSource(Protocol):
    """What the numbers come from: a `reader.Dataset`."""

    @property
    def layout(self) -> "SampleLayout": ...
    @property
    def table(self) -> "pyarrow.Table": ...
    def __iter__(self) -> Any: ...


def parameter_statistics(dataset: ParameterSource) -> tuple[Array, Array]:
    """mean (62,) and standard deviation (62,) of `parameters_62`, from the table where it has them.

    The deviation of the whole set (divided by N), 1 for an entry that never changes, as index 11 (t_z) where no fitting
    has one: its z-score is then 0. Raises UsageError when the dataset does not hold them, or none that are finite
    because its cameras are perspective.
    """
    values = _values(dataset)
    if not np.isfinite(values).all():
        raise UsageError(
            f"{LABEL} of this dataset are not finite: perspective cameras have no such form; make it with "
            "scaled-orthographic cameras"
        )
    mean, deviation = values.mean(axis=0), values.std(axis=0)
    constant = values.max(axis=0) == values.min(axis=0)
    return np.where(constant, values[0], mean), np.where(constant, 1.0, deviation)


def _values(dataset: ParameterSource) -> Array:
    """(M, 62): one row per picture."""
    table = dataset.table
    columns = [prefix + LABEL for prefix in dataset.layout.prefixes]
    if all(name in table.column_names for name in columns):
        rows: Iterable[Any] = (row for name in columns for row in table[name].to_pylist())
    elif LABEL in dataset.layout.labels:
        rows = (sample[name] for sample in dataset for name in columns)
    else:
        raise UsageError(f"this dataset holds no {LABEL}; store `parameters`")
    kept = [np.asarray(row if row is not None else np.full(62, np.nan), np.float64) for row in rows]
    if not kept:
        raise UsageError("this dataset has no samples yet")
    return np.stack(kept)
