"""Which background, and which crop of it."""

import numpy as np

from synthgen.recipe.sections import Background
from synthgen.sampling.scene import BackgroundParams


def sample_background(section: Background, random: np.random.Generator) -> BackgroundParams:
    """Background of one picture; numbers that the kind does not use are drawn all the same, so that changing the kind
    of background leaves every other stream as it was."""
    pick, x, y, seed = random.random(4).tolist()
    colour = np.full(3, 0.5)
    if section.kind == "gray":
        colour = np.full(3, section.level.draw(random))
    elif section.kind == "colour":
        colour = np.array([channel.draw(random) for channel in (section.red, section.green, section.blue)])
    zoom = section.zoom.draw(random) if section.kind in ("folder", "coco") else 1.0
    return BackgroundParams(section.kind, pick, max(zoom, 1.0), x, y, colour, int(seed * 2**31))
