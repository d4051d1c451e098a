"""What every sample of a dataset holds, so that a member can be checked before anything is allocated for it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal

from synthgen.core.errors import DatasetError
from synthgen.core.label_spec import LABELS, PARAMETER_LABELS, LabelSpec, labels_of_kind
from synthgen.core.limits import MOST_FRAMES

# Raised when the meaning of stored bytes changes.
LABEL_SCHEMA_VERSION = 3
KINDS = ("images", "pairs", "fittings", "video")
PICTURE_CODECS = {"jpeg": ("jpg", "jpeg-q95-444"), "png": ("png", "png-sub-huffman")}
LABELS_CODEC = "planes-3-zstd1"
META_CODEC = "json"

_VIEW_PREFIX = re.compile(r"source_|target_|frame\d+_")
_BETWEEN_FRAMES = re.compile(r"(flow|matchability)_\d+_\d+")


@dataclass(frozen=True)
class SampleLayout:
    """The arrays of a sample.

    kind: one of KINDS; size: (H, W) pixels; labels: in the order of the label table, "parameters" spelled out;
    codec: picture codec, "jpeg" or "png"; frames: pictures of a video, 0 for other kinds; flow_pairs: (from, to) of the
    flows between its frames.
    """

    kind: str
    size: tuple[int, int]
    labels: tuple[str, ...]
    codec: Literal["jpeg", "png"]
    frames: int = 0
    flow_pairs: tuple[tuple[int, int], ...] = ()

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Prefixes of the views: one empty prefix, source and target, or one per frame."""
        if self.kind == "pairs":
            return ("source_", "target_")
        return tuple(frame_prefix(frame) for frame in range(self.frames)) if self.kind == "video" else ("",)

    @cached_property
    def array_names(self) -> tuple[str, ...]:
        """Names of the stored arrays, views first, in the order of storage."""
        per_view = [name for name in self.labels if LABELS[name].view == "image"]
        shared = [name for name in self.labels if LABELS[name].view == "pair"]
        if self.kind == "video":
            shared = [between_frames(name, *pair) for pair in self.flow_pairs for name in shared]
        return tuple(prefix + name for prefix in self.prefixes for name in per_view) + tuple(shared)

    @cached_property
    def picture_names(self) -> tuple[str, ...]:
        """Names of the arrays that are stored as pictures."""
        return tuple(prefix + "image" for prefix in self.prefixes) if "image" in self.labels else ()

    @property
    def picture_suffix(self) -> str:
        """What the file name of a stored picture ends with: "jpg" or "png"."""
        return PICTURE_CODECS[self.codec][0]

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


def frame_prefix(frame: int) -> str:
    """What the arrays of a frame of a video begin with."""
    return f"frame{frame}_"


def between_frames(label: str, start: int, end: int) -> str:
    """The name of `flow` or `matchability` from one frame of a video to another."""
    return f"{label}_{start}_{end}"


@cache
def label_of(array_name: str) -> LabelSpec:
    """The row of the label table for an array's name, with or without a view prefix. Raises KeyError."""
    between = _BETWEEN_FRAMES.fullmatch(array_name)
    if between is not None:
        return LABELS[between[1]]
    prefix = _VIEW_PREFIX.match(array_name)
    if prefix is not None and array_name[prefix.end() :] in LABELS:
        return LABELS[array_name[prefix.end() :]]
    return LABELS[array_name]


def layout_of_recipe(recipe: Mapping[str, Any]) -> SampleLayout:
    """The layout that a recipe (as plain data, for example from dataset.json) asks for.

    Raises DatasetError for values that no dataset has.
    """
    try:
        kind, size, codec = recipe["kind"], recipe["size"], recipe["codec"]
        video = recipe["video"] if kind == "video" else None
        frames = 0 if video is None else int(video["frames"])
        pairs = () if video is None else flow_pairs(str(video["flow"]), frames)
        names: list[str] = []
        for label in recipe["labels"]:
            names += PARAMETER_LABELS if label == "parameters" else [label]
        size = (int(size[0]), int(size[1])) if len(size) == 2 else ()
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"the recipe has no such sample layout: {error!r}") from error
    unknown = [name for name in names if kind not in KINDS or name not in labels_of_kind(kind)]
    countable = 2 <= frames <= MOST_FRAMES if kind == "video" else True
    if kind not in KINDS or codec not in PICTURE_CODECS or not size or unknown or not countable:
        raise DatasetError(f"no such sample layout: kind {kind!r}, size {size}, codec {codec!r}, unknown {unknown}")
    ordered = tuple(name for name in LABELS if name in names)
    return SampleLayout(kind, size, ordered, codec, frames, pairs)


def flow_pairs(flow: str, frames: int) -> tuple[tuple[int, int], ...]:
    """(from, to) of every flow of a clip: "all", "next" (and back), or "first" (and back). Raises ValueError."""
    ordered = [(start, end) for start in range(frames) for end in range(frames) if start != end]
    chosen = {
        "all": ordered,
        "next": [(start, end) for start, end in ordered if abs(start - end) == 1],
        "first": [(start, end) for start, end in ordered if 0 in (start, end)],
    }
    if flow not in chosen:
        raise ValueError(f"video.flow is {flow!r}, expected one of {sorted(chosen)}")
    return tuple(chosen[flow])
