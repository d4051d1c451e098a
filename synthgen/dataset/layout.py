"""What every sample of a dataset holds, so that a member can be checked before anything is allocated for it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from operator import index
from typing import Any, Literal, cast

from synthgen.core.errors import DatasetError
from synthgen.core.label_spec import LABELS, PARAMETER_LABELS, LabelSpec, labels_of_kind
from synthgen.core.limits import MOST_FRAMES, MOST_SIDE

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
        kind, codec = str(recipe["kind"]), str(recipe["codec"])
        height, width = (index(side) for side in recipe["size"])
        frames, pairs = _clip(recipe["video"]) if kind == "video" else (0, ())
        names: list[str] = []
        for label in recipe["labels"]:
            names += PARAMETER_LABELS if label == "parameters" else [str(label)]
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"the recipe has no such sample layout: {error!r}") from error
    unknown = [name for name in names if kind not in KINDS or name not in labels_of_kind(kind)]
    if kind not in KINDS or codec not in PICTURE_CODECS or unknown:
        raise DatasetError(f"no such sample layout: kind {kind!r}, codec {codec!r}, unknown {unknown}")
    if not (1 <= height <= MOST_SIDE and 1 <= width <= MOST_SIDE):
        raise DatasetError(f"no such sample layout: {height} x {width} pixels, expected 1 to {MOST_SIDE}")
    size = (height, width)
    ordered = tuple(name for name in LABELS if name in names)
    return SampleLayout(kind, size, ordered, cast(Literal["jpeg", "png"], codec), frames, pairs)


def _clip(video: Mapping[str, Any]) -> tuple[int, tuple[tuple[int, int], ...]]:
    """Frames of a clip and the flows between them. Raises ValueError, KeyError or TypeError."""
    frames = index(video["frames"])
    if not 2 <= frames <= MOST_FRAMES:  # before the pairs, of which there are frames squared
        raise ValueError(f"{frames} frames, expected 2 to {MOST_FRAMES}")
    return frames, flow_pairs(str(video["flow"]), frames)


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
