"""The renderer as the pipeline sees it: opened by name in whatever process renders, described by plain data."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import PurePath
from typing import Any, Protocol

from synthgen.core.errors import DatasetError, UsageError
from synthgen.dataset.derived import TemplateArrays, template_to_npz
from synthgen.dataset.index import index_file, index_to_json, shard_file
from synthgen.dataset.layout import layout_of_recipe
from synthgen.dataset.manifest import ShardRange
from synthgen.dataset.sample import Sample
from synthgen.pipeline.build_shard import BuiltShard, LastBlock, Stamp, build_shard
from synthgen.pipeline.publish import open_store, publish_bytes
from synthgen.pipeline.renderers import renderer_factory
from synthgen.recipe.schema import Recipe


class Renderer(Protocol):
    """What a renderer factory returns: `render.frame.Renderer`, or a test's stand-in."""

    template: TemplateArrays

    def __call__(self, block: int, /) -> Sequence[Sample]: ...
    def records(self) -> Sequence[Any]: ...


@dataclass(frozen=True)
class RendererSpec:
    """How to open a renderer in any process. factory: "module:function", called with (recipe, device, check_assets),
    by default the one of the recipe's kind; check_assets: look at every picture of the recipe's folders first, which
    one process of a run does for all."""

    recipe: Recipe
    device: str = "cpu"
    factory: str | None = None
    check_assets: bool = True

    def open(self) -> Renderer:
        """The renderer. Raises what the factory raises."""
        module, _, name = (self.factory or renderer_factory(self.recipe)).partition(":")
        renderer: Renderer = getattr(import_module(module), name)(self.recipe, self.device, self.check_assets)
        return renderer


@dataclass(frozen=True)
class RendererFacts:
    """What the manifest says about a renderer. assets: one dict per asset; template: bytes of template.npz."""

    assets: tuple[dict[str, Any], ...]
    template: bytes

    @property
    def asset_hashes(self) -> dict[str, str]:
        """Asset id -> sha256."""
        return {str(asset["id"]): str(asset["sha256"]) for asset in self.assets}


class Session:
    """An open renderer that builds shards into a store, in whichever process it lives."""

    def __init__(self, spec: RendererSpec, location: str) -> None:
        recipe = spec.recipe
        self._renderer = spec.open()
        self._render = LastBlock(self._renderer)
        self._layout = layout_of_recipe(recipe.model_dump(mode="json"))
        self._store = open_store(location)

    def facts(self) -> RendererFacts:
        """Assets and template of the renderer."""
        assets = [
            {"id": record.id, "file": PurePath(record.path).name, "sha256": record.sha256, "licence": record.licence}
            for record in self._renderer.records()
        ]
        ids = [asset["id"] for asset in assets]
        if len(set(ids)) != len(ids):
            raise UsageError(f"two assets of the recipe have the same id: {sorted(ids)}")
        template = template_to_npz(self._renderer.template)
        return RendererFacts(tuple(assets), template)

    def build(self, planned: ShardRange, stamp: Stamp, on_block: Any = None) -> BuiltShard:
        """Build a shard and publish it, then its index. Raises SynthgenError; nothing half-written stays."""
        name = shard_file(planned.shard)
        with self._store.create(name, once=True) as sink:
            built = build_shard(self._render, planned, self._layout, stamp, sink, on_block)
        publish_bytes(self._store, index_file(planned.shard), index_to_json(built.index), once=True)
        if self._store.size(name) != built.index.bytes:
            raise DatasetError(f"{self._store.location}/{name} was changed by someone else while it was written")
        return built
