"""From Basel 2009 numbers, as the MATLAB files of this family hold them, to a morphable model in our conventions.

All of them are in micrometres with x0, y0, z0, x1, ... down a column, orthonormal identity columns, standard
deviations (called EV in Basel's own file), and 1-based triangles that run clockwise seen from outside.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import ModelError
from synthgen.morphable.loaders.landmark_lists import TDDFA_53215
from synthgen.morphable.loaders.mat_file import file_sha256
from synthgen.morphable.loaders.stddev_model import Components, Origin, face_template, stddev_model
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.model_file import EXTENT_MM

MILLIMETRES = 1e-3
LICENCE = (
    "Basel Face Model 2009 licence (University of Basel): for the person who signed it and research only. "
    "The data and this file made from them must not be passed on."
)
# The largest movement of a vertex by one standard deviation. The first coefficient in 300W-LP varies by 5.9e5 um, which
# over 53,215 vertices of an orthonormal column is 2.5 mm on average; its square would be a kilometre.
_MOST_MM = 60.0


@dataclass(frozen=True)
class ColumnBasis:
    """Components in columns. columns: (3V, K) um per unit of coefficient; stddev: (K,) standard deviations of the
    coefficients in the publisher's unit, so that columns * stddev is um per standard deviation."""

    columns: NDArray[np.floating]
    stddev: NDArray[np.floating]


@dataclass(frozen=True)
class BaselArrays:
    """mean: (3V,) um, whatever mean of the expressions belongs to it included; triangles: (T, 3), 1-based, clockwise
    from outside; landmarks: (68,) 0-based vertices; expression: None for a model without."""

    mean: NDArray[np.floating]
    identity: ColumnBasis
    expression: ColumnBasis | None
    triangles: NDArray[np.integer]
    landmarks: NDArray[np.integer]


def basel_model(name: str, arrays: BaselArrays, where: Path, files: list[Path]) -> MorphableModel:
    """The model in millimetres per standard deviation, counter-clockwise, 0-based, with this project's chart.

    where: the file or folder that messages name; files: what was read, for `source`.
    Raises ModelError for an index beyond the mesh, numbers that are not micrometres, or standard deviations that
    cannot be.
    """
    mean = _positions(arrays.mean)
    extent = float(np.ptp(mean, axis=0).max())
    if not EXTENT_MM[0] <= extent <= EXTENT_MM[1]:
        raise ModelError(
            f"{where}: the mean shape is {extent / MILLIMETRES:.4g} units long, expected a head of "
            f"{EXTENT_MM[0] / MILLIMETRES:.0f} to {EXTENT_MM[1] / MILLIMETRES:.0f} micrometres"
        )
    if arrays.triangles.min() < 1 or arrays.triangles.max() > len(mean):
        raise ModelError(
            f"{where}: triangles name vertices {arrays.triangles.min()} to {arrays.triangles.max()}, expected 1-based "
            f"numbers from 1 to {len(mean)}"
        )
    # Read from the other side: counter-clockwise, as everywhere here.
    triangles = np.asarray(arrays.triangles, np.int64)[:, [0, 2, 1]] - 1
    identity = _per_stddev(where, "identity", arrays.identity)
    none = ColumnBasis(np.zeros((mean.size, 0), np.float32), np.zeros(0, np.float32))
    moving = none if arrays.expression is None else arrays.expression
    expression = _per_stddev(where, "expression", moving)
    template = face_template(where, mean, triangles, arrays.landmarks)
    source = "; ".join(f"{file.name} sha256 {file_sha256(file)}" for file in files)
    return stddev_model(
        Components(mean, identity, expression, arrays.identity.stddev, moving.stddev),
        template,
        Origin(name, LICENCE, source),
    )


def landmark_rows(where: str, numbers: NDArray[np.integer], vertex_count: int) -> NDArray[np.int64]:
    """0-based rows of 68 vertices that a file numbers from 1.

    Raises ModelError for another count or range, and for 3DDFA's own list when it is numbered from 0.
    """
    if np.array_equal(numbers, TDDFA_53215):
        raise ModelError(f"{where} holds 3DDFA's 68 points as 0-based vertices, expected 1-based numbers")
    if len(numbers) != 68 or numbers.min() < 1 or numbers.max() > vertex_count:
        raise ModelError(
            f"{where} holds {len(numbers)} numbers from {numbers.min()} to {numbers.max()}, expected the 68 iBUG "
            f"points as 1-based vertices up to {vertex_count}"
        )
    return np.asarray(numbers, np.int64) - 1


def triangle_rows(where: str, numbers: NDArray[np.integer]) -> NDArray[np.integer]:
    """(T, 3) triangles that a file stores as (3, T), or already as (T, 3). Raises ModelError for neither."""
    if numbers.ndim == 2 and numbers.shape[0] == 3 and numbers.shape[1] != 3:
        return numbers.T
    if numbers.ndim == 2 and numbers.shape[1] == 3:
        return numbers
    raise ModelError(f"{where} has shape {numbers.shape}, expected (3, T) or (T, 3)")


def _positions(column: NDArray[np.floating]) -> NDArray[np.float64]:
    """(V, 3) mm from x0, y0, z0, x1, ... in um."""
    return np.asarray(column, np.float64).reshape(-1, 3) * MILLIMETRES


def _per_stddev(where: Path, what: str, basis: ColumnBasis) -> NDArray[np.float32]:
    """(K, V, 3) mm per standard deviation."""
    scale = np.asarray(basis.stddev, np.float64) * MILLIMETRES
    moved = np.empty((basis.columns.shape[1], basis.columns.shape[0] // 3, 3), np.float32)
    for number in range(len(moved)):  # one at a time: 199 columns of double precision are 255 MB
        moved[number] = (basis.columns[:, number] * scale[number]).reshape(-1, 3)
        largest = float(np.abs(moved[number]).max())
        if not largest <= _MOST_MM:
            raise ModelError(
                f"{where}: one standard deviation of {what} component {number} moves a vertex by {largest:.3g} mm, "
                f"expected {_MOST_MM:.0f} mm or less; the file must hold standard deviations, not variances, and "
                "columns for micrometres"
            )
    return moved
