"""Contact sheets: one row per sample, one column per label, legends below; bands of frames for clips."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from synthgen.core.conventions import PARTS, REASONS
from synthgen.core.errors import UsageError
from synthgen.report import label_colours as colours
from synthgen.report import legends
from synthgen.report.clip_sheet import clip_bands, clip_grid, flow_names, is_clip, matchability_names
from synthgen.report.columns import IMAGE_COLUMNS, Column, Sample, pair_columns, photo_columns
from synthgen.report.flow_colour import rounded_radius
from synthgen.report.landmark_drawing import COLOURS as LANDMARK_COLOURS
from synthgen.report.landmark_drawing import NAMES as LANDMARK_NAMES
from synthgen.report.legends import Legend
from synthgen.report.tiles import FAINT, PAPER, save_image, write_text
from synthgen.report.wireframe import BORDER_COLOUR, NET_COLOUR

TILE, GAP, MARGIN, HEADER, NUMBER = 168, 5, 24, 26, 26
LEGEND_GAP = 34

IMAGE_LABELS = (
    "image", "face_mask", "amodal_mask", "occluder_mask", "ignore_mask", "uv", "depth", "normals", "pncc", "parts",
    "albedo", "shading", "landmarks_2d", "landmarks_visibility",
)  # fmt: skip
PAIR_LABELS = ("image", "flow", "flow_backward", "matchability", "matchability_backward")
PHOTO_LABELS = (
    "image", "triangle_id", "barycentric", "amodal_mask", "occluder_mask", "ignore_mask", "invented_mask", "uv",
    "depth", "normals", "pncc", "parts", "landmarks_2d", "landmarks_visibility", "flow", "matchability",
)  # fmt: skip
CLIP_LABELS = ("image", "landmarks_2d", "landmarks_visibility", "flow", "matchability")
_OF_KIND = {"images": IMAGE_LABELS, "pairs": PAIR_LABELS, "fittings": PHOTO_LABELS, "video": CLIP_LABELS}
# Only samples made from photos have one of these without a prefix.
_OF_PHOTOS = ("flow", "matchability", "invented_mask", "source_map")


def sheet_labels(kind: str) -> tuple[str, ...]:
    """Labels that a sheet of a kind of recipe can show."""
    return _OF_KIND[kind]


def contact_sheet(
    samples: Sequence[Sample], path: str | Path, first: int = 0, mean_face: NDArray[np.uint8] | None = None
) -> None:
    """Write a PNG of samples as `open_dataset` or `render_sample` give them; labels that are absent are left out.

    first: number of the first sample, written beside its row. mean_face: what the flow of photos leads to, the array
    of that name in a dataset's template; None or an empty one leaves it out.
    Raises UsageError when there is nothing to show, DatasetError when the file cannot be written.
    """
    save_image(compose_sheet(samples, first, mean_face), path)


def compose_sheet(samples: Sequence[Sample], first: int = 0, mean_face: NDArray[np.uint8] | None = None) -> Image.Image:
    """The picture that contact_sheet writes. What the samples are is seen from the names of their arrays."""
    if not samples:
        raise UsageError("a contact sheet needs at least one sample")
    if is_clip(samples[0]):
        return _clip_sheet(samples, first)
    target = mean_face if mean_face is not None and mean_face.size else None
    is_pair = any(name.startswith("source_") and name != "source_map" for name in samples[0])
    is_photo = not is_pair and any(name in samples[0] for name in _OF_PHOTOS)
    radius = _radius(samples, ("flow", "flow_backward"))
    possible = IMAGE_COLUMNS
    if is_pair:
        possible = pair_columns(radius)
    elif is_photo:
        possible = photo_columns(radius, target)
    columns = [column for column in possible if all(need in samples[0] for need in column.needs)]
    if not columns:
        raise _nothing_to_show()
    keys = [] if is_pair else image_legends(columns, "invented_mask" in samples[0])
    if is_pair or is_photo:
        keys += flow_legends(samples, ("flow",), ("matchability", "matchability_backward"), radius)
    if is_photo and target is not None and "flow" in samples[0]:
        keys.append(legends.picture_key("mean face", target))
    return _with_legends(_grid(samples, columns, first), keys)


def _clip_sheet(samples: Sequence[Sample], first: int) -> Image.Image:
    flows = flow_names(samples)
    radius = _radius(samples, flows)
    bands = clip_bands(samples[0], radius)
    if not bands:
        raise _nothing_to_show()
    keys = flow_legends(samples, flows, matchability_names(samples), radius)
    if any(band.title == "landmarks" for band in bands):
        keys.insert(0, _landmark_key())
    return _with_legends(clip_grid(samples, bands, first), keys)


def _radius(samples: Sequence[Sample], names: Sequence[str]) -> float:
    return rounded_radius([sample[name] for sample in samples for name in names if name in sample])


def _nothing_to_show() -> UsageError:
    return UsageError("these samples hold no label that a contact sheet shows; store `image` at least")


def _grid(samples: Sequence[Sample], columns: Sequence[Column], first: int) -> Image.Image:
    rows = [[column.paint(sample, TILE) for column in columns] for sample in samples]
    width = max(tile.width for tile in rows[0])
    sheet = Image.new(
        "RGB",
        (NUMBER + 2 * MARGIN + len(columns) * (width + GAP) - GAP, HEADER + MARGIN + len(rows) * (TILE + GAP)),
        PAPER,
    )
    pen = ImageDraw.Draw(sheet)
    for number, column in enumerate(columns):
        x = MARGIN + NUMBER + number * (width + GAP)
        write_text(pen, (x + width / 2, MARGIN), column.title, 15, "ma")
    for row, tiles in enumerate(rows):
        y = MARGIN + HEADER + row * (TILE + GAP)
        write_text(pen, (MARGIN + NUMBER - 10, y + TILE / 2), str(first + row), 13, "rm", FAINT)
        for number, tile in enumerate(tiles):
            sheet.paste(tile, (MARGIN + NUMBER + number * (width + GAP), y))
    return sheet


def _with_legends(grid: Image.Image, keys: Sequence[Legend]) -> Image.Image:
    """The grid with the legends in as many lines as they need."""
    lines: list[list[Legend]] = [[]]
    left = MARGIN + NUMBER
    for key in keys:
        if lines[-1] and left + key.width > grid.width - MARGIN:
            lines.append([])
            left = MARGIN + NUMBER
        lines[-1].append(key)
        left += key.width + LEGEND_GAP
    widest = max((sum(key.width + LEGEND_GAP for key in line) for line in lines), default=0) + MARGIN + NUMBER
    heights = [max((key.height for key in line), default=0) + 18 for line in lines]
    sheet = Image.new("RGB", (max(grid.width, widest), grid.height + 16 + sum(heights) + MARGIN), PAPER)
    sheet.paste(grid, (0, 0))
    top = grid.height + 16
    for line, height in zip(lines, heights, strict=True):
        left = MARGIN + NUMBER
        for key in line:
            key.draw(sheet, left, top)
            left += key.width + LEGEND_GAP
        top += height
    return sheet


# --- legends -------------------------------------------------------------------------------------------------------


def image_legends(columns: Sequence[Column], with_invented: bool = False) -> list[Legend]:
    """The legends that the columns of a sheet need. with_invented: whether pixels can be invented."""
    shown = {column.title for column in columns}
    masks = {name: colour for name, colour in colours.MASK_COLOURS.items() if with_invented or name != "invented"}
    makers: dict[str, Callable[[], Legend]] = {
        "wireframe": lambda: legends.swatches("wireframe", {"mesh": NET_COLOUR, "border of a part": BORDER_COLOUR}),
        "landmarks": _landmark_key,
        "parts": lambda: legends.swatches(
            "parts", {name.replace("_", " "): colours.PART_COLOURS[name] for name in PARTS[1:]}, rows=4
        ),
        "masks": lambda: legends.swatches("masks", masks),
        "uv": legends.uv_key,
        "uv over photo": legends.uv_key,
        "depth": legends.depth_bar,
        "normals": legends.normal_key,
    }
    return [make() for title, make in makers.items() if title in shown]


def flow_legends(
    samples: Sequence[Sample], flows: Sequence[str], matchabilities: Sequence[str], radius: float
) -> list[Legend]:
    """The flow wheel, and the reasons that occur."""
    keys = [legends.flow_wheel(radius)] if any(name in samples[0] for name in flows) else []
    names = [name for name in matchabilities if name in samples[0]]
    if names:
        codes = np.unique(np.concatenate([np.unique(sample[name]) for sample in samples for name in names]))
        entries = {REASONS[code]: colours.REASON_COLOURS[REASONS[code]] for code in codes.tolist()}
        keys.append(legends.swatches("matchability: why", entries, rows=6))
    return keys


def _landmark_key() -> Legend:
    return legends.swatches("landmarks", {name: LANDMARK_COLOURS[code] for code, name in LANDMARK_NAMES.items()})
