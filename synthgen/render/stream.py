"""Online batches: a recipe's samples rendered on the device while a network trains, without touching a disk."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import count as counted
from math import isnan

import torch
from torch.utils.data import IterableDataset, get_worker_info

from synthgen.core.check_limits import broken_limits
from synthgen.core.conventions import BLOCK
from synthgen.core.errors import LabelError, UsageError
from synthgen.core.label_spec import LABELS, labels_of_kind
from synthgen.recipe.schema import Recipe
from synthgen.recipe.suggest import suggestion
from synthgen.render.assets import RenderAssets
from synthgen.render.device import rendering
from synthgen.render.device_labels import Planes, TemplateTensors, template_tensors, view_labels
from synthgen.render.frame import PREFIXES, Renderer, open_renderer
from synthgen.render.pair import match_pair
from synthgen.render.view import View
from synthgen.render.view_checks import view_drawn_share

RENDERED_KINDS = ("images", "pairs")


@dataclass(frozen=True)
class StreamPlan:
    """Which samples a stream yields: first, first + 1, ... in batches of `batch_size`.

    first: number of the first sample; count: how many samples, None for ever (samples beyond the recipe's `count` are
    as good as those before it: every index has its own random numbers). rank, world_size: of this process among those
    that train together: batch b belongs to rank b modulo world_size, so that together they see each sample once.
    A last batch that is not full is kept where `count` asks for it.
    """

    batch_size: int = BLOCK
    first: int = 0
    count: int | None = None
    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.first < 0 or (self.count is not None and self.count < 1):
            raise UsageError(f"batch_size and count must be at least 1, first at least 0: {self}")
        if not 0 <= self.rank < self.world_size:
            raise UsageError(f"rank {self.rank} is not within world size {self.world_size}")

    def batches(self, share: int = 0, shares: int = 1) -> Iterator[range]:
        """The sample numbers of each batch of this rank; share of shares: every so-manieth of them alone."""
        for batch in counted(self.rank + self.world_size * share, self.world_size * shares):
            start = batch * self.batch_size
            stop = start + self.batch_size
            if self.count is not None:
                stop = min(stop, self.count)
            if start >= stop:
                return
            yield range(self.first + start, self.first + stop)


class FaceStream(IterableDataset[Planes]):
    """Batches as dicts of tensors (B, ...) on the device; made by `torch_stream`.

    Each iteration begins at the first sample of `plan`; to go on after an interruption, give the number of the next
    sample as `first`. In a `torch.utils.data.DataLoader` (batch_size=None) its workers take the batches in turn; they
    need device "cpu".
    """

    def __init__(self, recipe: Recipe, plan: StreamPlan, names: Sequence[str], device: str) -> None:
        self.recipe, self.plan, self.names, self.device = recipe, plan, tuple(names), device
        self._renderer: Renderer | None = None
        self._template: TemplateTensors | None = None

    def __iter__(self) -> Iterator[Planes]:
        """The batches of this rank and loader worker. Raises LabelError when a head was left blank."""
        info = get_worker_info()
        share, shares = (info.id, info.num_workers) if info is not None else (0, 1)
        last: tuple[int, Planes] | None = None
        for batch in self.plan.batches(share, shares):
            parts: list[Planes] = []
            for block in range(batch.start // BLOCK, (batch.stop - 1) // BLOCK + 1):
                if last is None or last[0] != block:
                    last = block, self.render_block(block)
                inside = slice(max(batch.start - block * BLOCK, 0), min(batch.stop - block * BLOCK, BLOCK))
                parts.append({name: plane[inside] for name, plane in last[1].items()})
            yield {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def open_assets(self) -> RenderAssets:
        """What is rendered with, loaded onto the device when it is first needed. Raises what `open_renderer` raises."""
        if self._renderer is None:
            self._renderer = open_renderer(self.recipe, self.device)
            device = self._renderer.assets.tensors.mean.device
            self._template = template_tensors(self._renderer.template, device)
        return self._renderer.assets

    def render_block(self, block: int) -> Planes:
        """The labels (32, ...) of samples 32 block .. 32 block + 31."""
        assets = self.open_assets()
        assert self._renderer is not None and self._template is not None
        with rendering(self.recipe.size), torch.no_grad():
            _, views = self._renderer.views(block, self.names)
            for view in views:
                self._check_drawn(view, block)
            prefixes = PREFIXES if len(views) > 1 else ("",)
            labels: Planes = {"index": torch.arange(block * BLOCK, (block + 1) * BLOCK)}
            for prefix, view in zip(prefixes, views, strict=True):
                own = view_labels(view, assets, self._template, self.names)
                labels |= {prefix + name: plane for name, plane in own.items()}
            if any(LABELS[name].view == "pair" for name in self.names):
                matched = match_pair(views[0], views[1], assets, self.recipe.flow)
                labels |= {name: plane for name, plane in matched.items() if name in self.names}
        return labels

    def _check_drawn(self, view: View, block: int) -> None:
        """A picture that a rasteriser left blank must not reach the network."""
        assert self._renderer is not None
        for place, share in enumerate(view_drawn_share(view, self._renderer.assets).tolist()):
            broken = None if isnan(share) else next(broken_limits({"drawn_share": share}), None)
            if broken is not None:
                raise LabelError(f"sample {block * BLOCK + place}: {broken}")

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_renderer": None, "_template": None}


def torch_stream(
    recipe: Recipe, plan: StreamPlan | None = None, *, labels: Collection[str] | None = None, device: str = "auto"
) -> FaceStream:
    """Training batches rendered on the device, without touching disk: sample i equals `render_sample(recipe, i)` there.

    recipe: of kind images or pairs; plan: which samples, by default all from 0 on for ever, 32 at a time; labels: names
    of the label table, by default those that the recipe stores; device: "cpu", "cuda", or "auto" for CUDA where there
    is one. A batch is a dict of tensors (B, ...) named as in `render_sample`, and `index`, (B,) int64 on the host.

    Raises UsageError for a kind that is made from photos, an unknown label, or a device that is not there.
    """
    if recipe.kind not in RENDERED_KINDS:
        raise UsageError(
            f"torch_stream renders recipes of kind {' and '.join(RENDERED_KINDS)}; one of kind {recipe.kind} is made "
            "from photos: write it with synthgen generate and read it with MapFaces or IterableFaces"
        )
    known = labels_of_kind(recipe.kind)
    names = recipe.label_names() if labels is None else tuple(labels)
    for name in names:
        if name not in known:
            raise UsageError(f"unknown label {name!r} for kind {recipe.kind}{suggestion(name, known)}")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return FaceStream(recipe, plan or StreamPlan(), names, device)
