"""Which background, and which crop of it."""

import numpy as np

from synthgen.recipe.sections import Background
from synthgen.sampling.scene import BackgroundParams


def sample_background(section: Background, random: np.random.Generator) -> BackgroundParams:
    """Background of one picture; numbers that the kind does not use are drawn all the same, so that changing the kind
    of background leaves every other stream as it was."""
    pick, x, y = random.random(3)
    seed = int(random.integers(2**31))
    colour = np.full(3, 0.5)
    if section.kind == "gray":
        colour = np.full(3, section.level.sample(random, 1)[0])
    elif section.kind == "colour":
        colour = np.array([channel.sample(random, 1)[0] for channel in (section.red, section.green, section.blue)])
    zoom = float(section.zoom.sample(random, 1)[0]) if section.kind in ("folder", "coco") else 1.0
    return BackgroundParams(section.kind, float(pick), max(zoom, 1.0), float(x), float(y), colour, seed)
