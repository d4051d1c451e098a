"""eos's binary files: what its C++ writes through cereal, little-endian, without names or padding."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import ModelError
from synthgen.core.limits import MOST_BLENDSHAPE_NAME, MOST_BLENDSHAPES
from synthgen.morphable.loaders import array_checks as check
from synthgen.morphable.loaders.safe_pickle import read_whole_file

_VERSION = 1


@dataclass(frozen=True)
class EosModel:
    """mean: (V, 3) mm; basis: (K, V, 3), orthonormal; variance: (K,) mm^2; triangles: (T, 3), 0-based.

    texture: (V, 2), v down, or None.
    """

    mean: NDArray[np.float64]
    basis: NDArray[np.float32]
    variance: NDArray[np.float64]
    triangles: NDArray[np.int64]
    texture: NDArray[np.float64] | None


def read_eos_model(path: Path) -> EosModel:
    """The shape model of a MorphableModel file of version 1. Raises ModelError."""
    file = _Reader(path)
    (version,) = file.values("<I")
    if version != _VERSION:
        raise ModelError(f"{path}: version {version} of eos's model format, expected {_VERSION}; use eos's {path.name}")
    mean = check.points(f"{path}: the mean", file.matrix())
    basis = check.columns(f"{path}: the basis", file.matrix(), len(mean))
    variance = check.numbers(f"{path}: the eigenvalues", file.matrix(), (len(basis), 1))[:, 0]
    if (variance <= 0).any():
        raise ModelError(f"{path}: an eigenvalue is not positive")
    flat = basis.reshape(len(basis), -1)
    if np.abs(flat @ flat.T - np.eye(len(flat))).max(initial=0.0) > 1e-2:
        raise ModelError(f"{path}: the basis is not orthonormal, as eos's is")
    triangles = check.triangle_list(f"{path}: the triangle list", file.rows("<i4", 3), len(mean))
    for _ in range(3):
        file.matrix()  # colours
    file.rows("<i4", 3)
    texture = file.rows("<f8", 2)
    if len(texture) not in (0, len(mean)):
        raise ModelError(f"{path}: {len(texture)} texture coordinates for {len(mean)} vertices")
    file.check_end()
    return EosModel(mean, basis, variance, triangles, texture.astype(np.float64) if len(texture) else None)


def read_eos_blendshapes(path: Path, vertex_count: int) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Names (E,) and offsets (E, V, 3), mm for weight 1. Raises ModelError."""
    file = _Reader(path)
    (count,) = file.values("<Q")
    if not 0 < count <= MOST_BLENDSHAPES:
        raise ModelError(f"{path}: {count} blendshapes, expected 1 to {MOST_BLENDSHAPES}: not a blendshape file of eos")
    names, offsets = [], []
    for _ in range(count):
        (length,) = file.values("<Q")
        if not 0 < length <= MOST_BLENDSHAPE_NAME:
            raise ModelError(f"{path}: a blendshape name of {length} characters: not a blendshape file of eos")
        try:
            names.append(file.take(length).decode("ascii"))
        except UnicodeDecodeError as error:
            raise ModelError(f"{path}: a blendshape name is not text: {error}") from error
        offset = check.points(f"{path}: blendshape {names[-1]!r}", file.matrix())
        if len(offset) != vertex_count:
            raise ModelError(f"{path}: blendshape {names[-1]!r} has {len(offset)} vertices, the model {vertex_count}")
        offsets.append(offset)
    file.check_end()
    return tuple(names), np.stack(offsets)


class _Reader:
    """A position in a file; nothing is taken that is not there."""

    def __init__(self, path: Path) -> None:
        self.path, self.data, self.place = path, read_whole_file(path), 0

    def take(self, size: int) -> bytes:
        if size > len(self.data) - self.place:
            raise ModelError(f"{self.path}: ends early: {size} bytes expected at byte {self.place} of {len(self.data)}")
        self.place += size
        return self.data[self.place - size : self.place]

    def values(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))

    def matrix(self) -> NDArray[np.float32]:
        """A matrix of Eigen: numbers of rows and columns, then float32 column by column."""
        rows, columns = self.values("<ii")
        if rows < 0 or columns < 0:
            raise ModelError(f"{self.path}: a matrix of {rows} x {columns} at byte {self.place}: not a file of eos")
        return np.frombuffer(self.take(4 * rows * columns), "<f4").reshape(columns, rows).T

    def rows(self, dtype: str, width: int) -> NDArray[Any]:
        """A vector of arrays: their number, then `width` numbers each."""
        (count,) = self.values("<Q")
        return np.frombuffer(self.take(count * width * np.dtype(dtype).itemsize), dtype).reshape(-1, width)

    def check_end(self) -> None:
        """Raises ModelError unless everything was read."""
        if self.place != len(self.data):
            raise ModelError(f"{self.path}: {len(self.data) - self.place} bytes too many: not a file of eos")
