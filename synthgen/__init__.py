"""Synthetic faces with every label: recipes in, sharded datasets out.

The names below are loaded on first use, so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from synthgen.dataset.reader import open_dataset
    from synthgen.dataset.torch_dataset import IterableFaces, MapFaces
    from synthgen.pipeline.renderers import render_sample
    from synthgen.pipeline.run import GenerateOptions, generate
    from synthgen.pipeline.verify import verify
    from synthgen.recipe.load import load_recipe
    from synthgen.render.stream import StreamPlan, torch_stream

_EXPORTS = {
    "load_recipe": "synthgen.recipe.load",
    "open_dataset": "synthgen.dataset.reader",
    "render_sample": "synthgen.pipeline.renderers",
    "generate": "synthgen.pipeline.run",
    "GenerateOptions": "synthgen.pipeline.run",
    "verify": "synthgen.pipeline.verify",
    "MapFaces": "synthgen.dataset.torch_dataset",
    "IterableFaces": "synthgen.dataset.torch_dataset",
    "torch_stream": "synthgen.render.stream",
    "StreamPlan": "synthgen.render.stream",
}
__all__ = [
    "GenerateOptions",
    "IterableFaces",
    "MapFaces",
    "StreamPlan",
    "__version__",
    "generate",
    "load_recipe",
    "open_dataset",
    "render_sample",
    "torch_stream",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Load an exported name on first use."""
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_EXPORTS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
