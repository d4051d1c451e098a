"""Photos with fitted heads -> samples: every label that a rendering has, and the flow to the mean face."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import degrees
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.asset_io.catalogue import AssetRecord
from synthgen.core.conventions import BLOCK
from synthgen.core.label_spec import LABELS
from synthgen.dataset.derived import derive_labels, template_arrays
from synthgen.dataset.sample import Sample
from synthgen.fittings.augment import sample_augmentation
from synthgen.fittings.mean_face import MeanFace, flow_to_mean_face, render_mean_face
from synthgen.fittings.photo_batch import PhotoBatch, PhotoSource, open_photos, read_batch
from synthgen.geometry.rotation import euler_from_rotation, zhu_euler_from_rotation
from synthgen.recipe.photo_sections import Augment
from synthgen.recipe.schema import Recipe
from synthgen.render.assets import HeadAssets, open_head_assets
from synthgen.render.device import check_device, rendering
from synthgen.render.frame import check_finite
from synthgen.render.heads import evaluate_vertices
from synthgen.render.labelling import Arrays, Labelled, label_view
from synthgen.render.photo import photo_view

# Pixels that travel through the stages together: few enough for the processor's caches, enough to hide the overhead.
PIXELS_AT_ONCE = 2**21
# Decimals of a parameter in the table.
DIGITS = 6
FLOW_LABELS = tuple(name for name, spec in LABELS.items() if spec.view == "pair")


class Renderer:
    """Called with a block number, gives its 32 samples: a pure function of (recipe, block) on one device.

    Sample i shows fitting i modulo the size of the set; its augmentation depends on i itself.
    """

    def __init__(self, recipe: Recipe, source: PhotoSource, assets: HeadAssets, target: MeanFace | None) -> None:
        self.recipe = recipe
        self.source = source
        self.assets = assets
        self.target = target
        template = template_arrays(assets.model.template)
        self.template = template if target is None else replace(template, mean_face=target.picture)

    def __call__(self, block: int) -> Sequence[Sample]:
        """Samples 32 block .. 32 block + 31, with the labels that the recipe stores."""
        return self.render(block, self.recipe.label_names())

    def render(self, block: int, names: Sequence[str]) -> Sequence[Sample]:
        """The samples of a block with the labels called `names`, a few made at a time when they are looked at.

        Raises AssetError, then, for a photo that cannot be used.
        """
        indices = np.arange(block * BLOCK, (block + 1) * BLOCK)
        rows = self.rows(indices)
        height, width = self.recipe.size
        at_once = 1
        while 2 * at_once * height * width <= PIXELS_AT_ONCE and at_once < BLOCK:
            at_once *= 2
        with rendering(self.recipe.size):
            # The product of a whole block, whatever its samples are needed for; the rest a few photos at a time.
            vertices = evaluate_vertices(self.coefficients(indices, rows), self.assets.tensors)

        def make(part: slice) -> list[Sample]:
            with rendering(self.recipe.size):
                samples = self._render(indices[part], rows[part], vertices[part], names)
            for sample in samples:
                check_finite(sample)
            return samples

        return LazyBlock(make, at_once)

    def records(self) -> list[AssetRecord]:
        """Every file the samples depend on."""
        return [*self.source.records(), *self.assets.records]

    def rows(self, indices: NDArray[np.integer]) -> NDArray[np.integer]:
        """The fitting that each sample shows."""
        return indices % len(self.source.fittings)

    def coefficients(
        self, indices: NDArray[np.integer], rows: NDArray[np.integer]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Identity (N, I) and expression (N, E) of the samples `indices`, which show fittings `rows`."""
        return self.source.fittings.identity[rows], self.source.fittings.expression[rows]

    def read(self, indices: NDArray[np.integer], rows: NDArray[np.integer], names: Sequence[str]) -> PhotoBatch:
        """The pictures of samples `indices`, which show fittings `rows`, on the device."""
        recipe, augmentations = self.recipe, None
        if recipe.augment != Augment(copies=recipe.augment.copies):
            augmentations = [
                sample_augmentation(recipe.augment, recipe.seed, index, recipe.size) for index in indices.tolist()
            ]
        batch = read_batch(self.source, rows, augmentations, "source_map" in names)
        return on_device(batch, self.assets.tensors.mean.device)

    def _render(
        self, indices: NDArray[np.integer], rows: NDArray[np.integer], vertices: torch.Tensor, names: Sequence[str]
    ) -> list[Sample]:
        recipe = self.recipe
        batch = self.read(indices, rows, names)
        view = photo_view(batch.photos, self.assets, vertices)
        labelled = label_view(view, self.assets, (*names, "landmarks_2d"))
        arrays = labelled.arrays | self._made_from_photo(batch)
        checks = labelled.checks
        if self.target is not None and any(name in FLOW_LABELS for name in names):
            backward = any(name.endswith("_backward") for name in names)
            flow, flow_checks = flow_to_mean_face(view, self.target, self.assets, recipe.flow, backward)
            arrays |= flow
            checks = [own | more for own, more in zip(checks, flow_checks, strict=True)]
        for values, error in zip(checks, landmark_fit_error(arrays["landmarks_2d"], batch.landmarks), strict=True):
            values["landmark_fit_px"] = float(error)
        parameters = self._parameters(indices, rows, batch, arrays)
        whole = Labelled(arrays, checks)
        return [self._sample(whole, parameters[n], n, index, names) for n, index in enumerate(indices.tolist())]

    def _made_from_photo(self, batch: PhotoBatch) -> Arrays:
        arrays: Arrays = {}
        if batch.photos.invented_mask is not None:
            arrays["invented_mask"] = batch.photos.invented_mask.cpu().numpy()
        if batch.source_map is not None:
            arrays["source_map"] = batch.source_map
        return arrays

    def _parameters(
        self, indices: NDArray[np.integer], rows: NDArray[np.integer], batch: PhotoBatch, arrays: Arrays
    ) -> list[dict[str, Any]]:
        """What each sample was made from and how, as a row of samples.parquet."""
        fittings, cameras, moved = self.source.fittings, batch.photos.cameras, batch.similarity
        rotation = cameras.rotation.cpu().numpy()
        ours, zhu = np.degrees(euler_from_rotation(rotation)), np.degrees(zhu_euler_from_rotation(rotation))
        origin_depth = arrays["camera_from_world"][:, 2, 3].tolist()
        focal, principal = cameras.focal.tolist(), cameras.principal.tolist()
        rows_of_table = []
        for n, row in enumerate(rows.tolist()):
            numbers: dict[str, Any] = dict(zip(("pitch_deg", "yaw_deg", "roll_deg"), ours[n].tolist(), strict=True))
            numbers |= dict(zip(("zhu_pitch_deg", "zhu_yaw_deg", "zhu_roll_deg"), zhu[n].tolist(), strict=True))
            numbers["focal_px" if cameras.perspective else "scale_px_per_mm"] = focal[n]
            numbers |= {"principal_x": principal[n][0], "principal_y": principal[n][1]}
            numbers |= {"photo_scale": moved.scale[n], "photo_rotation_deg": degrees(moved.angle[n])}
            numbers |= {"photo_shift_x": moved.shift[n, 0], "photo_shift_y": moved.shift[n, 1]}
            values = {name: round(float(number), DIGITS) for name, number in numbers.items()}
            values |= {
                "name": fittings.names[row],
                "photo": fittings.photos[row],
                "fitting": row,
                "copy": int(indices[n]) // len(fittings),
                "origin_depth": origin_depth[n],
            }
            if not cameras.perspective:
                values["parameters_62"] = arrays["parameters_62"][n].astype(np.float64).round(DIGITS).tolist()
            rows_of_table.append(values)
        return rows_of_table

    def _sample(
        self, labelled: Labelled, parameters: dict[str, Any], n: int, index: int, names: Sequence[str]
    ) -> Sample:
        whole = {name: array[n] for name, array in labelled.arrays.items()}
        derived = [name for name in names if LABELS[name].derived]
        whole |= derive_labels(whole, self.template, derived)
        return Sample(index, {name: whole[name] for name in names}, parameters, labelled.checks[n])


def open_renderer(recipe: Recipe, device: str = "cpu", check_assets: bool = True) -> Renderer:
    """A renderer with the recipe's model and fittings loaded onto the device ("cpu" or "cuda").

    check_assets: look at every photo's header first. Raises AssetError, ModelError, UsageError.
    """
    check_device(device)
    assets = open_head_assets(recipe.model, device)
    source = open_photos(recipe, assets.model, check_assets)
    with rendering(recipe.size):
        target = render_mean_face(recipe.model, recipe.size, recipe.flow.method == "nearest_uv", device)
    return Renderer(recipe, source, assets, target)


def landmark_fit_error(projected: NDArray[np.floating], annotated: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N,) median distance, px, between the fitted and the annotated landmarks (N, 68, 2); NaN without annotations."""
    distance = np.linalg.norm(np.asarray(projected, np.float64) - annotated, axis=-1)
    known = np.isfinite(distance)
    return np.array([float(np.median(d[k])) if k.any() else np.nan for d, k in zip(distance, known, strict=True)])


def on_device(batch: PhotoBatch, device: torch.device) -> PhotoBatch:
    """The batch with its pictures, masks and cameras on the device."""
    if device.type == "cpu":
        return batch
    photos = batch.photos
    cameras = replace(
        photos.cameras,
        **{
            name: getattr(photos.cameras, name).to(device) for name in ("rotation", "translation", "focal", "principal")
        },
    )
    planes = ("image", "ignore_mask", "invented_mask", "occluder_mask")
    moved = {name: getattr(photos, name).to(device) for name in planes if getattr(photos, name) is not None}
    return replace(batch, photos=replace(photos, cameras=cameras, **moved))


class LazyBlock(Sequence[Sample]):
    """The samples of a block, made when they are looked at: a large block never lies in memory as a whole.

    make: gives those of a part of the block; at_once: how many, a power of two. The last ones made are kept.
    """

    def __init__(self, make: Callable[[slice], list[Sample]], at_once: int) -> None:
        self._make = make
        self._at_once = at_once
        self._first = -1
        self._made: list[Sample] = []

    def __len__(self) -> int:
        return BLOCK

    def __getitem__(self, place: Any) -> Any:
        """The sample at a place 0 .. 31, or a list for a slice."""
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(BLOCK))]
        place = range(BLOCK)[place]
        first = place - place % self._at_once
        if first != self._first:
            self._made = []  # freed before the next ones are made
            self._made = self._make(slice(first, first + self._at_once))
            self._first = first
        return self._made[place - first]
