"""A sample of the synthetic benchmark with what was predicted of it."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from eval.landmark_drawing import LINE_COLOUR, PREDICTED_COLOUR, TRUE_COLOUR
from eval.plane_predictions import Arrays
from synthgen.report.flow_colour import colour_flow

SIDE = 256
_FINER = 3


def draw_image(sample: Arrays, predicted: Arrays | None) -> NDArray[np.uint8]:
    """(256, 256 n, 3): the picture with true (green) and predicted (blue) landmarks; for template coordinates, true and
    predicted u and v beside it."""
    found = predicted or {}
    tiles = [_with_landmarks(sample, found)]
    if "uv" in found:
        tiles += [_enlarged(uv_colours(sample["uv"])), _enlarged(uv_colours(found["uv"]))]
    return np.concatenate(tiles, axis=1)


def draw_pair(sample: Arrays, predicted: Arrays | None) -> NDArray[np.uint8]:
    """(256, 256 n, 3): source, target, true and predicted flow where it is true, predicted matchability."""
    known = np.isfinite(sample["flow"]).all(axis=-1) & np.isin(sample["matchability"], (1, 4, 5))
    true = np.where(known[..., None], sample["flow"], np.nan)
    reach = float(np.linalg.norm(sample["flow"][known], axis=-1).max(initial=1.0))
    tiles = [sample["source_image"], sample["target_image"], colour_flow(true, reach)]
    found = predicted or {}
    if "flow" in found:
        tiles.append(colour_flow(np.where(known[..., None], found["flow"], np.nan), reach))
    if "matchability" in found:
        level = (255 * np.clip(found["matchability"].astype(np.float64), 0, 1)).astype(np.uint8)
        tiles.append(np.repeat(level[..., None], 3, axis=-1))
    return np.concatenate([_enlarged(tile) for tile in tiles], axis=1)


def uv_colours(uv: NDArray[np.floating]) -> NDArray[np.uint8]:
    """(H, W, 3): u as red, v as green, 0.4 of blue; black for background."""
    known = np.isfinite(uv).all(axis=-1)
    place = np.clip(np.where(known[..., None], uv, 0.0), 0.0, 1.0)
    colour = np.stack([place[..., 0], place[..., 1], np.full(known.shape, 0.4)], axis=-1)
    return np.where(known[..., None], 255 * colour, 0).astype(np.uint8)


def _enlarged(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    size = (round(SIDE * width / height), SIDE)
    return np.asarray(Image.fromarray(np.ascontiguousarray(picture)).resize(size, Image.Resampling.NEAREST))


def _with_landmarks(sample: Arrays, predicted: Arrays) -> NDArray[np.uint8]:
    height, width = sample["image"].shape[:2]
    factor = SIDE * _FINER / height
    size = (round(SIDE * width / height), SIDE)
    big = Image.fromarray(sample["image"]).resize((size[0] * _FINER, size[1] * _FINER), Image.Resampling.BILINEAR)
    if "landmarks_2d" in predicted:
        draw = ImageDraw.Draw(big)
        true, found = sample["landmarks_2d"] * factor, np.nan_to_num(predicted["landmarks_2d"], nan=-1.0) * factor
        for first, second in zip(true.tolist(), found.tolist(), strict=True):
            draw.line([*first, *second], fill=LINE_COLOUR, width=_FINER)
        radius = 2.0 * _FINER
        for points, colour in ((true, TRUE_COLOUR), (found, PREDICTED_COLOUR)):
            for x, y in points.tolist():
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour, outline=(20, 20, 20))
    return np.asarray(big.resize(size, Image.Resampling.BOX))
