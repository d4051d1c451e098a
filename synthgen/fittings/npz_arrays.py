"""Arrays of an npz file whose every array is declared: headers are checked before anything is allocated."""

import math
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from synthgen.core.bounded_file import open_regular
from synthgen.core.errors import AssetError
from synthgen.core.limits import MOST_FITTING_ARRAY_BYTES, MOST_FITTING_TEXT
from synthgen.core.npz import read_npz

Kind = Literal["float64", "int32", "text"]


@dataclass(frozen=True)
class ArraySpec:
    """One array of the file. shape: numbers, or names of sizes that must agree across arrays."""

    kind: Kind
    shape: tuple[int | str, ...]
    meaning: str


def read_arrays(path: Path, specs: Mapping[str, ArraySpec], advice: str) -> dict[str, NDArray[Any]]:
    """The declared arrays of an npz file, which must hold exactly these.

    advice: what kind of file was expected, for messages. Raises AssetError naming file and array for anything else.
    """
    sizes: dict[str, int] = {}

    def judge(key: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        if key not in specs:
            raise AssetError(f"{path}: unknown array {key!r}; expected {advice}")
        check_declared(path, key, specs[key], dtype, shape, sizes)

    try:
        with open_regular(path) as file:
            arrays = read_npz(file, judge, len(specs) * MOST_FITTING_ARRAY_BYTES)
    except FileNotFoundError as error:
        raise AssetError(f"{path}: the file does not exist; expected {advice}") from error
    except OSError as error:
        raise AssetError(f"{path}: the file cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise AssetError(f"{path}: damaged or no such file ({error}); expected {advice}") from error
    for key in specs.keys() - arrays.keys():
        raise AssetError(f"{path}: array {key!r} is missing ({specs[key].meaning}); expected {advice}")
    return arrays


def check_declared(
    path: Path, key: str, spec: ArraySpec, dtype: np.dtype[Any], shape: tuple[int, ...], sizes: dict[str, int]
) -> None:
    """Raises AssetError unless dtype and shape are as declared; fills `sizes` with the named sizes met so far."""
    is_text = spec.kind == "text"
    right_type = dtype.kind == "U" if is_text else (dtype == np.dtype(spec.kind) and dtype.isnative)
    if not right_type:
        raise AssetError(f"{path}: array {key!r} has type {dtype}, expected {spec.kind} ({spec.meaning})")
    too_long = is_text and dtype.itemsize > 4 * MOST_FITTING_TEXT
    if too_long or math.prod(shape) * dtype.itemsize > MOST_FITTING_ARRAY_BYTES:
        raise AssetError(f"{path}: array {key!r} of shape {shape} and type {dtype} is larger than a file may hold")
    wanted = [sizes.setdefault(size, actual) if isinstance(size, str) else size
              for size, actual in zip(spec.shape, shape)]  # fmt: skip
    if len(shape) != len(spec.shape) or list(shape) != wanted:
        named = f" = {tuple(wanted)} as in the other arrays" if len(shape) == len(spec.shape) else ""
        raise AssetError(
            f"{path}: array {key!r} has shape {shape}, expected ({', '.join(map(str, spec.shape))}){named}"
        )


def write_file(path: Path, write: Any) -> None:
    """A file that appears under its name only when it is whole: write(stream) fills it, then it is renamed.

    Raises AssetError when it cannot be written.
    """
    if path.exists() and not path.is_file():
        raise AssetError(f"{path}: cannot be written: it is a folder or a device; choose the name of a file")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise AssetError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """An npz file of uncompressed arrays in the given order: equal arrays give equal bytes. Raises AssetError."""
    write_file(path, lambda stream: np.savez(stream, allow_pickle=False, **cast(Mapping[str, Any], arrays)))
