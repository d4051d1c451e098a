"""What the columns of a contact sheet show, by the kind of sample."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthgen.core.conventions import MATCHABLE
from synthgen.report import label_colours as colours
from synthgen.report.flow_colour import colour_flow
from synthgen.report.landmark_drawing import draw_landmarks
from synthgen.report.tiles import fitted
from synthgen.report.wireframe import draw_wireframe

Sample = Mapping[str, NDArray[Any]]
Paint = Callable[[Sample, int], Image.Image]

SHADING_WHITE = 1.6


@dataclass(frozen=True)
class Column:
    """A title and what is painted below it. needs: arrays without which the column is left out."""

    title: str
    needs: tuple[str, ...]
    paint: Paint


def label_paint(name: str, paint: Callable[[NDArray[Any]], NDArray[np.uint8]]) -> Paint:
    """A tile of one array's colours."""
    return lambda sample, size: fitted(paint(sample[name]), size)


def landmarks_paint(prefix: str = "") -> Paint:
    """A tile of the picture of a view under its landmarks."""

    def paint(sample: Sample, size: int) -> Image.Image:
        image = sample[prefix + "image"]
        visibility = sample.get(prefix + "landmarks_visibility")
        return draw_landmarks(fitted(image, size), sample[prefix + "landmarks_2d"], visibility, size / image.shape[0])

    return paint


def warped_paint(target: Callable[[Sample], NDArray[np.uint8]], flow: str, matchability: str) -> Paint:
    """A tile of what the target shows at the end of the flow, where pixels are matchable."""
    return lambda sample, size: fitted(
        colours.warped_back(target(sample), sample[flow], sample[matchability] == MATCHABLE), size
    )


def _parts(sample: Sample, size: int) -> Image.Image:
    parts = sample["parts"]
    return fitted(colours.laid_over(sample["image"], colours.colour_parts(parts), parts > 0), size)


def _masks(sample: Sample, size: int) -> Image.Image:
    """Face, face behind an occluder, occluder, ignored, invented: later ones win where they overlap."""
    face, occluder = sample["amodal_mask"], sample["occluder_mask"]
    ignored, invented = (sample.get(name, np.zeros_like(face)) for name in ("ignore_mask", "invented_mask"))
    classes = np.select([invented, ignored, face & occluder, occluder, face], [5, 4, 2, 3, 1], 0)
    palette = [colours.EMPTY, *colours.MASK_COLOURS.values()]
    return fitted(colours.laid_over(sample["image"], colours.colour_classes(classes, palette), classes > 0), size)


def _uv_over_image(sample: Sample, size: int) -> Image.Image:
    uv = sample["uv"]
    return fitted(colours.blended(sample["image"], colours.colour_uv(uv), colours.all_finite(uv)), size)


def _wireframe(sample: Sample, size: int) -> Image.Image:
    return draw_wireframe(sample["image"], sample["uv"], sample["parts"], sample.get("triangle_id"), size)


_PICTURE = Column("image", ("image",), label_paint("image", np.asarray))
_LANDMARKS = Column("landmarks", ("image", "landmarks_2d"), landmarks_paint())
_PARTS = Column("parts", ("image", "parts"), _parts)
_MASKS = Column("masks", ("image", "amodal_mask", "occluder_mask"), _masks)
_GEOMETRY = (
    Column("depth", ("depth",), label_paint("depth", colours.colour_depth)),
    Column("normals", ("normals",), label_paint("normals", colours.colour_normals)),
    Column("pncc", ("pncc",), label_paint("pncc", colours.colour_pncc)),
)

IMAGE_COLUMNS: tuple[Column, ...] = (
    _PICTURE,
    _LANDMARKS,
    _PARTS,
    _MASKS,
    Column("uv", ("uv",), label_paint("uv", colours.colour_uv)),
    *_GEOMETRY,
    Column("albedo", ("albedo",), label_paint("albedo", colours.colour_linear)),
    Column("shading", ("shading",), label_paint("shading", lambda layer: colours.colour_linear(layer, SHADING_WHITE))),
)


def photo_columns(radius: float, mean_face: NDArray[np.uint8] | None) -> tuple[Column, ...]:
    """The columns of photos with fittings, overlays first: a wrong convention is seen at once.

    radius: px, length of a fully saturated flow; mean_face: (H, W, 3) uint8, the picture that the flow leads to, or
    None when it is not at hand.
    """
    columns = (
        _PICTURE,
        Column("wireframe", ("image", "uv", "parts"), _wireframe),
        Column("uv over photo", ("image", "uv"), _uv_over_image),
        _LANDMARKS,
        _PARTS,
        _MASKS,
        *_GEOMETRY,
        Column("flow to mean face", ("flow",), flow_paint("flow", radius)),
        Column("matchability", ("matchability",), label_paint("matchability", colours.colour_reasons)),
    )
    if mean_face is None:
        return columns
    warped = warped_paint(lambda sample: mean_face, "flow", "matchability")
    return (*columns, Column("mean face, warped back", ("flow", "matchability"), warped))


def pair_columns(radius: float) -> tuple[Column, ...]:
    """The columns of pairs; radius: px, length of a fully saturated flow."""
    warped = warped_paint(lambda sample: sample["target_image"], "flow", "matchability")
    reasons = colours.colour_reasons
    return (
        Column("source", ("source_image",), label_paint("source_image", np.asarray)),
        Column("target", ("target_image",), label_paint("target_image", np.asarray)),
        Column("flow", ("flow",), flow_paint("flow", radius)),
        Column("flow backward", ("flow_backward",), flow_paint("flow_backward", radius)),
        Column("matchability", ("matchability",), label_paint("matchability", reasons)),
        Column("... backward", ("matchability_backward",), label_paint("matchability_backward", reasons)),
        Column("target, warped back", ("target_image", "flow", "matchability"), warped),
    )


def flow_paint(name: str, radius: float) -> Paint:
    """A tile of a flow's colours; radius: px, length of a fully saturated flow."""
    return label_paint(name, lambda flow: colour_flow(flow, radius))
