"""dfc section 4.1: photos move in their plane and rectangles cover parts of them, labels and all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.core.limits import MOST_RECTANGLES
from synthgen.core.seeds import Stream, rng
from synthgen.geometry.similarity import Similarity, about
from synthgen.recipe.photo_sections import Augment
from synthgen.sampling.scene import OccluderParams
from synthgen.shading.occlude import render_occluders


@dataclass(frozen=True)
class Augmentation:
    """What happens to one picture. scale, angle (radians, > 0 counter-clockwise), shift (2,) px: about the picture's
    centre; rectangles: the last one is in front."""

    scale: float
    angle: float
    shift: NDArray[np.float64]
    rectangles: tuple[OccluderParams, ...]


def sample_augmentation(section: Augment, seed: int, index: int, size: tuple[int, int]) -> Augmentation:
    """The augmentation of sample `index`, a function of the arguments alone. size: (H, W) of the picture.

    Rectangles lie anywhere in the picture, their centres spread evenly.
    """
    height, width = size
    random = rng(seed, index, Stream.AUGMENT)
    scale, angle = section.scale.draw(random), np.radians(section.rotation_deg.draw(random))
    shift = section.translation.sample(random, 2) * (width, height)
    count = min(max(round(section.rectangles.draw(random)), 0), MOST_RECTANGLES)
    rectangles = []
    for _ in range(count):
        right, down, red, green, blue, seed_share = random.random(6).tolist()
        rectangles.append(
            OccluderParams(
                kind="box",
                centre=np.array([right * width, down * height]),
                size=np.maximum(section.rectangle_size.sample(random, 2), 0.0) * (width, height),
                angle=0.0,
                colour=np.array([red, green, blue]),
                pick=0.0,
                seed=int(seed_share * 2**31),
            )
        )
    return Augmentation(float(scale), float(angle), shift, tuple(rectangles))


def augmentation_similarity(augmentations: Sequence[Augmentation], size: tuple[int, int]) -> Similarity:
    """The motions of N pictures of `size` (H, W) about their centres."""
    count = len(augmentations)
    return about(
        np.tile([size[1] / 2, size[0] / 2], (count, 1)),
        np.array([item.scale for item in augmentations]),
        np.array([item.angle for item in augmentations]),
        np.array([item.shift for item in augmentations]).reshape(count, 2),
    )


def draw_rectangles(image: NDArray[np.uint8], augmentation: Augmentation) -> NDArray[np.bool_]:
    """Draws the rectangles over a picture (H, W, 3), in place; returns where they are (H, W)."""
    if not augmentation.rectangles:
        return np.zeros(image.shape[:2], np.bool_)
    colour, mask = render_occluders(augmentation.rectangles, (image.shape[0], image.shape[1]))
    np.copyto(image, colour, where=mask[..., None])
    return mask
