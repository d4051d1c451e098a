"""Arrays of .npz files that people bring, read within bounds and without pickles."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.bounded_file import open_regular
from synthgen.core.errors import DatasetError
from synthgen.core.npz import read_npz

MOST_BYTES = 32 << 30  # dense predictions of a benchmark: 2,000 faces of 53,215 vertices are 2.6 GB


def read_arrays(path: Path, expected: str) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz file by name. Raises DatasetError saying what was `expected` for any other file."""
    try:
        with open_regular(path) as file:
            return read_npz(file, _any, MOST_BYTES, compressed=True)
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: no such file") from error
    except OSError as error:
        raise DatasetError(f"{path}: the file cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise DatasetError(f"{path}: expected an .npz file of {expected}: {error}") from error


def _any(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Whoever asked judges the arrays."""
