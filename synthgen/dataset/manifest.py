"""`dataset.json`: what a dataset is, written before its first shard. Also the names and ranges of its shards."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from synthgen.core.errors import DatasetError
from synthgen.core.label_spec import LABELS
from synthgen.core.limits import MOST_SAMPLES, MOST_SHARD_SAMPLES, MOST_SHARDS
from synthgen.dataset.index import open_sealed_json, sealed_json, texts, typed
from synthgen.dataset.layout import SampleLayout, label_of, layout_of_recipe

MANIFEST_FILE = "dataset.json"
TEMPLATE_FILE = "template.npz"
TABLE_FILE = "samples.parquet"
PARAMETERS_FILE = "parameters_62.json"
# What a dataset of photos was made from: its fitting file and what was left out.
SOURCE_FOLDER = "source"
_FORMAT = "synthgen-dataset-1"
_HASH_KEY = "manifest_sha256"
# Derived label -> the stored ones that it is computed from.
DERIVED_FROM: Mapping[str, Sequence[str]] = {
    "uv": ("triangle_id", "barycentric"),
    "pncc": ("triangle_id", "barycentric"),
    "depth_unit": ("depth", "camera_from_world"),
    "parts": ("triangle_id",),
    "amodal_mask": ("triangle_id",),
    "face_mask": ("triangle_id", "occluder_mask"),
}


@dataclass(frozen=True)
class ShardRange:
    """Samples start .. stop-1 of a dataset, in shard number `shard`."""

    shard: int
    start: int
    stop: int


@dataclass(frozen=True)
class Manifest:
    """The identity of a dataset.

    recipe: the resolved recipe as plain data; canonical: the part of it that the fingerprint covers;
    fingerprint: sha256 of everything that decides the bytes of a sample; asset_hashes: id -> sha256;
    assets: one dict per asset (id, file, sha256, licence); versions: package -> version; cpu_family: vendor and SIMD
    level; count, shard_size: the plan; template_sha256: of template.npz.
    """

    recipe: dict[str, Any]
    canonical: dict[str, Any]
    fingerprint: str
    assets: tuple[dict[str, Any], ...]
    versions: dict[str, str]
    cpu_family: str
    count: int
    shard_size: int
    template_sha256: str

    @property
    def layout(self) -> SampleLayout:
        """What every sample holds."""
        return layout_of_recipe(self.recipe)

    @property
    def shards(self) -> int:
        """Number of planned shards."""
        return -(-self.count // self.shard_size)

    def shard_range(self, shard: int) -> ShardRange:
        """The samples of a shard. Raises IndexError for a number outside the plan."""
        if not 0 <= shard < self.shards:
            raise IndexError(f"shard {shard} of {self.shards}")
        return ShardRange(shard, shard * self.shard_size, min((shard + 1) * self.shard_size, self.count))


def manifest_to_json(manifest: Manifest) -> bytes:
    """The bytes of dataset.json."""
    layout = manifest.layout
    content = {
        "format": _FORMAT,
        "recipe": manifest.recipe,
        "canonical": manifest.canonical,
        "fingerprint": manifest.fingerprint,
        "assets": list(manifest.assets),
        "versions": manifest.versions,
        "cpu_family": manifest.cpu_family,
        "plan": {"count": manifest.count, "shard_size": manifest.shard_size, "shards": manifest.shards},
        "template_sha256": manifest.template_sha256,
        "members": [list(member) for member in layout.members],
        "labels": label_rows(layout),
    }
    return sealed_json(content, _HASH_KEY)


def manifest_from_json(data: bytes, where: str) -> Manifest:
    """The manifest that `manifest_to_json` wrote. Raises DatasetError naming `where` when it is damaged."""
    content = open_sealed_json(data, _HASH_KEY, where)
    if content.get("format") != _FORMAT:
        raise DatasetError(f"{where} has format {content.get('format')!r}, expected {_FORMAT!r}")
    try:
        manifest = Manifest(
            recipe=typed(content, "recipe", dict),
            canonical=typed(content, "canonical", dict),
            fingerprint=typed(content, "fingerprint", str),
            assets=tuple(typed(content, "assets", list)),
            versions=texts(typed(content, "versions", dict)),
            cpu_family=typed(content, "cpu_family", str),
            count=typed(typed(content, "plan", dict), "count", int),
            shard_size=typed(content["plan"], "shard_size", int),
            template_sha256=typed(content, "template_sha256", str),
        )
        for asset in manifest.assets:
            texts({key: asset[key] for key in ("id", "file", "sha256", "licence")})
        _check_plan(manifest)
        manifest.layout  # noqa: B018  raises for a recipe that no dataset can have
    except (KeyError, TypeError, ValueError, DatasetError) as error:
        raise DatasetError(f"{where} is damaged: {error}") from error
    return manifest


def _check_plan(manifest: Manifest) -> None:
    count, size = manifest.count, manifest.shard_size
    if not (1 <= count <= MOST_SAMPLES and 1 <= size <= MOST_SHARD_SAMPLES) or manifest.shards > MOST_SHARDS:
        raise ValueError(
            f"its plan has {count} samples in shards of {size}, expected at most {MOST_SAMPLES} in {MOST_SHARDS} shards"
        )


def label_rows(layout: SampleLayout) -> list[dict[str, Any]]:
    """The label table as data: the stored arrays, then the labels that the reader can derive."""
    stored = [{"array": name, "stored": True, **asdict(label_of(name))} for name in layout.array_names]
    derived = [{"array": name, "stored": False, **asdict(label_of(name))} for name in derivable_names(layout)]
    return stored + derived


def derivable_names(layout: SampleLayout) -> tuple[str, ...]:
    """Names of the arrays that the reader computes from stored ones and the template."""
    names = [
        name
        for name, spec in LABELS.items()
        if spec.derived and name not in layout.labels and all(need in layout.labels for need in DERIVED_FROM[name])
    ]
    return tuple(prefix + name for prefix in layout.prefixes for name in names)
