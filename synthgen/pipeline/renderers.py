"""Which renderer makes the samples of a recipe: one per kind, opened by name so that a process loads only its own."""

from importlib import import_module
from typing import Any

from numpy.typing import NDArray

from synthgen.core.conventions import BLOCK
from synthgen.core.errors import UsageError
from synthgen.core.label_spec import labels_of_kind
from synthgen.recipe.schema import Recipe

_RENDERERS = {
    "images": "synthgen.render.frame:open_renderer",
    "pairs": "synthgen.render.frame:open_renderer",
    "fittings": "synthgen.fittings.ground_truth:open_renderer",
    "video": "synthgen.motion.video:open_renderer",
}
_PROFILES = "synthgen.motion.profile_samples:open_renderer"


def renderer_factory(recipe: Recipe) -> str:
    """ "module:function" that opens the renderer of a recipe when called with (recipe, device, check_assets)."""
    return _PROFILES if recipe.profile is not None else _RENDERERS[recipe.kind]


def open_renderer(recipe: Recipe, device: str = "cpu", check_assets: bool = True) -> Any:
    """The renderer of a recipe: called with a block number it gives 32 samples; `render(block, labels)` chooses labels.

    Raises what loading the recipe's assets raises.
    """
    module, _, name = renderer_factory(recipe).partition(":")
    return getattr(import_module(module), name)(recipe, device, check_assets)


def sample_count(recipe: Recipe) -> int:
    """How many samples a recipe makes: its `count`, or one per fitting, copy and view. Raises AssetError."""
    if recipe.count is not None:
        return recipe.count
    assert recipe.fittings is not None  # the schema asks for count or fittings
    from synthgen.fittings.fitting_file import load_fittings

    views = 1 if recipe.profile is None else recipe.profile.views
    return len(load_fittings(recipe.fittings.path)) * recipe.augment.copies * views


def render_sample(recipe: Recipe, index: int, device: str = "cpu") -> dict[str, NDArray[Any]]:
    """Every label of sample `index` as arrays, before encoding, without any dataset.

    Keys are those of the label table; pairs have `source_` and `target_` prefixes, clips `frame0_`, `frame1_`, ... The
    whole block of 32 is rendered, as it is in a dataset. Raises UsageError for a negative index.
    """
    if index < 0:
        raise UsageError(f"sample index must be 0 or more, got {index}")
    renderer = open_renderer(recipe, device)
    arrays: dict[str, NDArray[Any]] = renderer.render(index // BLOCK, labels_of_kind(recipe.kind))[index % BLOCK].arrays
    return arrays
