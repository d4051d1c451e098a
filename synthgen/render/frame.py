"""Recipe -> samples: scenes are sampled, rendered and labelled in blocks of 32 by absolute index."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.asset_io.catalogue import AssetRecord
from synthgen.core.conventions import BLOCK
from synthgen.core.errors import LabelError
from synthgen.core.label_spec import LABELS
from synthgen.dataset.derived import derive_labels, template_arrays
from synthgen.dataset.layout import label_of
from synthgen.dataset.sample import Sample
from synthgen.recipe.schema import Recipe
from synthgen.render.assets import RenderAssets, open_assets
from synthgen.render.device import check_device, rendering
from synthgen.render.labelling import Arrays, Labelled, label_view
from synthgen.render.pair import label_pair
from synthgen.render.parameters import scene_parameters
from synthgen.render.usable_scene import usable_scene
from synthgen.render.view import View, ViewOptions, render_view
from synthgen.sampling.sampler import sample_scene
from synthgen.sampling.scene import SceneParams

INTRINSIC_LAYERS = ("albedo", "shading")
PREFIXES = ("source_", "target_")


class Renderer:
    """Called with a block number, gives its 32 samples: a pure function of (recipe, block) on one device."""

    def __init__(self, recipe: Recipe, assets: RenderAssets) -> None:
        self.recipe = recipe
        self.assets = assets
        self.template = template_arrays(assets.model.template)

    def __call__(self, block: int) -> list[Sample]:
        """Samples 32 block .. 32 block + 31, with the labels that the recipe stores."""
        return self.render(block, self.recipe.label_names())

    def render(self, block: int, names: Sequence[str]) -> list[Sample]:
        """The samples of a block with the labels called `names` (pairs: without view prefix)."""
        with rendering(self.recipe.size):
            return self._render(block, names)

    def views(self, block: int, names: Sequence[str]) -> tuple[list[tuple[SceneParams, ...]], list[View]]:
        """The scenes of a block's 32 samples, a tuple of pictures each, and the views that they make, one per picture
        of a sample, with what the labels `names` need."""
        indices = range(block * BLOCK, (block + 1) * BLOCK)
        drawn = (sample_scene(self.recipe, self.assets.model, self.assets.box, index) for index in indices)
        scenes = [tuple(usable_scene(view, self.assets) for view in views) for views in drawn]
        keep_layers = any(name in INTRINSIC_LAYERS for name in names)
        options = ViewOptions(self.recipe.sensor.supersampling, keep_layers, self.recipe.other_faces == "label")
        return scenes, [render_view(view_scenes, self.assets, options) for view_scenes in zip(*scenes, strict=True)]

    def _render(self, block: int, names: Sequence[str]) -> list[Sample]:
        indices = range(block * BLOCK, (block + 1) * BLOCK)
        scenes, views = self.views(block, names)
        labelled = [label_view(view, self.assets, names) for view in views]
        joined = labelled[0] if len(views) == 1 else self._join_pair(views, labelled, names)
        parameters = self._parameters(scenes, labelled)
        samples = [self._sample(joined, parameters[n], n, index, names) for n, index in enumerate(indices)]
        for sample in samples:
            check_finite(sample)
        return samples

    def records(self) -> list[AssetRecord]:
        """Every file the samples depend on."""
        return list(self.assets.records)

    def _join_pair(self, views: list[View], labelled: list[Labelled], names: Sequence[str]) -> Labelled:
        """Arrays, parameters and checks of both views under their prefixes, and the labels of the pair."""
        source, target = labelled
        arrays: Arrays = {}
        for prefix, view in zip(PREFIXES, labelled, strict=True):
            arrays |= {prefix + name: array for name, array in view.arrays.items()}
        pair_arrays, pair_checks = label_pair(views[0], views[1], self.assets, self.recipe.flow)
        arrays |= pair_arrays
        checks = [
            _prefixed(PREFIXES[0], first) | _prefixed(PREFIXES[1], second) | own
            for first, second, own in zip(source.checks, target.checks, pair_checks, strict=True)
        ]
        return Labelled(arrays, checks)

    def _parameters(
        self, scenes: Sequence[tuple[SceneParams, ...]], labelled: Sequence[Labelled]
    ) -> list[dict[str, Any]]:
        """What was sampled for each picture or pair."""
        prefixes = PREFIXES if len(labelled) > 1 else ("",)
        rows: list[dict[str, Any]] = [{} for _ in scenes]
        for n, row in enumerate(rows):
            for view, (prefix, view_labels) in enumerate(zip(prefixes, labelled, strict=True)):
                values = scene_parameters(scenes[n][view], self.assets)
                values["origin_depth"] = float(view_labels.arrays["camera_from_world"][n, 2, 3])
                row |= _prefixed(prefix, values)
        return rows

    def _sample(
        self, labelled: Labelled, parameters: dict[str, Any], n: int, index: int, names: Sequence[str]
    ) -> Sample:
        whole = {name: array[n] for name, array in labelled.arrays.items()}
        prefixes = PREFIXES if self.recipe.kind == "pairs" else ("",)
        arrays: dict[str, NDArray[Any]] = {}
        for name in names:
            for prefix in prefixes if LABELS[name].view == "image" else ("",):
                full = prefix + name
                if LABELS[name].derived:
                    whole |= derive_labels(whole, self.template, [full], prefixes)
                arrays[full] = whole[full]
        return Sample(index, arrays, parameters, labelled.checks[n])


def open_renderer(recipe: Recipe, device: str = "cpu", check_assets: bool = True) -> Renderer:
    """A renderer with everything the recipe names loaded onto the device ("cpu" or "cuda").

    check_assets: look at every picture's header first. Raises AssetError, ModelError, UsageError.
    """
    check_device(device)
    return Renderer(recipe, open_assets(recipe, device, check_assets))


def _prefixed(prefix: str, values: dict[str, Any]) -> dict[str, Any]:
    return {prefix + name: value for name, value in values.items()}


def check_finite(sample: Sample) -> None:
    """Raise LabelError when a label without an empty value is not finite: nothing of the sample may be stored.

    Labels with one, planes among them, are judged by their codec: it takes NaN where there is nothing, and no more.
    """
    for name, array in sample.arrays.items():
        if array.dtype.kind == "f" and not label_of(name).empty and not np.isfinite(array).all():
            raise LabelError(f"sample {sample.index}: {name} is not finite; check the recipe's distributions")
