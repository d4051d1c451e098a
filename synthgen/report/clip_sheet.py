"""Contact sheets of short videos: a row per clip, in bands of one tile per frame."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from synthgen.dataset.layout import between_frames, frame_prefix
from synthgen.report.columns import Paint, Sample, flow_paint, label_paint, landmarks_paint, warped_paint
from synthgen.report.label_colours import colour_reasons
from synthgen.report.tiles import FAINT, PAPER, write_text

TILE, GAP, CLIP_GAP, MARGIN, TITLES = 132, 4, 16, 24, 132


@dataclass(frozen=True)
class Band:
    """A title, and what is painted for frame k: the arrays it needs, and the tile."""

    title: str
    needs: Callable[[int], tuple[str, ...]]
    paint: Callable[[int], Paint]


def is_clip(sample: Sample) -> bool:
    """Whether a sample is of kind `video`."""
    return any(name.startswith(frame_prefix(0)) for name in sample)


def frame_count(sample: Sample) -> int:
    """The number of frames whose arrays a sample holds."""
    count = 0
    while any(name.startswith(frame_prefix(count)) for name in sample):
        count += 1
    return count


def flow_names(samples: Sequence[Sample]) -> list[str]:
    """Names of the flows that the sheet shows."""
    pairs = _flow_pairs(samples[0])
    return [name for pair in pairs.values() if (name := between_frames("flow", *pair)) in samples[0]]


def matchability_names(samples: Sequence[Sample]) -> list[str]:
    """Names of the matchabilities that the sheet shows."""
    pairs = _flow_pairs(samples[0])
    return [name for pair in pairs.values() if (name := between_frames("matchability", *pair)) in samples[0]]


def _flow_pairs(sample: Sample) -> dict[int, tuple[int, int]]:
    """Frame k -> the flow painted below it: from frame 0, or from the frame before where only those are stored."""
    frames = range(1, frame_count(sample))
    from_first = {k: (0, k) for k in frames}
    stored = [between_frames("flow", *pair) in sample for pair in from_first.values()]
    return from_first if all(stored) else {k: (k - 1, k) for k in frames}


def clip_bands(sample: Sample, radius: float) -> list[Band]:
    """The bands that a sample has arrays for; radius: px, length of a fully saturated flow."""
    pairs = _flow_pairs(sample)
    start = "frame 0" if all(first == 0 for first, _ in pairs.values()) else "frame before"

    def name(label: str, k: int) -> str:
        return between_frames(label, *pairs[k]) if k in pairs else ""

    def picture(k: int) -> Callable[[Sample], np.ndarray]:
        return lambda sample: sample[frame_prefix(k) + "image"]

    bands = [
        Band(
            "frames",
            lambda k: (frame_prefix(k) + "image",),
            lambda k: label_paint(frame_prefix(k) + "image", np.asarray),
        ),
        Band(
            "landmarks",
            lambda k: (frame_prefix(k) + "image", frame_prefix(k) + "landmarks_2d"),
            lambda k: landmarks_paint(frame_prefix(k)),
        ),
        Band(f"flow from\n{start}", lambda k: (name("flow", k),), lambda k: flow_paint(name("flow", k), radius)),
        Band(
            "matchability",
            lambda k: (name("matchability", k),),
            lambda k: label_paint(name("matchability", k), colour_reasons),
        ),
        Band(
            f"warped back\nto {start}",
            lambda k: (frame_prefix(k) + "image", name("flow", k), name("matchability", k)),
            lambda k: warped_paint(picture(k), name("flow", k), name("matchability", k)),
        ),
    ]
    last = frame_count(sample) - 1
    return [band for band in bands if all(need in sample for need in band.needs(last))]


def clip_grid(samples: Sequence[Sample], bands: Sequence[Band], first: int) -> Image.Image:
    """The picture without legends; first: number of the first clip."""
    frames = frame_count(samples[0])
    rows = [[_band_tiles(sample, band, frames) for band in bands] for sample in samples]
    width = max(tile.width for clip in rows for band in clip for tile in band if tile is not None)
    height = len(bands) * (TILE + GAP) + CLIP_GAP
    sheet = Image.new("RGB", (MARGIN + TITLES + frames * (width + GAP) + MARGIN, MARGIN + len(samples) * height), PAPER)
    pen = ImageDraw.Draw(sheet)
    for number, clip in enumerate(rows):
        for row, (band, tiles) in enumerate(zip(bands, clip, strict=True)):
            y = MARGIN + number * height + row * (TILE + GAP)
            write_text(pen, (MARGIN + TITLES - 12, y + TILE / 2), band.title, 13, "rm")
            for frame, tile in enumerate(tiles):
                if tile is not None:
                    sheet.paste(tile, (MARGIN + TITLES + frame * (width + GAP), y))
        write_text(pen, (MARGIN, MARGIN + number * height), str(first + number), 13, "la", FAINT)
    return sheet


def _band_tiles(sample: Sample, band: Band, frames: int) -> list[Image.Image | None]:
    """One tile per frame, None where a frame has nothing, as the first one has no flow to itself."""
    return [
        band.paint(k)(sample, TILE) if all(need in sample for need in band.needs(k)) else None for k in range(frames)
    ]
