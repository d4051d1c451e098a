"""Shapes in front of the face."""

from math import pi

import numpy as np

from synthgen.core.limits import MOST_OCCLUDERS
from synthgen.recipe.sections import Occluders
from synthgen.sampling.placement import FaceBox
from synthgen.sampling.scene import FaceParams, OccluderParams

# An occluder's centre falls within this share of the landmark box about the face, so most of them touch it.
REACH = 0.6


def sample_occluders(
    section: Occluders, face: FaceParams, box: FaceBox, size: tuple[int, int], random: np.random.Generator
) -> tuple[OccluderParams, ...]:
    """Occluders of one picture, about the main face; the last one is in front."""
    count = min(max(round(section.count.draw(random)), 0), MOST_OCCLUDERS)
    shapes = []
    for _ in range(count):
        # All uniform numbers at once: six calls take 10 us more.
        kind, right, down, turn, pick, seed = random.random(6).tolist()
        offset = np.array([2 * right - 1, 2 * down - 1]) * (REACH * box.side * face.scale)
        shapes.append(
            OccluderParams(
                kind=section.kinds[int(kind * len(section.kinds))],
                centre=face.centre + offset,
                size=np.maximum(section.size.sample(random, 2), 0.01) * size[0],
                angle=(2 * turn - 1) * pi,
                colour=section.colour.sample(random, 3),
                pick=pick,
                seed=int(seed * 2**31),
            )
        )
    return tuple(shapes)
