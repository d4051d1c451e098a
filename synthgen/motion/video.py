"""Stills with fitted heads -> short clips: the frames, every label of each, and the flow between them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.asset_io.catalogue import AssetRecord
from synthgen.core.check_limits import worst_checks
from synthgen.core.conventions import BLOCK
from synthgen.core.label_spec import LABELS
from synthgen.dataset.derived import derive_labels, template_arrays
from synthgen.dataset.layout import flow_pairs, frame_prefix
from synthgen.dataset.sample import Sample
from synthgen.fittings.fitting import fitting_cameras
from synthgen.fittings.ground_truth import landmark_fit_error
from synthgen.fittings.photo_batch import PhotoSource, ignored_pixels, open_photos, read_pixels
from synthgen.geometry.rotation import euler_from_rotation, zhu_euler_from_rotation
from synthgen.geometry.similarity import Similarity, move_points
from synthgen.motion.clip_flow import label_between_frames
from synthgen.motion.motion_path import MotionPath, motion_record, sample_motion
from synthgen.motion.short_video import Clip, ClipOptions, FittedPhoto, expose_frames, make_clip
from synthgen.motion.turn import turned_depth_shift
from synthgen.recipe.schema import Recipe
from synthgen.render.assets import HeadAssets, open_head_assets
from synthgen.render.device import check_device, rendering
from synthgen.render.frame import check_finite
from synthgen.render.heads import evaluate_vertices
from synthgen.render.labelling import Arrays, label_view
from synthgen.render.pair import view_geometry
from synthgen.render.photo import Photos, photo_view

# Decimals of a parameter in the table.
DIGITS = 6


class Renderer:
    """Called with a block number, gives its 32 clips: a pure function of (recipe, block) on one device.

    Clip i starts from fitting i modulo the size of the set; its motion depends on i itself.
    """

    def __init__(self, recipe: Recipe, source: PhotoSource, assets: HeadAssets) -> None:
        self.recipe = recipe
        self.source = source
        self.assets = assets
        self.template = template_arrays(assets.model.template)

    def __call__(self, block: int) -> "ClipBlock":
        """Samples 32 block .. 32 block + 31, with the labels that the recipe stores."""
        return self.render(block, self.recipe.label_names())

    def render(self, block: int, names: Sequence[str]) -> "ClipBlock":
        """The samples of a block with the labels called `names` (without frame prefixes and numbers)."""
        rows = np.arange(block * BLOCK, (block + 1) * BLOCK) % len(self.source.fittings)
        fittings = self.source.fittings
        with rendering(self.recipe.size):
            # The product of a whole block, whatever its samples are needed for; the rest clip by clip.
            vertices = evaluate_vertices((fittings.identity[rows], fittings.expression[rows]), self.assets.tensors)
        return ClipBlock(self, block, tuple(names), vertices)

    def clip(self, index: int, vertices: torch.Tensor, names: Sequence[str]) -> Sample:
        """Clip `index`; vertices: (1, V, 3) float32 mm, of its head. Raises AssetError for a photo that is no use."""
        with rendering(self.recipe.size):
            sample = self._render(index, index % len(self.source.fittings), vertices, names)
        check_finite(sample)
        return sample

    def records(self) -> list[AssetRecord]:
        """Every file the samples depend on."""
        return [*self.source.records(), *self.assets.records]

    def _render(self, index: int, row: int, vertices: torch.Tensor, names: Sequence[str]) -> Sample:
        recipe, photo = self.recipe, self._fitted_photo(row, vertices)
        path = sample_motion(recipe.video, recipe.seed, index)
        with_map = "source_map" in names
        options = ClipOptions(recipe.size, recipe.video.about == "face", recipe.seed, index, with_map)
        clip = make_clip(photo, path, options, self.assets)
        view = photo_view(self._photos(row, photo, clip), self.assets, vertices.expand(len(path), -1, -1).contiguous())
        geometry = view_geometry(view)
        image = expose_frames(clip, path, options, geometry, self.assets.tensors.triangles)
        labelled = label_view(replace(view, image=image), self.assets, (*names, "landmarks_2d"))
        arrays = labelled.arrays | {"invented_mask": clip.invented.cpu().numpy()}
        if clip.source_map is not None:
            arrays["source_map"] = clip.source_map.cpu().numpy()
        between: Arrays = {}
        checks: dict[str, float] = {}
        if any(LABELS[name].view == "pair" for name in names):
            pairs = flow_pairs(recipe.video.flow, len(path))
            between, checks = label_between_frames(geometry, pairs, self.assets)
        checks |= worst_checks(labelled.checks)
        checks |= {frame_prefix(n) + "coverage": values["coverage"] for n, values in enumerate(labelled.checks)}
        moved = move_points(clip.motions, np.repeat(self.source.fittings.landmarks[row][None], len(path), axis=0))
        checks["landmark_fit_px"] = float(landmark_fit_error(arrays["landmarks_2d"][:1], moved[:1])[0])
        parameters = self._parameters(index, row, path, clip)
        parameters["origin_depth"] = arrays["camera_from_world"][:, 2, 3].astype(float).tolist()
        return self._sample(index, (arrays, between), parameters, checks, names)

    def _fitted_photo(self, row: int, vertices: torch.Tensor) -> FittedPhoto:
        fittings, rows = self.source.fittings, np.array([row])
        crops = self.source.crops
        return FittedPhoto(
            read_pixels(self.source, row),
            fittings.identity[rows],
            fittings.expression[rows],
            vertices,
            fitting_cameras(fittings, rows, str(vertices.device)),
            Similarity(crops.scale[rows], crops.angle[rows], crops.shift[rows]),
        )

    def _photos(self, row: int, photo: FittedPhoto, clip: Clip) -> Photos:
        """The frames as pictures with heads of their own."""
        frames, fittings = len(clip.image), self.source.fittings
        return Photos(
            clip.image,
            np.repeat(photo.identity, frames, axis=0),
            np.repeat(photo.expression, frames, axis=0),
            clip.cameras,
            turned_depth_shift(fittings.depth_shift[row] * clip.motions.scale, clip.cameras, clip.origin_depth),
            self._ignored(row, clip, (photo.pixels.shape[0], photo.pixels.shape[1])),
            clip.invented,
        )

    def _ignored(self, row: int, clip: Clip, photo_size: tuple[int, int]) -> torch.Tensor | None:
        """(F, H, W) bool, pixels with a sample from an ignored region, invented or not; None where the photo has none.

        What lies beside the photo (height, width) is invented, but nobody's region.
        """
        fittings = self.source.fittings
        if not fittings.ignore_boxes[row] and not fittings.ignore_masks[row]:
            return None
        places = clip.sampled_map.cpu().numpy()
        x, y = places[..., 0], places[..., 1]
        inside = (x >= 0) & (y >= 0) & (x <= photo_size[1]) & (y <= photo_size[0])  # NaN is not
        ignored = ignored_pixels(self.source, row, np.where(inside[..., None], places, 0.0)) & inside
        frames, height, width = clip.invented.shape
        samples = ignored.shape[1] // height
        tiles = ignored.reshape(frames, height, samples, width, samples).any(axis=(2, 4))
        return torch.from_numpy(tiles).to(clip.invented.device)

    def _parameters(self, index: int, row: int, path: MotionPath, clip: Clip) -> dict[str, Any]:
        """What the clip was made from and how, lists with one number per frame, as a row of samples.parquet."""
        fittings, cameras, motions = self.source.fittings, clip.cameras, clip.motions
        rotation = cameras.rotation.cpu().numpy().astype(np.float64)
        lists: dict[str, NDArray[np.float64]] = {}
        for prefix, euler in (("", euler_from_rotation(rotation)), ("zhu_", zhu_euler_from_rotation(rotation))):
            lists |= {f"{prefix}{name}_deg": np.degrees(euler[:, n]) for n, name in enumerate(("pitch", "yaw", "roll"))}
        lists["focal_px" if cameras.perspective else "scale_px_per_mm"] = _numbers(cameras.focal)
        principal = _numbers(cameras.principal)
        lists |= {"principal_x": principal[:, 0], "principal_y": principal[:, 1]}
        lists |= {"photo_scale": motions.scale, "photo_rotation_deg": np.degrees(motions.angle)}
        lists |= {"photo_shift_x": motions.shift[:, 0], "photo_shift_y": motions.shift[:, 1]}
        lists["invented_share"] = clip.invented.double().mean(dim=(1, 2)).cpu().numpy()
        values: dict[str, Any] = {name: array.round(DIGITS).tolist() for name, array in lists.items()}
        values |= motion_record(path, DIGITS)
        values |= {"name": fittings.names[row], "photo": fittings.photos[row], "fitting": row}
        return values | {"copy": index // len(fittings)}

    def _sample(
        self,
        index: int,
        arrays: tuple[Arrays, Arrays],
        parameters: dict[str, Any],
        checks: dict[str, float],
        names: Sequence[str],
    ) -> Sample:
        """arrays: of the frames (F, ...) by label, and between them by full name."""
        of_frames, between = arrays
        stored: dict[str, NDArray[Any]] = {}
        derived = [name for name in names if LABELS[name].derived]
        for frame in range(self.recipe.video.frames):
            whole = {name: array[frame] for name, array in of_frames.items()}
            whole |= derive_labels(whole, self.template, derived)
            shown = [name for name in names if LABELS[name].view == "image"]
            stored |= {frame_prefix(frame) + name: whole[name] for name in shown}
        labels = {name for name in names if LABELS[name].view == "pair"}
        stored |= {name: array for name, array in between.items() if name.partition("_")[0] in labels}
        return Sample(index, stored, parameters, checks)


class ClipBlock(Sequence[Sample]):
    """The 32 clips of a block, each made when it is looked at and not kept: with all flows, one of 8 frames takes
    10 MB at 120 x 120."""

    def __init__(self, renderer: Renderer, block: int, names: tuple[str, ...], vertices: torch.Tensor) -> None:
        self._renderer = renderer
        self._block = block
        self._names = names
        self._vertices = vertices

    def __len__(self) -> int:
        return BLOCK

    @overload
    def __getitem__(self, place: int) -> Sample: ...
    @overload
    def __getitem__(self, place: slice) -> list[Sample]: ...
    def __getitem__(self, place: int | slice) -> Sample | list[Sample]:
        """One clip, or some. Raises IndexError outside the block, AssetError for a photo that cannot be used."""
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(BLOCK))]
        number = range(BLOCK)[place]
        return self._renderer.clip(self._block * BLOCK + number, self._vertices[number : number + 1], self._names)


def open_renderer(recipe: Recipe, device: str = "cpu", check_assets: bool = True) -> Renderer:
    """A renderer with the recipe's model and fittings loaded onto the device ("cpu" or "cuda").

    check_assets: look at every photo's header first. Raises AssetError, ModelError, UsageError.
    """
    check_device(device)
    assets = open_head_assets(recipe.model, device)
    return Renderer(recipe, open_photos(recipe, assets.model, check_assets), assets)


def _numbers(tensor: torch.Tensor) -> NDArray[np.float64]:
    return tensor.double().cpu().numpy()
