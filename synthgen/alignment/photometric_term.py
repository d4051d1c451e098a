"""The photometric term: the photo at the places where a head's points appear, against their albedo times shading."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from synthgen.alignment.lighting_fit import LIGHTS, LightPrior, Shading, shade
from synthgen.alignment.photo_pyramid import PhotoLevel, sample_smooth
from synthgen.alignment.robust import Kernel, robust_loss, robust_weight
from synthgen.alignment.solver import Array, Quadratic, Term
from synthgen.alignment.surface_rings import ring_normals, ring_pull
from synthgen.alignment.unknowns import HeadUnknowns, project_points, project_with_derivatives

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class PhotoUnknowns:
    """One head (N = 1) before its camera, its light (1, 27) and its albedo (1, A).

    A step's columns: the head's where `free_head`, then the light's, then the albedo's.
    """

    head: HeadUnknowns
    light: Array
    albedo: Array
    free_head: bool = True

    @property
    def head_count(self) -> int:
        """Columns of the head."""
        return self.head.count if self.free_head else 0

    @property
    def count(self) -> int:
        """Columns of a step."""
        return self.head_count + LIGHTS + self.albedo.shape[1]

    def moved(self, step: Array) -> Self:
        """The state after a step (1, P)."""
        first = self.head_count
        head = self.head.moved(step[:, :first]) if self.free_head else self.head
        light = self.light + step[:, first : first + LIGHTS]
        return replace(self, head=head, light=light, albedo=self.albedo + step[:, first + LIGHTS :])

    def room(self) -> tuple[Array, Array]:
        """(1, P) least and largest step that the limits of the shape allow."""
        lower = np.full((1, self.count), -np.inf)
        upper = -lower
        if self.free_head:
            lower[:, : self.head_count], upper[:, : self.head_count] = self.head.room()
        return lower, upper

    def taken(self, mask: NDArray[np.bool_], other: Self) -> Self:
        """Other's state where mask (1,) holds."""
        return other if bool(mask[0]) else self


@dataclass(frozen=True)
class PhotoPoints:
    """P points of a head, chosen for one picture.

    mean: (P, 1 + R, 3) mm and basis: (P, 1 + R, 3, S), the point and its neighbours; following, preceding: (P, R), as
    in surface_rings.Rings. log_mean: (P, 3), log_basis: (P, 3, A) log albedo. share: (P,) how many independent
    observations a point stands for. noise: (P,) linear light, standard deviation of what model and photo differ by.
    """

    mean: Floats
    basis: Floats
    following: NDArray[np.int64]
    preceding: NDArray[np.int64]
    log_mean: Floats
    log_basis: Floats
    share: Floats
    noise: Floats


class PhotometricTerm:
    """Sum over points of share rho(|photo(place) - albedo shading(normal)|^2 / noise^2), the photo at one level.

    Linear light, three colours; channels that are burnt out, black or masked where a point lies when the term is made
    have no say. Derivatives are analytic, through place, normal (with the shape and the turn), light and albedo.
    """

    def __init__(self, points: PhotoPoints, level: PhotoLevel, valid: Floats, kernel: tuple[Kernel, float]) -> None:
        self.points, self.level, self.valid, self.kernel = points, level, valid, kernel
        self._scale = valid / points.noise[:, None]
        self._last: tuple[HeadUnknowns, Placed] | None = None

    def energy(self, state: PhotoUnknowns) -> Array:
        """(1,) energy."""
        loss = robust_loss(self._squared(self._residual(self.seen(state))), *self.kernel)
        return np.array([float(loss @ self.points.share)])

    def quadratic(self, state: PhotoUnknowns) -> Quadratic:
        """Gradient and Gauss-Newton Hessian by iteratively reweighted least squares, products in the basis' type."""
        residual, jacobian = self.linearized(state)
        root = np.sqrt(robust_weight(self._squared(residual), *self.kernel) * self.points.share)
        root = root.astype(jacobian.dtype)
        flat = (jacobian * root[:, None, None]).reshape(-1, state.count)
        side = flat.T @ (residual * root[:, None]).ravel().astype(flat.dtype)
        return Quadratic(side[None].astype(np.float64), (flat.T @ flat)[None].astype(np.float64))

    def linearized(self, state: PhotoUnknowns) -> tuple[Floats, Floats]:
        """Residuals (P, 3) over their noise, and derivatives (P, 3, columns of a step)."""
        look = self.seen(state)
        return self._residual(look), self._jacobian(state, look)

    def statistics(self, state: PhotoUnknowns) -> tuple[float, float]:
        """Root mean square residual over its noise, robustly weighted, and the share of points that are believed."""
        squared = self._squared(self._residual(self.seen(state)))
        weight = robust_weight(squared, *self.kernel)
        share = self.points.share.astype(np.float64)
        channels = (self._scale > 0).sum(axis=1)
        rms = np.sqrt(float((weight * share * squared).sum()) / max(float((weight * share * channels).sum()), 1e-12))
        return float(rms), float((share * (weight > 0.25)).sum() / share.sum())

    def seen(self, state: PhotoUnknowns) -> "Seen":
        """The points as the photo and the model show them in a state."""
        if self._last is None or self._last[0] is not state.head:
            # A head is looked at two or three times, and many times while light and albedo alone are solved for.
            self._last = state.head, _place(self.points, self.level, state.head)
        placed = self._last[1]
        numbers = state.albedo[0].astype(self.points.basis.dtype)
        albedo = np.exp(self.points.log_mean + self.points.log_basis @ numbers)
        return Seen(placed, albedo, shade(state.light.reshape(9, 3), placed.normals))

    def _residual(self, look: "Seen") -> Floats:
        return (look.placed.photo - look.albedo * look.shading.value) * self._scale

    @staticmethod
    def _squared(residual: Floats) -> Array:
        return np.einsum("pc,pc->p", residual, residual).astype(np.float64)

    def _jacobian(self, state: PhotoUnknowns, look: "Seen") -> Floats:
        kind = self.points.basis.dtype
        first, albedo = state.head_count, look.albedo * self._scale
        columns = np.zeros((*look.albedo.shape, state.count), kind)
        if state.free_head:
            self._by_head(state.head, look, columns[..., :first])
        for channel in range(3):
            by_light = -(albedo[:, channel] * look.shading.lit[:, channel])[:, None] * look.shading.harmonics
            columns[:, channel, first + channel : first + LIGHTS : 3] = by_light
        shown = (albedo * look.shading.value).astype(kind)
        np.multiply(-shown[..., None], self.points.log_basis, out=columns[..., first + LIGHTS :])
        return columns

    def _by_head(self, head: HeadUnknowns, look: "Seen", out: Floats) -> None:
        kind = self.points.basis.dtype
        found = project_with_derivatives(head, look.placed.ring[None, :, 0].astype(np.float64))
        slope = (look.placed.slope * self._scale[..., None]).astype(np.float64)
        by_normal = (look.albedo * self._scale)[..., None] * look.shading.by_normal  # world space
        cameras = head.camera_count
        out[..., :cameras] = slope @ found.by_camera[0]
        # A turn w moves the normal by w x n.
        out[..., :3] -= np.cross(look.placed.normals[:, None], by_normal)
        if not head.free_shape:
            return
        pull = -by_normal @ head.rotation[0]  # by the normal in model space
        normal = look.placed.model_normals
        pull -= np.einsum("pcd,pd->pc", pull, normal)[..., None] * normal[:, None]
        weight = ring_pull(look.placed.edges, (pull / look.placed.length[:, None, None]).astype(kind))
        weight[:, :, 0] += (slope @ found.by_point[0]).astype(kind)
        count = len(weight)
        stacked = self.points.basis.reshape(count, -1, self.points.basis.shape[-1])
        np.matmul(weight.reshape(count, 3, -1), stacked, out=out[..., cameras:])


@dataclass(frozen=True)
class Placed:
    """The points of one head. ring: (P, 1 + R, 3) mm; model_normals, normals: (P, 3) in model and world space; length,
    edges: of surface_rings.ring_normals; photo: (P, 3); slope: (P, 3, 2) of the photo per px of its first level."""

    ring: Floats
    model_normals: Floats
    normals: Floats
    length: Floats
    edges: Floats
    photo: Floats
    slope: Floats


@dataclass(frozen=True)
class Seen:
    """The points in one state: place, albedo (P, 3) and shading."""

    placed: Placed
    albedo: Floats
    shading: Shading


def _place(points: PhotoPoints, level: PhotoLevel, head: HeadUnknowns) -> Placed:
    moved = points.basis.reshape(-1, points.basis.shape[-1]) @ head.shape[0].astype(points.basis.dtype)
    ring = points.mean + moved.reshape(points.mean.shape)
    model_normals, length, edges = ring_normals(ring, points.following, points.preceding)
    image, _ = project_points(head, ring[None, :, 0].astype(np.float64))
    photo, slope = sample_smooth(level.colour, image[0] * level.scale)
    normals = model_normals @ head.rotation[0].T
    return Placed(ring, model_normals, normals, length, edges, photo, slope * level.scale)


class HeadTerm:
    """A term of the head as a term of everything."""

    def __init__(self, term: Term[HeadUnknowns]) -> None:
        self.term = term

    def energy(self, state: PhotoUnknowns) -> Array:
        """(1,) energy."""
        return self.term.energy(state.head)

    def quadratic(self, state: PhotoUnknowns) -> Quadratic:
        """The term's, with nothing by light and albedo."""
        model = _nothing(state)
        if state.free_head:
            inner = self.term.quadratic(state.head)
            model.gradient[:, : state.head_count] = inner.gradient
            model.hessian[:, : state.head_count, : state.head_count] = inner.hessian
        return model


@dataclass(frozen=True)
class AppearancePrior:
    """Likely light, by `light`, and likely albedo: half the square of its numbers, whose spread is 1."""

    light: LightPrior

    def energy(self, state: PhotoUnknowns) -> Array:
        """(1,) energy."""
        return np.array([self.light.energy(state.light[0]) + 0.5 * float(state.albedo[0] @ state.albedo[0])])

    def quadratic(self, state: PhotoUnknowns) -> Quadratic:
        """Gradient, exact, and Gauss-Newton Hessian."""
        model = _nothing(state)
        first, last = state.head_count, state.head_count + LIGHTS
        jacobian = self.light.jacobian(state.light[0])
        model.gradient[0, first:last] = jacobian.T @ self.light.residual(state.light[0])
        model.hessian[0, first:last, first:last] = jacobian.T @ jacobian
        model.gradient[0, last:] = state.albedo[0]
        model.hessian[0, last:, last:] = np.eye(state.albedo.shape[1])
        return model


def _nothing(state: PhotoUnknowns) -> Quadratic:
    return Quadratic(np.zeros((1, state.count)), np.zeros((1, state.count, state.count)))
