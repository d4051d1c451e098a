"""Random numbers as a pure function of (recipe seed, sample index, stream)."""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """Named random streams. Numbers are part of the dataset format: append, never renumber."""

    FACES = 0
    IDENTITY = 1
    EXPRESSION = 2
    POSE = 3
    CAMERA = 4
    LIGHT = 5
    ALBEDO = 6
    BACKGROUND = 7
    OCCLUDER = 8
    SENSOR = 9


# The target view of a pair and the further faces of a picture draw from streams of their own, this far apart.
STREAMS_PER_FACE = 100
STREAMS_PER_VIEW = 1000


def rng(seed: int, index: int, stream: Stream, view: int = 0, face: int = 0) -> np.random.Generator:
    """A generator that depends on its arguments alone.

    seed: the recipe's seed, 0 included; index: the sample's number; view: 0 source, 1 target; face: 0 is the main face.
    """
    key = int(stream) + STREAMS_PER_FACE * face + STREAMS_PER_VIEW * view
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(index, key))))
