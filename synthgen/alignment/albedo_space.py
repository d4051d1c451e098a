"""Albedo as an unknown: the sampler's skins as a few independent numbers, and smooth departures from them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.core.seeds import Stream, rng
from synthgen.morphable.albedo.names import LAYER_NAMES
from synthgen.sampling.albedo import sample_albedo

Array = NDArray[np.float64]

_SKINS = 400  # drawn to learn the distribution
_KEPT = 0.02  # components of a smaller standard deviation than this (in absorbance) are dropped
# Spatially even departures of the skin's tone, in log albedo: along the absorbance of melanin and of blood. The layers
# of the sampler mottle as they darken, by a pattern of their own that no person has.
_TONES = np.array([[0.74, 1.02, 1.36], [0.05, 0.45, 0.35]]) * [[0.4], [0.25]]
# Layers that no point of a photometric fit shows.
_UNSEEN = ("white", "iris", "dark", "mouth")


@dataclass(frozen=True)
class AlbedoSpace:
    """absorbance = mean + z . basis, z ~ N(0, 1); log albedo = -layers . absorbance + departure.

    The departure is even in the tones of melanin and blood, and smooth: one number per patch and colour.
    mean: (K, 3); basis: (Z, K, 3). patch_stddev: spread of a patch's departure in log albedo, each colour alike.
    patch_centres: (J, 2) mm, |x| and y of the mean head; patch_mm: their spread. Patches are symmetric, as faces are
    and light is not.
    """

    mean: Array
    basis: Array
    patch_centres: Array
    patch_mm: float
    patch_stddev: float

    @property
    def count(self) -> int:
        """Numbers A of an albedo: Z of the skin, two tones, then 3 J of the patches, colours last."""
        return len(self.basis) + len(_TONES) + 3 * len(self.patch_centres)

    def absorbance(self, albedo: Array) -> Array:
        """(K, 3) absorbances of an albedo (A,), at least 0."""
        return np.maximum(self.mean + np.tensordot(albedo[: len(self.basis)], self.basis, axes=1), 0.0)

    def log_albedo(
        self, layers: NDArray[np.floating], patches: NDArray[np.floating]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Constant (P, 3) and linear part (P, 3, A) of the log albedo at points of layers (P, K), patches (P, J)."""
        kind = layers.dtype
        skin = -np.tensordot(layers, np.moveaxis(self.basis, 0, -1).astype(kind), axes=1)  # (P, 3, Z)
        eye = np.eye(3, dtype=kind)
        spread = (self.patch_stddev * patches)[:, None, :, None] * eye[:, None, :]
        tones = np.broadcast_to(-_TONES.T.astype(kind), (len(layers), 3, len(_TONES)))
        linear = np.concatenate([skin, tones, spread.reshape(len(layers), 3, -1)], axis=2)
        return -(layers @ self.mean.astype(kind)), linear

    def departure(
        self, albedo: Array, layers: NDArray[np.floating], patches: NDArray[np.floating]
    ) -> NDArray[np.floating]:
        """(P, 3) log albedo of an albedo (A,) beyond that of `absorbance`; layers (P, K), patches (P, J) of the points.

        Also what absorbances lose where they are cut at 0.
        """
        skin, tones, smooth = np.split(albedo, [len(self.basis), len(self.basis) + len(_TONES)])
        cut = self.absorbance(albedo) - self.mean - np.tensordot(skin, self.basis, axes=1)
        return layers @ cut + self.patch_stddev * (patches @ smooth.reshape(-1, 3)) - tones @ _TONES

    def patches(self, positions: NDArray[np.floating]) -> NDArray[np.float32]:
        """(P, J) shares of the patches at positions (P, 3) mm of the mean head; each row sums to 1 on the face."""
        place = np.stack([np.abs(positions[:, 0]), positions[:, 1]], axis=1)
        squared = ((place[:, None] - self.patch_centres) ** 2).sum(axis=2) / self.patch_mm**2
        value = np.exp(-0.5 * (squared - squared.min(axis=1, keepdims=True)))
        return (value / value.sum(axis=1, keepdims=True)).astype(np.float32)


def open_albedo_space(face: Array, patch_mm: float = 22.0, patch_stddev: float = 0.12) -> AlbedoSpace:
    """The distribution of sampling.albedo as a Gaussian, and patches over a face.

    face: (P, 3) mm, points of the mean head that patches must cover. patch_stddev 0 leaves the patches out.
    """
    drawn = np.stack([sample_albedo(rng(0, row, Stream.ALBEDO)) for row in range(_SKINS)]).astype(np.float64)
    mean = drawn.mean(axis=0)
    apart = (drawn - mean) * ~np.isin(LAYER_NAMES, _UNSEEN)[:, None]
    _, values, directions = np.linalg.svd(apart.reshape(_SKINS, -1), full_matrices=False)
    stddev = values / np.sqrt(_SKINS - 1)
    basis = (stddev[:, None] * directions)[stddev > _KEPT].reshape(-1, *mean.shape)
    centres = _patch_centres(face, patch_mm) if patch_stddev > 0 else np.zeros((0, 2))
    return AlbedoSpace(mean, basis, centres, patch_mm, patch_stddev)


def _patch_centres(face: Array, spacing: float) -> Array:
    """(J, 2) nodes of a square grid over |x| and y that lie on the face."""
    place = np.stack([np.abs(face[:, 0]), face[:, 1]], axis=1)
    cells = np.unique(np.rint(place / spacing).astype(int), axis=0, return_counts=True)
    return cells[0][cells[1] >= 0.2 * np.median(cells[1])] * spacing
