"""Predictions drawn over the face: what a person looks at."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from synthgen.asset_io.photos import warp_photo
from synthgen.morphable.model import MorphableModel
from synthgen.predict.crop import FaceCrop
from synthgen.predict.picture_predictions import FacePrediction, Target
from synthgen.raster.rasterize import rasterize
from synthgen.report.flow_colour import colour_flow, rounded_radius
from synthgen.report.label_colours import blended, colour_depth, colour_parts, colour_uv, warped_back
from synthgen.report.landmark_drawing import draw_landmarks
from synthgen.report.tiles import PAPER, write_text
from synthgen.report.wireframe import draw_wireframe

SIDE = 288  # px of a tile's height
GAP, HEADER, MARGIN = 6, 24, 8
PROBABLE = 0.5
_MESH_SIDE = 3  # rows of the mesh are drawn this much finer than the tile

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Tile:
    """title; picture: (SIDE, W, 3) uint8."""

    title: str
    picture: Picture


@dataclass(frozen=True)
class DrawingContext:
    """model: of meshes, or None; target: that faces are matched with, or None; mean_face: (H, W, 3) uint8 or None."""

    model: MorphableModel | None = None
    target: Target | None = None
    mean_face: Picture | None = None


def prediction_tiles(found: FacePrediction, pixels: Picture, context: DrawingContext) -> list[Tile]:
    """Tiles about a face of a picture (h, w, 3): the picture, then what was predicted."""
    view = view_of(found.crop)
    seen = warp_photo(pixels, view.matrix, view.size, "replicate")
    tiles = [Tile("picture", seen)]
    if found.landmarks is not None and np.isfinite(found.landmarks).all():
        marked = draw_landmarks(Image.fromarray(seen), view.to_crop(found.landmarks), None, 1.0)
        tiles.append(Tile("landmarks", np.asarray(marked)))
    if found.vertices is not None and context.model is not None:
        tiles.append(Tile("mesh", _mesh(seen, found.vertices, view, context.model)))
    if found.uv is not None:
        uv = enlarged(found.uv, view.size)
        known = np.isfinite(uv).all(axis=-1)
        tiles.append(Tile("uv", blended(seen, colour_uv(uv), known, 0.75)))
    if found.parts is not None:
        parts = enlarged(found.parts, view.size)
        tiles.append(Tile("parts", blended(seen, colour_parts(parts), parts > 0)))
    if found.depth is not None:
        depth = enlarged(found.depth, view.size)
        tiles.append(Tile("depth", blended(seen, colour_depth(depth), np.isfinite(depth), 0.85)))
    if found.flow is not None and found.matchability is not None:
        tiles += _flow_tiles(found, found.flow, found.matchability, seen, context)
    return tiles


def view_of(crop: FaceCrop) -> FaceCrop:
    """The same square as tiles show it."""
    height, width = crop.size
    return FaceCrop(crop.left, crop.top, crop.side * height / min(crop.size), (SIDE, round(SIDE * width / height)))


def enlarged(plane: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """(H, W, ...) of a plane (h, w, ...), nearest pixel."""
    rows = ((np.arange(size[0]) + 0.5) * plane.shape[0] / size[0]).astype(int)
    columns = ((np.arange(size[1]) + 0.5) * plane.shape[1] / size[1]).astype(int)
    return plane[np.ix_(rows, columns)]


def _mesh(seen: Picture, vertices: NDArray[np.float64], view: FaceCrop, model: MorphableModel) -> Picture:
    """The face's surface as a net of its chart over the picture."""
    template = model.template
    size = (_MESH_SIDE * view.size[0] // 2, _MESH_SIDE * view.size[1] // 2)
    factor = size[0] / view.size[0]
    placed = np.concatenate([view.to_crop(vertices[:, :2]) * factor, -vertices[:, 2:]], axis=1)
    fragments = rasterize(
        torch.from_numpy(placed.astype(np.float32))[None], torch.from_numpy(template.triangles), size, perspective=False
    )
    ids, weights = fragments.triangle_id[0].numpy(), fragments.barycentric[0].numpy()
    labelled = (ids >= 0) & (ids < template.label_count)
    ids = np.where(labelled, ids, 0)
    uv = np.where(labelled[..., None], np.einsum("hwc,hwcd->hwd", weights, template.uv[ids]), np.nan)
    parts = np.where(labelled, template.parts[ids], 0).astype(np.uint8)
    picture = np.asarray(Image.fromarray(seen).resize((size[1], size[0]), Image.Resampling.BICUBIC))
    drawn = draw_wireframe(picture, uv, parts, np.where(labelled, ids, -1).astype(np.int32), size[0])
    return np.asarray(drawn.resize((view.size[1], view.size[0]), Image.Resampling.BOX))


def _flow_tiles(
    found: FacePrediction,
    flow: NDArray[np.float32],
    matchability: NDArray[np.float32],
    seen: Picture,
    context: DrawingContext,
) -> list[Tile]:
    probable = matchability >= PROBABLE
    known = np.where(probable[..., None], flow, np.nan)
    radius = rounded_radius([known])
    colours = enlarged(colour_flow(known, radius), seen.shape[:2])
    where = enlarged(probable, seen.shape[:2])
    tiles = [
        Tile(f"flow, full colour at {radius:g} px", blended(seen, colours.astype(np.uint8), where.astype(bool), 0.8))
    ]
    grey = np.repeat((255 * enlarged(matchability, seen.shape[:2])).astype(np.uint8)[..., None], 3, axis=-1)
    tiles.append(Tile("matchability", grey))
    if context.target is not None:
        view = view_of(context.target.crop)
        shown = warp_photo(context.target.pixels, view.matrix, view.size, "replicate")
    elif context.mean_face is not None:
        shown = np.asarray(Image.fromarray(context.mean_face).resize(seen.shape[1::-1], Image.Resampling.BICUBIC))
    else:
        return tiles
    # Flow and target in pixels of the tile, so that the warped picture is as fine as the target.
    factor = seen.shape[0] / flow.shape[0]
    smooth = np.stack([_smooth(flow[..., axis], (seen.shape[0], seen.shape[1])) for axis in range(2)], axis=-1)
    warped = warped_back(shown, factor * smooth, where.astype(bool))
    return [*tiles, Tile("target", shown), Tile("target, warped back", warped)]


def _smooth(plane: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """(H, W) bilinear."""
    image = Image.fromarray(plane.astype(np.float32)).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(image)


def row_picture(name: str, tiles: list[Tile], with_titles: bool = True) -> Image.Image:
    """Tiles side by side, titles above."""
    header = HEADER if with_titles else 0
    width = sum(tile.picture.shape[1] for tile in tiles) + GAP * (len(tiles) - 1) + 2 * MARGIN
    row = Image.new("RGB", (width, SIDE + 2 * header + MARGIN), PAPER)
    left = MARGIN
    pen = ImageDraw.Draw(row)
    write_text(pen, (MARGIN, 4), name, 15)
    for tile in tiles:
        write_text(pen, (left, header + 4), tile.title, 13)
        row.paste(Image.fromarray(tile.picture), (left, 2 * header))
        left += tile.picture.shape[1] + GAP
    return row


def sheet_of(rows: list[Image.Image]) -> Image.Image:
    """Rows below each other, as wide as the widest."""
    sheet = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)), PAPER)
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    return sheet
