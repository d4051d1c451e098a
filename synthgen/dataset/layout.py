"""What every sample of a dataset holds, so that a member can be checked before anything is allocated for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal

from synthgen.core.errors import DatasetError
from synthgen.core.label_spec import LABELS, PARAMETER_LABELS, LabelSpec

# Raised when the meaning of stored bytes changes.
LABEL_SCHEMA_VERSION = 2
VIEW_PREFIXES: dict[str, tuple[str, ...]] = {"images": ("",), "pairs": ("source_", "target_")}
PICTURE_CODECS = {"jpeg": ("jpg", "jpeg-q95-444"), "png": ("png", "png-sub-huffman")}
LABELS_CODEC = "planes-2-zstd1"
META_CODEC = "json"


@dataclass(frozen=True)
class SampleLayout:
    """The arrays of a sample.

    kind: "images" or "pairs"; size: (H, W) pixels; labels: in the order of the label table, "parameters" spelled out;
    codec: picture codec, "jpeg" or "png".
    """

    kind: Literal["images", "pairs"]
    size: tuple[int, int]
    labels: tuple[str, ...]
    codec: Literal["jpeg", "png"]

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Prefixes of the views: one empty prefix, or source and target."""
        return VIEW_PREFIXES[self.kind]

    @cached_property
    def array_names(self) -> tuple[str, ...]:
        """Names of the stored arrays, views first, in the order of storage."""
        per_view = [name for name in self.labels if LABELS[name].view == "image"]
        shared = [name for name in self.labels if LABELS[name].view == "pair"]
        return tuple(prefix + name for prefix in self.prefixes for name in per_view) + tuple(shared)

    @cached_property
    def picture_names(self) -> tuple[str, ...]:
        """Names of the arrays that are stored as pictures."""
        return tuple(prefix + "image" for prefix in self.prefixes) if "image" in self.labels else ()

    @cached_property
    def plane_names(self) -> tuple[str, ...]:
        """Names of the arrays that the labels member holds, in the order of storage."""
        return tuple(name for name in self.array_names if name not in self.picture_names)

    @cached_property
    def members(self) -> tuple[tuple[str, str], ...]:
        """(suffix of the member's name, codec id) of each member of a sample, in the order of storage."""
        suffix, codec = PICTURE_CODECS[self.codec]
        names = [name.removesuffix("_image") for name in self.picture_names]
        pictures = [(f"{name}.{suffix}", codec) for name in names]
        return (*pictures, ("labels.zst", LABELS_CODEC), ("meta.json", META_CODEC))


@cache
def label_of(array_name: str) -> LabelSpec:
    """The row of the label table for an array's name, with or without a view prefix. Raises KeyError."""
    for prefix in ("source_", "target_"):
        if array_name.startswith(prefix) and array_name[len(prefix) :] in LABELS:
            return LABELS[array_name[len(prefix) :]]
    return LABELS[array_name]


def make_layout(kind: str, size: Sequence[int], labels: Sequence[str], codec: str) -> SampleLayout:
    """The layout for the values of a recipe. Raises DatasetError for values that no dataset has."""
    names: list[str] = []
    for label in labels:
        names += PARAMETER_LABELS if label == "parameters" else [label]
    unknown = [name for name in names if name not in LABELS]
    if kind not in VIEW_PREFIXES or codec not in PICTURE_CODECS or len(size) != 2 or unknown:
        raise DatasetError(f"no such sample layout: kind {kind!r}, size {size}, codec {codec!r}, unknown {unknown}")
    if kind == "images" and any(LABELS[name].view == "pair" for name in names):
        raise DatasetError("a dataset of kind images cannot hold flow or matchability")
    ordered = tuple(name for name in LABELS if name in names)
    return SampleLayout(kind, (int(size[0]), int(size[1])), ordered, codec)  # type: ignore[arg-type]


def layout_of_recipe(recipe: dict[str, Any]) -> SampleLayout:
    """The layout that a recipe (as stored in dataset.json) asks for."""
    return make_layout(recipe["kind"], recipe["size"], recipe["labels"], recipe["codec"])
