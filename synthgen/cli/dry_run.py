"""`generate --dry-run`: what a run would cost, measured from a few samples."""

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from synthgen.cli.console import readable_bytes, readable_seconds

if TYPE_CHECKING:
    from synthgen.recipe.schema import Recipe

TAR_BLOCK = 512


@dataclass(frozen=True)
class Estimate:
    """What a run would make. pictures: of a sample; sample_seconds: of one process; start_seconds: until its first
    sample."""

    kind: str
    size: tuple[int, int]
    labels: tuple[str, ...]
    count: int
    shards: int
    workers: int
    device: str
    measured: int
    pictures: int
    sample_bytes: float
    sample_seconds: float
    start_seconds: float

    @property
    def total_bytes(self) -> float:
        """Expected size on disk."""
        return self.count * self.sample_bytes

    @property
    def total_seconds(self) -> float:
        """Expected wall time if every worker has a core of its own; a worker builds whole shards."""
        rounds = -(-self.shards // min(self.workers, self.shards))
        samples = min(self.count, rounds * -(-self.count // self.shards))
        return self.start_seconds + samples * self.sample_seconds

    def lines(self) -> list[str]:
        """The estimate as text."""
        pictures = self.count * self.pictures
        return [
            f"kind      {self.kind}, {self.size[0]} x {self.size[1]}",
            f"samples   {self.count} in {self.shards} shards, {pictures} pictures",
            f"labels    {', '.join(self.labels)}",
            f"disk      {readable_bytes(self.total_bytes)}, {readable_bytes(self.sample_bytes)} per sample",
            f"time      {readable_seconds(self.total_seconds)} with {self.workers} workers on {self.device}, "
            f"{1 / self.sample_seconds:.1f} samples/s each",
            f"measured  {self.measured} samples; nothing was written",
        ]


def estimate(recipe: "Recipe", count: int, workers: int, device: str) -> Estimate:
    """Render and encode one block, in memory. Raises what generating would raise about recipe and assets."""
    from synthgen.dataset.codecs import SampleCodec
    from synthgen.dataset.layout import layout_of_recipe
    from synthgen.pipeline.plan import plan_shards
    from synthgen.pipeline.renderers import open_renderer

    started = perf_counter()
    renderer = open_renderer(recipe, device)
    renderer(0)[0]  # kernels are compiled and loaded here
    ready = perf_counter()
    layout = layout_of_recipe(recipe.model_dump(mode="json"))
    codec = SampleCodec(layout)
    samples = renderer(1)  # other pictures than the first block, so that caches help no more than they will
    encoded = [codec.encode(sample) for sample in samples]
    seconds = perf_counter() - ready
    size = sum(_stored_bytes(len(member)) for members in encoded for member in members)
    return Estimate(
        kind=recipe.kind,
        size=recipe.size,
        labels=recipe.labels,
        count=count,
        shards=len(plan_shards(count, recipe.shard_size)),
        workers=workers,
        device=device,
        measured=len(samples),
        pictures=len(layout.prefixes),
        sample_bytes=size / len(samples),
        sample_seconds=seconds / len(samples),
        start_seconds=ready - started,
    )


def _stored_bytes(length: int) -> int:
    """A tar member: its header and its data, in blocks."""
    return TAR_BLOCK + -(-length // TAR_BLOCK) * TAR_BLOCK
