"""The data term of dfc equation 3: surface points of heads against their places in pictures, thousands of them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from synthgen.alignment.robust import Kernel, robust_loss, robust_weight
from synthgen.alignment.solver import Array, Quadratic
from synthgen.alignment.surface_basis import PointBasis, SurfaceBasis, surface_points
from synthgen.alignment.unknowns import FOCAL, NEAREST_MM, HeadUnknowns
from synthgen.core.conventions import CAMERA_FROM_WORLD
from synthgen.core.errors import UsageError

REFERENCE_SIDE = 128  # px: residuals count in pixels of a picture of this side, whatever its own


@dataclass(frozen=True)
class Correspondences:
    """K surface points for each of N pictures; padding has weight 0.

    triangle: (N, K) int32, label-carrying triangles; barycentric: (N, K, 3); points: (N, K, 2) px, where they are
    seen; weight: (N, K), how much each counts, 0 for none; unit: (N,), px of the picture per px of one whose longer
    side has 128.
    """

    triangle: NDArray[np.int32]
    barycentric: Array
    points: Array
    weight: Array
    unit: Array


def check_correspondences(found: Correspondences, surface: SurfaceBasis) -> None:
    """Raises UsageError for arrays that do not go together, triangles that carry no labels, or wrong numbers."""
    shape = found.triangle.shape
    if len(shape) != 2 or found.barycentric.shape != (*shape, 3) or found.points.shape != (*shape, 2):
        raise UsageError(
            f"correspondences must be triangle (N, K), barycentric (N, K, 3) and points (N, K, 2); got {shape}, "
            f"{found.barycentric.shape} and {found.points.shape}"
        )
    if found.weight.shape != shape or found.unit.shape != shape[:1]:
        raise UsageError(f"weight must be {shape} and unit {shape[:1]}; got {found.weight.shape}, {found.unit.shape}")
    if not (np.isfinite(found.weight) & (found.weight >= 0)).all():
        raise UsageError("weights of correspondences must be finite and >= 0")
    if not (np.isfinite(found.unit) & (found.unit > 0)).all():
        raise UsageError("units of correspondences must be finite and > 0")
    used = found.weight > 0
    if used.any() and not 0 <= found.triangle[used].min() <= found.triangle[used].max() < len(surface.corners):
        raise UsageError(f"triangles of correspondences must lie in 0..{len(surface.corners) - 1}, which carry labels")
    if not (np.isfinite(found.points[used]).all() and np.isfinite(found.barycentric[used]).all()):
        raise UsageError("points and barycentrics of correspondences must be finite where the weight is not 0")


@dataclass(frozen=True)
class _Row:
    """The correspondences of one picture. points: (2, K) px; weight: (K,)."""

    basis: PointBasis
    points: Array
    weight: Array
    unit: float


@dataclass(frozen=True)
class _View:
    """One head's points. turned: (3, K) mm before the translation; depth: (K,) mm; from_axis: (2, K) px from the
    principal point; residual: (2, K) and squared (K,), in pixels of a picture of side 128."""

    turned: Array
    depth: Array
    from_axis: Array
    residual: Array
    squared: Array


class CorrespondenceTerm:
    """weight times the robust sum over correspondences of w_i |projected - seen|^2 / 2, in px^2 of a 128 px picture.

    dfc equation 3 with each term halved, which moves no minimum. kernel: the loss, and its width in those pixels.
    Width and weight: one for all, or (N,) one for each picture.
    Rows are computed one after another, so that a picture's derivatives stay in the processor's cache and a batch gives
    what its pictures give alone.
    """

    def __init__(self, rows: list[_Row], kernel: tuple[Kernel, float | Array], weight: float | Array = 1.0) -> None:
        self.rows, self.kernel = rows, kernel[0]
        self.width = np.broadcast_to(np.asarray(kernel[1], np.float64), len(rows))
        self.weight = np.broadcast_to(np.asarray(weight, np.float64), len(rows))
        self._last: list[tuple[bytes, _View] | None] = [None] * len(rows)

    @classmethod
    def of(
        cls,
        surface: SurfaceBasis,
        found: Correspondences,
        kernel: tuple[Kernel, float | Array],
        weight: float | Array = 1.0,
    ) -> Self:
        """The term of correspondences. Raises UsageError for ones that do not fit together or the surface."""
        check_correspondences(found, surface)
        rows = []
        for n, unit in enumerate(found.unit.tolist()):
            used = np.flatnonzero(found.weight[n] > 0)
            basis = surface_points(surface, found.triangle[n, used], found.barycentric[n, used])
            points = np.ascontiguousarray(found.points[n, used].T, np.float64)
            rows.append(_Row(basis, points, found.weight[n, used].astype(np.float64), unit))
        return cls(rows, kernel, weight)

    def weighed(self, kernel: tuple[Kernel, float | Array], weight: float | Array) -> "CorrespondenceTerm":
        """The same correspondences under another loss and weight."""
        return CorrespondenceTerm(self.rows, kernel, weight)

    def thinned(self, count: int) -> "CorrespondenceTerm":
        """At most `count` correspondences of each picture, evenly spaced in their order, that weigh as much as all."""
        return CorrespondenceTerm([_thinned(row, count) for row in self.rows], (self.kernel, self.width), self.weight)

    def selected(self, rows: NDArray[np.intp]) -> "CorrespondenceTerm":
        """The term of some pictures."""
        return CorrespondenceTerm([self.rows[row] for row in rows], (self.kernel, self.width[rows]), self.weight[rows])

    def _viewed(self, heads: HeadUnknowns, n: int) -> "_View":
        """The points of picture n; those of a trial step are kept for the derivatives there."""
        state = b"".join(
            array[n].tobytes()
            for array in (heads.rotation, heads.translation, heads.focal, heads.principal, heads.shape)
        )
        last = self._last[n]
        if last is None or last[0] != state:
            last = self._last[n] = (state, _viewed(self.rows[n], heads, n))
        return last[1]

    def energy(self, heads: HeadUnknowns) -> Array:
        """(N,) energies; infinite for a head with a point behind a perspective camera."""
        energy = np.empty(len(self.rows))
        for n, row in enumerate(self.rows):
            view = self._viewed(heads, n)
            behind = heads.perspective and bool((view.depth < NEAREST_MM).any())
            loss = np.dot(row.weight, robust_loss(view.squared, self.kernel, self.width[n]))
            energy[n] = np.inf if behind else self.weight[n] * loss
        return energy

    def quadratic(self, heads: HeadUnknowns) -> Quadratic:
        """Gradient and Gauss-Newton Hessian by iteratively reweighted least squares."""
        gradient = np.zeros((len(self.rows), heads.count))
        hessian = np.zeros((len(self.rows), heads.count, heads.count))
        for n, row in enumerate(self.rows):
            view = self._viewed(heads, n)
            root = np.sqrt(self.weight[n] * row.weight * robust_weight(view.squared, self.kernel, self.width[n]))
            for part, block in row.basis.parts():
                jacobian = _jacobian(heads, n, view, root / row.unit, (part, block)).reshape(heads.count, -1)
                weighted = (view.residual[:, part] * root[part]).astype(jacobian.dtype).ravel()
                gradient[n] += jacobian @ weighted
                hessian[n] += jacobian @ jacobian.T
        return Quadratic(gradient, hessian)

    def residuals(self, heads: HeadUnknowns) -> list[Array]:
        """Per picture, (2, K) projected less seen, in pixels of a picture of side 128."""
        return [self._viewed(heads, n).residual for n in range(len(self.rows))]

    def jacobians(self, heads: HeadUnknowns) -> list[NDArray[np.floating]]:
        """Per picture, (P, 2, K) derivatives of the residuals by the step's columns."""
        found = []
        for n, row in enumerate(self.rows):
            view, unweighted = self._viewed(heads, n), np.full(len(row.weight), 1.0 / row.unit)
            parts = [_jacobian(heads, n, view, unweighted, part) for part in row.basis.parts()]
            found.append(np.concatenate(parts, axis=2))
        return found

    def counts(self) -> NDArray[np.int64]:
        """(N,) correspondences in use."""
        return np.array([len(row.weight) for row in self.rows], np.int64)


def _thinned(row: _Row, count: int) -> _Row:
    if len(row.weight) <= count:
        return row
    few = np.linspace(0, len(row.weight) - 1, count).astype(np.intp)
    weight = row.weight[few] * (row.weight.sum() / row.weight[few].sum())
    return _Row(row.basis.thinned(few), row.points[:, few], weight, row.unit)


def _viewed(row: _Row, heads: HeadUnknowns, n: int) -> _View:
    turned = CAMERA_FROM_WORLD @ heads.rotation[n] @ row.basis.points(heads.shape[n])
    camera = turned + heads.translation[n][:, None]
    from_axis = camera[:2] * heads.focal[n]
    if heads.perspective:
        from_axis = from_axis / np.maximum(camera[2], NEAREST_MM)
    residual = (from_axis + heads.principal[n][:, None] - row.points) / row.unit
    return _View(turned, camera[2], from_axis, residual, np.einsum("ck,ck->k", residual, residual))


def _jacobian(
    heads: HeadUnknowns, n: int, view: _View, factor: Array, points: tuple[slice, NDArray[np.floating]]
) -> NDArray[np.floating]:
    """(P, 2, k) derivatives in px of a block of points, times factor (K,); as in unknowns.project_with_derivatives,
    with all points of a column beside each other."""
    part, basis = points
    x, y, z = view.turned[:, part]
    factor, from_axis = factor[part], view.from_axis[:, part]
    dtype = basis.dtype
    jacobian = np.empty((heads.count, 2, len(x)), dtype)
    near, along = factor * heads.focal[n], np.zeros_like(from_axis)
    if heads.perspective:
        depth = np.maximum(view.depth[part], NEAREST_MM)
        near, along = near / depth, -from_axis * (factor / depth)
    jacobian[0] = along[0] * y, along[1] * y - near * z
    jacobian[1] = along[0] * x - near * z, along[1] * x
    jacobian[2] = near * y, -near * x
    jacobian[3, 1] = jacobian[4, 0] = 0.0
    if heads.perspective:
        jacobian[3, 0] = jacobian[4, 1] = near
        jacobian[5] = along
        if heads.free_focal:
            jacobian[FOCAL] = from_axis * factor + along * heads.translation[n, 2]
    else:
        jacobian[3, 0] = jacobian[4, 1] = heads.unit[n] * factor
        jacobian[5] = from_axis * factor
    if heads.free_shape:
        turn = (CAMERA_FROM_WORLD @ heads.rotation[n]).astype(dtype)
        turned = (turn @ basis.reshape(3, -1)).reshape(basis.shape)  # (3, S, K) camera-space mm per unit of shape
        near, along = near.astype(dtype), along.astype(dtype)
        for axis in range(2):
            shape = jacobian[heads.camera_count :, axis]
            np.multiply(turned[axis], near, out=shape)
            if heads.perspective:
                shape += turned[2] * along[axis]
    return jacobian
