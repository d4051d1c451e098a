"""Contact sheets: one row per sample, one column per label, legends below."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from synthgen.core.conventions import MATCHABLE, PARTS, REASONS
from synthgen.core.errors import UsageError
from synthgen.report import label_colours as colours
from synthgen.report import legends
from synthgen.report.flow_colour import colour_flow, rounded_radius
from synthgen.report.landmark_drawing import COLOURS as LANDMARK_COLOURS
from synthgen.report.landmark_drawing import NAMES as LANDMARK_NAMES
from synthgen.report.landmark_drawing import draw_landmarks
from synthgen.report.legends import Legend
from synthgen.report.tiles import FAINT, PAPER, fitted, save_image, write_text

Sample = Mapping[str, NDArray[Any]]
Paint = Callable[[Sample, int], Image.Image]

TILE, GAP, MARGIN, HEADER, NUMBER = 168, 5, 24, 26, 26
LEGEND_GAP = 34
SHADING_WHITE = 1.6

IMAGE_LABELS = (
    "image", "face_mask", "amodal_mask", "occluder_mask", "ignore_mask", "uv", "depth", "normals", "pncc", "parts",
    "albedo", "shading", "landmarks_2d", "landmarks_visibility",
)  # fmt: skip
PAIR_LABELS = ("image", "flow", "flow_backward", "matchability", "matchability_backward")


@dataclass(frozen=True)
class Column:
    """A title and what is painted below it. needs: arrays without which the column is left out."""

    title: str
    needs: tuple[str, ...]
    paint: Paint


def sheet_labels(kind: str) -> tuple[str, ...]:
    """Labels that a sheet of a kind of recipe can show."""
    return PAIR_LABELS if kind == "pairs" else IMAGE_LABELS


def contact_sheet(samples: Sequence[Sample], path: str | Path, first: int = 0) -> None:
    """Write a PNG of samples as `open_dataset` or `render_sample` give them; labels that are absent are left out.

    first: number of the first sample, written beside its row.
    Raises UsageError when there is nothing to show, DatasetError when the file cannot be written.
    """
    save_image(compose_sheet(samples, first), path)


def compose_sheet(samples: Sequence[Sample], first: int = 0) -> Image.Image:
    """The picture that contact_sheet writes."""
    if not samples:
        raise UsageError("a contact sheet needs at least one sample")
    is_pair = any(name.startswith("source_") for name in samples[0])
    radius = rounded_radius(
        [sample[name] for sample in samples for name in ("flow", "flow_backward") if name in sample]
    )
    possible = pair_columns(radius) if is_pair else IMAGE_COLUMNS
    columns = [column for column in possible if all(need in samples[0] for need in column.needs)]
    if not columns:
        raise UsageError("these samples hold no label that a contact sheet shows; store `image` at least")
    keys = pair_legends(samples, radius) if is_pair else image_legends(columns)
    grid = _grid(samples, columns, first)
    return _with_legends(grid, keys)


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


# --- columns -------------------------------------------------------------------------------------------------------


def _label(name: str, paint: Callable[[NDArray[Any]], NDArray[np.uint8]]) -> Paint:
    return lambda sample, size: fitted(paint(sample[name]), size)


def _landmarks(sample: Sample, size: int) -> Image.Image:
    tile = fitted(sample["image"], size)
    scale = size / sample["image"].shape[0]
    return draw_landmarks(tile, sample["landmarks_2d"], sample.get("landmarks_visibility"), scale)


def _parts(sample: Sample, size: int) -> Image.Image:
    parts = sample["parts"]
    return fitted(colours.laid_over(sample["image"], colours.colour_parts(parts), parts > 0), size)


def _masks(sample: Sample, size: int) -> Image.Image:
    """Face, face behind an occluder, occluder, ignored: later ones win where they overlap."""
    face, occluder = sample["amodal_mask"], sample["occluder_mask"]
    ignored = sample.get("ignore_mask", np.zeros_like(face))
    classes = np.select([ignored, face & occluder, occluder, face], [4, 2, 3, 1], 0)
    palette = [colours.EMPTY, *colours.MASK_COLOURS.values()]
    return fitted(colours.laid_over(sample["image"], colours.colour_classes(classes, palette), classes > 0), size)


IMAGE_COLUMNS = (
    Column("image", ("image",), _label("image", np.asarray)),
    Column("landmarks", ("image", "landmarks_2d"), _landmarks),
    Column("parts", ("image", "parts"), _parts),
    Column("masks", ("image", "amodal_mask", "occluder_mask"), _masks),
    Column("uv", ("uv",), _label("uv", colours.colour_uv)),
    Column("depth", ("depth",), _label("depth", colours.colour_depth)),
    Column("normals", ("normals",), _label("normals", colours.colour_normals)),
    Column("pncc", ("pncc",), _label("pncc", colours.colour_pncc)),
    Column("albedo", ("albedo",), _label("albedo", colours.colour_linear)),
    Column("shading", ("shading",), _label("shading", lambda layer: colours.colour_linear(layer, SHADING_WHITE))),
)


def pair_columns(radius: float) -> tuple[Column, ...]:
    """The columns of pairs; radius: px, length of a fully saturated flow."""

    def flow(array: NDArray[Any]) -> NDArray[np.uint8]:
        return colour_flow(array, radius)

    def warped(sample: Sample, size: int) -> Image.Image:
        where = sample["matchability"] == MATCHABLE
        return fitted(colours.warped_back(sample["target_image"], sample["flow"], where), size)

    return (
        Column("source", ("source_image",), _label("source_image", np.asarray)),
        Column("target", ("target_image",), _label("target_image", np.asarray)),
        Column("flow", ("flow",), _label("flow", flow)),
        Column("flow backward", ("flow_backward",), _label("flow_backward", flow)),
        Column("matchability", ("matchability",), _label("matchability", colours.colour_reasons)),
        Column("... backward", ("matchability_backward",), _label("matchability_backward", colours.colour_reasons)),
        Column("target, warped back", ("target_image", "flow", "matchability"), warped),
    )


# --- legends -------------------------------------------------------------------------------------------------------


def image_legends(columns: Sequence[Column]) -> list[Legend]:
    """The legends that the columns of a sheet need."""
    shown = {column.title for column in columns}
    makers: dict[str, Callable[[], Legend]] = {
        "landmarks": lambda: legends.swatches(
            "landmarks", {name: LANDMARK_COLOURS[code] for code, name in LANDMARK_NAMES.items()}
        ),
        "parts": lambda: legends.swatches(
            "parts", {name.replace("_", " "): colours.PART_COLOURS[name] for name in PARTS[1:]}, rows=4
        ),
        "masks": lambda: legends.swatches("masks", colours.MASK_COLOURS),
        "uv": legends.uv_key,
        "depth": legends.depth_bar,
        "normals": legends.normal_key,
    }
    return [make() for title, make in makers.items() if title in shown]


def pair_legends(samples: Sequence[Sample], radius: float) -> list[Legend]:
    """The flow wheel, and the reasons that occur."""
    keys = [legends.flow_wheel(radius)] if "flow" in samples[0] else []
    names = [name for name in ("matchability", "matchability_backward") if name in samples[0]]
    if names:
        codes = np.unique(np.concatenate([np.unique(sample[name]) for sample in samples for name in names]))
        entries = {REASONS[code]: colours.REASON_COLOURS[REASONS[code]] for code in codes.tolist()}
        keys.append(legends.swatches("matchability: why", entries, rows=6))
    return keys
