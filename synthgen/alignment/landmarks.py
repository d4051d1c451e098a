"""The landmark term: projected surface points of heads against annotated points of photos."""

from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from synthgen.alignment.landmark_basis import JAW, POINTS, LandmarkBasis
from synthgen.alignment.robust import Kernel, robust_loss, robust_weight
from synthgen.alignment.solver import Array, Quadratic
from synthgen.alignment.unknowns import NEAREST_MM, HeadUnknowns, project_points, project_with_derivatives

Groups = dict[str, slice]
GROUPS: Groups = {
    "jaw": slice(0, JAW),
    "brows": slice(17, 27),
    "nose": slice(27, 36),
    "eyes": slice(36, 48),
    "mouth": slice(48, POINTS),
}


@dataclass(frozen=True)
class Observations:
    """Annotated points of N photos.

    points: (N, 68, 2) px, anything where the weight is 0; weight: (N, 68), 0 where a point is missing, else the
    inverse variance relative to the noise; slide: how much of a jaw point's weight holds along the outline;
    noise: (N,) px, standard deviation of a coordinate of a point of weight 1.
    """

    points: Array
    weight: Array
    slide: float
    noise: Array


class LandmarkTerm:
    """Robust sum over points of |W (projected - annotated)|^2 / noise^2.

    rows: (N, 68) rows of the basis that the landmarks are at present. W is a point's root weight; for the jaw it is
    `slide` times smaller along the outline, on which annotators place points by eye. The outline is that of `image`
    (N, 68, 2) px, the projected points when the term is made. weight: of the whole term.
    """

    def __init__(
        self,
        basis: LandmarkBasis,
        rows: NDArray[np.int64],
        image: Array,
        seen: Observations,
        kernel: tuple[Kernel, float],
        weight: float = 1.0,
    ) -> None:
        self.seen = seen
        self.kernel = kernel
        self.weight = weight
        self._mean = basis.mean[rows]  # (N, 68, 3)
        self._rows, self._table = rows, basis
        self._basis: Array | None = None
        self._whitening = _whitening(seen, image)

    def energy(self, heads: HeadUnknowns) -> Array:
        """(N,) energies; infinite for a head with an observed point behind the camera."""
        image, depth = project_points(heads, self._points(heads))
        energy = self.weight * robust_loss(self._squared(self._residuals(image)), *self.kernel).sum(axis=1)
        if not heads.perspective:
            return energy
        behind = ((depth < NEAREST_MM) & (self.seen.weight > 0)).any(axis=1)
        return np.where(behind, np.inf, energy)

    def quadratic(self, heads: HeadUnknowns) -> Quadratic:
        """Gradient and Gauss-Newton Hessian by iteratively reweighted least squares."""
        residuals, jacobian = self.linearized(heads)
        root = np.sqrt(self.weight * robust_weight(self._squared(residuals), *self.kernel))
        jacobian *= root[..., None, None]
        weighted = jacobian.reshape(len(root), -1, heads.count)  # (N, 136, P)
        flat = (residuals * root[..., None]).reshape(len(root), -1, 1)
        transposed = weighted.transpose(0, 2, 1)
        return Quadratic((transposed @ flat)[..., 0], transposed @ weighted)

    def selected(self, rows: NDArray[np.intp]) -> "LandmarkTerm":
        """The term of some photos."""
        part = copy(self)
        seen = self.seen
        part.seen = replace(seen, points=seen.points[rows], weight=seen.weight[rows], noise=seen.noise[rows])
        part._mean, part._rows, part._whitening = self._mean[rows], self._rows[rows], self._whitening[rows]
        part._basis = None if self._basis is None else self._basis[rows]
        return part

    def linearized(self, heads: HeadUnknowns) -> tuple[Array, Array]:
        """Whitened residuals (N, 68, 2) and their derivatives (N, 68, 2, P) by the step's columns."""
        found = project_with_derivatives(heads, self._points(heads))
        jacobian = np.empty((*found.image.shape, heads.count))
        jacobian[..., : heads.camera_count] = self._whitening @ found.by_camera
        if heads.free_shape:
            np.matmul(self._whitening @ found.by_point, self._gathered(), out=jacobian[..., heads.camera_count :])
        return self._residuals(found.image), jacobian

    def _residuals(self, image: Array) -> Array:
        return (self._whitening @ (image - self.seen.points)[..., None])[..., 0]

    @staticmethod
    def _squared(residuals: Array) -> Array:
        return np.einsum("nkc,nkc->nk", residuals, residuals)

    def _points(self, heads: HeadUnknowns) -> Array:
        if not heads.shape.any():
            return self._mean
        gathered = self._gathered()
        moved = gathered.reshape(len(gathered), -1, gathered.shape[-1]) @ heads.shape[..., None]
        return self._mean + moved.reshape(self._mean.shape)

    def _gathered(self) -> Array:
        """(N, 68, 3, S) basis of the present landmarks, made when it is first needed."""
        if self._basis is None:
            self._basis = self._table.basis[self._rows]
        return self._basis


def _whitening(seen: Observations, image: Array) -> Array:
    """(N, 68, 2, 2) matrices W / noise."""
    root = np.sqrt(seen.weight) / seen.noise[:, None]
    whitening = root[..., None, None] * np.eye(2)
    jaw = image[:, :JAW]
    along = np.empty_like(jaw)
    along[:, 1:-1] = jaw[:, 2:] - jaw[:, :-2]
    along[:, 0], along[:, -1] = jaw[:, 1] - jaw[:, 0], jaw[:, -1] - jaw[:, -2]
    along /= np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-9)
    outer = along[..., :, None] * along[..., None, :]
    whitening[:, :JAW] = root[:, :JAW, None, None] * (np.eye(2) - (1.0 - np.sqrt(seen.slide)) * outer)
    return whitening
