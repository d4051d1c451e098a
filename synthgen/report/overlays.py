"""Which pictures a report shows of one sample: the picture itself first, then its labels, for every kind of dataset."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthgen.dataset.layout import SampleLayout, between_frames, frame_prefix
from synthgen.report.columns import (
    IMAGE_COLUMNS,
    Column,
    Sample,
    flow_paint,
    label_paint,
    landmarks_paint,
    pair_columns,
    photo_columns,
    warped_paint,
)
from synthgen.report.label_colours import colour_reasons

WEBP = "image/webp"
QUALITY, EFFORT = 78, 2
# A clip of more frames is shown by this many of them.
MOST_FRAMES_SHOWN = 8
FRAME_MILLISECONDS = 120
# What is shown of one view of a pair or of a clip, beside its picture.
_VIEW_TITLES = ("landmarks", "parts", "masks", "uv", "depth", "normals", "pncc")


@dataclass(frozen=True)
class Overlay:
    """A picture of a sample. title; needs: arrays without which there is none; encode(sample, side): WebP bytes of the
    picture, `side` pixels high."""

    title: str
    needs: tuple[str, ...]
    encode: Callable[[Sample, int], bytes]


def overlays(layout: SampleLayout, radius: float, mean_face: NDArray[np.uint8] | None) -> list[Overlay]:
    """The overlays of a kind of dataset; the first is the picture as it is.

    radius: px, length of a fully saturated flow; mean_face: (H, W, 3) uint8, what the flow of photos leads to.
    """
    if layout.kind == "pairs":
        columns = [*pair_columns(radius), *_view_columns("source_", "source ")]
    elif layout.kind == "video":
        return _clip_overlays(layout, radius)
    elif layout.kind == "fittings":
        target = mean_face if mean_face is not None and mean_face.size else None
        columns = list(photo_columns(radius, target))
        # The sheet of photos leaves the plain chart out; here it costs a button.
        columns += [column for column in IMAGE_COLUMNS if column.title == "uv"]
    else:
        columns = list(IMAGE_COLUMNS)
    return [_of_column(column) for column in columns]


def present(possible: list[Overlay], sample: Sample) -> list[Overlay]:
    """Those that a sample has the arrays for."""
    return [overlay for overlay in possible if all(need in sample for need in overlay.needs)]


def webp(image: Image.Image) -> bytes:
    """The bytes of a picture, small enough for a page of hundreds."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=QUALITY, method=EFFORT)
    return buffer.getvalue()


def _of_column(column: Column) -> Overlay:
    # The sheet says "... backward" below the column before it; a button stands alone.
    title = column.title.replace("... backward", "matchability backward")
    return Overlay(title, column.needs, lambda sample, side: webp(column.paint(sample, side)))


def _view_columns(prefix: str, title: str) -> list[Column]:
    """The columns of pictures for one view of a sample of several."""

    def seen(column: Column) -> Column:
        needs = tuple(prefix + need for need in column.needs)
        return Column(title + column.title, needs, lambda sample, side: column.paint(_view(sample, prefix), side))

    return [seen(column) for column in IMAGE_COLUMNS if column.title in _VIEW_TITLES]


def _view(sample: Sample, prefix: str) -> Sample:
    return {name.removeprefix(prefix): array for name, array in sample.items() if name.startswith(prefix)}


def _clip_overlays(layout: SampleLayout, radius: float) -> list[Overlay]:
    """First frame, the moving clip, and labels of the first frame and between it and another one."""
    first, last = frame_prefix(0), frame_prefix(layout.frames - 1)
    start, end = max(layout.flow_pairs, key=lambda pair: (pair[0] == 0, pair[1] - pair[0]), default=(0, 1))
    flow, reasons = between_frames("flow", start, end), between_frames("matchability", start, end)
    target = frame_prefix(end) + "image"
    still = [
        Column("first frame", (first + "image",), label_paint(first + "image", np.asarray)),
        Column("last frame", (last + "image",), label_paint(last + "image", np.asarray)),
        Column("landmarks", (first + "image", first + "landmarks_2d"), landmarks_paint(first)),
        Column(f"flow {start} to {end}", (flow,), flow_paint(flow, radius)),
        Column(f"matchability {start} to {end}", (reasons,), label_paint(reasons, colour_reasons)),
        Column(
            f"frame {end}, warped back", (target, flow, reasons),
            warped_paint(lambda sample: np.asarray(sample[target]), flow, reasons),
        ),
        *(column for column in _view_columns(first, "") if column.title != "landmarks"),
    ]  # fmt: skip
    chosen = np.unique(np.linspace(0, layout.frames - 1, min(layout.frames, MOST_FRAMES_SHOWN)).astype(int))
    names = tuple(frame_prefix(int(frame)) + "image" for frame in chosen)
    moving = Overlay("moving", names, lambda sample, side: _animation([sample[name] for name in names], side))
    every = [_of_column(column) for column in still]
    return [every[0], moving, *every[1:]]


def _animation(frames: list[NDArray[np.uint8]], side: int) -> bytes:
    paint = label_paint("frame", np.asarray)
    first, *rest = (paint({"frame": frame}, side) for frame in frames)
    buffer = io.BytesIO()
    first.save(
        buffer, "WEBP", save_all=True, append_images=rest, duration=FRAME_MILLISECONDS, loop=0, quality=QUALITY,
        method=EFFORT,
    )  # fmt: skip
    return buffer.getvalue()
