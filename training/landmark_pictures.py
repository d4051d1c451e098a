"""Pictures with true and predicted landmarks, to look at."""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from training.method import pixels_of

COLUMNS, MOST, ENLARGED = 4, 8, 2
TRUE, PREDICTED = (60, 220, 60), (255, 60, 60)


def landmark_sheet(pictures: torch.Tensor, truth: torch.Tensor, predicted: torch.Tensor) -> NDArray[np.uint8]:
    """(H, W, 3) uint8: a few pictures (B, 3, H, W), normalised, with points (B, K, 2) px: green true, red predicted."""
    tiles = []
    for picture, true, found in list(zip(pictures, truth, predicted, strict=True))[:MOST]:
        pixels = pixels_of(picture)
        image = Image.fromarray(pixels).resize((ENLARGED * pixels.shape[1], ENLARGED * pixels.shape[0]))
        draw = ImageDraw.Draw(image)
        for points, colour in ((true, TRUE), (found, PREDICTED)):
            for x, y in (ENLARGED * points).tolist():
                draw.ellipse((x - 1.5, y - 1.5, x + 1.5, y + 1.5), fill=colour)
        tiles.append(np.asarray(image))
    while len(tiles) % COLUMNS:
        tiles.append(np.zeros_like(tiles[0]))
    rows = [np.concatenate(tiles[first : first + COLUMNS], axis=1) for first in range(0, len(tiles), COLUMNS)]
    return np.concatenate(rows)
