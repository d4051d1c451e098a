"""Shapes in front of the face."""

import numpy as np

from synthgen.recipe.sections import Occluders
from synthgen.sampling.placement import FaceBox
from synthgen.sampling.scene import FaceParams, OccluderParams

# An occluder's centre falls within this share of the landmark box about the face, so most of them touch it.
REACH = 0.6


def sample_occluders(
    section: Occluders, face: FaceParams, box: FaceBox, size: tuple[int, int], random: np.random.Generator
) -> tuple[OccluderParams, ...]:
    """Occluders of one picture, about the main face; the last one is in front."""
    count = min(max(round(float(section.count.sample(random, 1)[0])), 0), 16)
    shapes = []
    for _ in range(count):
        kind = section.kinds[int(random.integers(len(section.kinds)))]
        centre = face.centre + random.uniform(-REACH, REACH, 2) * box.side * face.scale
        shapes.append(
            OccluderParams(
                kind=kind,
                centre=centre,
                size=np.maximum(section.size.sample(random, 2), 0.01) * size[0],
                angle=float(random.uniform(-np.pi, np.pi)),
                colour=section.colour.sample(random, 3),
                pick=float(random.random()),
                seed=int(random.integers(2**31)),
            )
        )
    return tuple(shapes)
