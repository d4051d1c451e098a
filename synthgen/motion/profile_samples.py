"""Samples of kind `fittings` with a `profile` section: each photo with its head turned to every angle of the recipe."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.core.errors import UsageError
from synthgen.fittings import ground_truth
from synthgen.fittings.mean_face import MeanFace
from synthgen.fittings.photo_batch import PhotoBatch, PhotoSource, read_batch
from synthgen.geometry.camera import Cameras
from synthgen.geometry.similarity import Similarity, inverse
from synthgen.motion.mirror import Mirror, mirror_coefficients, mirror_error, open_mirror
from synthgen.motion.profile import (
    Stills,
    ViewTarget,
    flip_views,
    prepare_stills,
    profile_stills,
    select_views,
    target_rotation,
    view_targets,
)
from synthgen.recipe.schema import Recipe
from synthgen.render.assets import HeadAssets
from synthgen.render.heads import evaluate_vertices
from synthgen.render.labelling import Arrays

AT_ONCE = 8  # fittings whose heads are evaluated together


class Renderer(ground_truth.Renderer):
    """Sample i shows view i modulo the number of views, of fitting i // views modulo the size of the set.

    A flipped view has the coefficients of the mirrored head; `mirror_mm` among its parameters says how near the model
    comes to it.
    """

    def __init__(self, recipe: Recipe, source: PhotoSource, assets: HeadAssets, target: MeanFace | None) -> None:
        super().__init__(recipe, source, assets, target)
        if recipe.profile is None:
            raise UsageError("the recipe has no section profile")
        self.targets: tuple[ViewTarget, ...] = view_targets(recipe.profile)
        self.mirror_hidden = recipe.profile.mirror_hidden
        self.mirror: Mirror | None = open_mirror(assets.model) if recipe.profile.flip else None
        # The still of the last views: all views of a photo are neighbours.
        self._still: tuple[int, Stills, PhotoBatch] | None = None
        self._group: tuple[int, torch.Tensor] | None = None

    def rows(self, indices: NDArray[np.integer]) -> NDArray[np.integer]:
        """The fitting that each sample shows."""
        return indices // len(self.targets) % len(self.source.fittings)

    def coefficients(
        self, indices: NDArray[np.integer], rows: NDArray[np.integer]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Identity (N, I) and expression (N, E), mirrored where the view is flipped."""
        own = super().coefficients(indices, rows)
        if self.mirror is None:
            return own
        flip = self._flips(indices)[:, None]
        mirrored = mirror_coefficients(self.mirror, *own)
        return np.where(flip, mirrored[0], own[0]), np.where(flip, mirrored[1], own[1])

    def read(self, indices: NDArray[np.integer], rows: NDArray[np.integer], names: Sequence[str]) -> PhotoBatch:
        """The views of samples `indices`, on the device."""
        ends = np.flatnonzero(np.diff(rows)) + 1
        parts = [
            self._views(int(rows[part[0]]), indices[part], "source_map" in names)
            for part in np.split(np.arange(len(rows)), ends)
        ]
        return parts[0] if len(parts) == 1 else _joined(parts)

    def _views(self, row: int, indices: NDArray[np.integer], with_map: bool) -> PhotoBatch:
        """Some views of one photo."""
        if self._still is None or self._still[0] != row:
            batch = read_batch(self.source, np.array([row]))
            batch = ground_truth.on_device(batch, self.assets.tensors.mean.device)
            self._still = (row, prepare_stills(batch.photos, self.assets, self._vertices(row)), batch)
        _, stills, batch = self._still
        count = len(indices)
        pose = batch.photos.cameras.rotation[0].cpu().numpy()
        targets = [self.targets[index % len(self.targets)] for index in indices.tolist()]
        rotation = np.stack([target_rotation(pose, target) for target in targets])
        # A view and its mirror image are turned once.
        _, firsts, which = np.unique(rotation.reshape(count, 9), axis=0, return_index=True, return_inverse=True)
        rows = np.zeros(len(firsts), np.int64)
        profiled = profile_stills(stills, rows, rotation[firsts], mirror_hidden=self.mirror_hidden)
        profiled = select_views(profiled, which.ravel())
        if self.mirror is not None:
            profiled = flip_views(profiled, self._flips(indices), self.mirror)
        similarity = _repeated(batch.similarity, count)
        source_map = None
        if with_map:
            size = self.source.fittings.sizes[row]
            source_map = photo_points(profiled.source_map.cpu().numpy(), batch.similarity, size)
        return PhotoBatch(profiled.photos, similarity, np.full((count, 68, 2), np.nan), source_map)

    def _vertices(self, row: int) -> torch.Tensor:
        """(1, V, 3): the head of a fitting, from a product for its neighbours, too: one for each takes as long."""
        group, place = divmod(row, AT_ONCE)
        if self._group is None or self._group[0] != group:
            fittings, rows = self.source.fittings, slice(group * AT_ONCE, (group + 1) * AT_ONCE)
            coefficients = (fittings.identity[rows], fittings.expression[rows])
            self._group = (group, evaluate_vertices(coefficients, self.assets.tensors))
        return self._group[1][place : place + 1]

    def _flips(self, indices: NDArray[np.integer]) -> NDArray[np.bool_]:
        return np.array([self.targets[index % len(self.targets)].flip for index in indices.tolist()])

    def _parameters(
        self, indices: NDArray[np.integer], rows: NDArray[np.integer], batch: PhotoBatch, arrays: Arrays
    ) -> list[dict[str, Any]]:
        table = super()._parameters(indices, rows, batch, arrays)
        fittings = self.source.fittings
        for values, index, row in zip(table, indices.tolist(), rows.tolist(), strict=True):
            number = index % len(self.targets)
            values |= {"view": number, "flip": self.targets[number].flip}
            values["copy"] = index // len(self.targets) // len(fittings)
            if self.mirror is not None:
                error = mirror_error(self.mirror, fittings.identity[[row]], fittings.expression[[row]])[0]
                values["mirror_mm"] = round(float(error), 4) if values["flip"] else 0.0
        return table


def open_renderer(recipe: Recipe, device: str = "cpu", check_assets: bool = True) -> Renderer:
    """A renderer with the recipe's model and fittings loaded onto the device ("cpu" or "cuda").

    check_assets: look at every photo's header first. Raises AssetError, ModelError, UsageError.
    """
    plain = ground_truth.open_renderer(recipe, device, check_assets)
    return Renderer(plain.recipe, plain.source, plain.assets, plain.target)


def photo_points(
    source_map: NDArray[np.float32], similarity: Similarity, size: NDArray[np.integer]
) -> NDArray[np.float32]:
    """source_map (N, H, W, 2) in px of the photo of `size` (height, width) instead of px of its crop; NaN beside it."""
    matrix = inverse(similarity).matrix[0].astype(np.float32)
    height, width = (np.float32(side) for side in size)
    shown_x, shown_y = source_map[..., 0], source_map[..., 1]
    x = matrix[0, 0] * shown_x + matrix[0, 1] * shown_y + matrix[0, 2]
    y = matrix[1, 0] * shown_x + matrix[1, 1] * shown_y + matrix[1, 2]
    inside = (x >= 0) & (x <= width) & (y >= 0) & (y <= height)
    place = np.full(source_map.shape, np.nan, np.float32)
    np.copyto(place[..., 0], x, where=inside)
    np.copyto(place[..., 1], y, where=inside)
    return place


def _repeated(similarity: Similarity, count: int) -> Similarity:
    arrays = (similarity.scale, similarity.angle, similarity.shift)
    return Similarity(*(np.repeat(array, count, axis=0) for array in arrays))


def _joined(parts: Sequence[PhotoBatch]) -> PhotoBatch:
    """Views of several photos as one batch."""
    photos = [part.photos for part in parts]
    cameras = Cameras(
        photos[0].cameras.perspective,
        torch.cat([p.cameras.rotation for p in photos]),
        torch.cat([p.cameras.translation for p in photos]),
        torch.cat([p.cameras.focal for p in photos]),
        torch.cat([p.cameras.principal for p in photos]),
    )
    masks: dict[str, torch.Tensor] = {}
    for name in ("ignore_mask", "invented_mask", "occluder_mask"):
        planes = [getattr(p, name) for p in photos]
        if any(plane is not None for plane in planes):
            nowhere = [torch.zeros_like(p.image[..., 0], dtype=torch.bool) for p in photos]
            masks[name] = torch.cat([n if plane is None else plane for plane, n in zip(planes, nowhere, strict=True)])
    joined = replace(
        photos[0],
        image=torch.cat([p.image for p in photos]),
        identity=np.concatenate([p.identity for p in photos]),
        expression=np.concatenate([p.expression for p in photos]),
        depth_shift=np.concatenate([p.depth_shift for p in photos]),
        cameras=cameras,
        ignore_mask=masks.get("ignore_mask"),
        invented_mask=masks.get("invented_mask"),
        occluder_mask=masks.get("occluder_mask"),
    )
    similarity = Similarity(
        *(np.concatenate([getattr(part.similarity, name) for part in parts]) for name in ("scale", "angle", "shift"))
    )
    maps = [part.source_map for part in parts if part.source_map is not None]
    landmarks = np.concatenate([part.landmarks for part in parts])
    return PhotoBatch(joined, similarity, landmarks, np.concatenate(maps) if maps else None)
