"""Random numbers as a pure function of (recipe seed, sample index, stream)."""

from enum import IntEnum
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import NDArray


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
    AUGMENT = 10
    MOTION = 11


# The target view of a pair and the further faces of a picture draw from streams of their own, this far apart.
STREAMS_PER_FACE = 100
STREAMS_PER_VIEW = 1000
# A scene that cannot be rendered is drawn again from streams this much further on: try 1 has the keys 10000 and up.
STREAMS_PER_TRY = 10_000

# Second words of the keys of `rng_from_key`, one for each use. Part of the dataset format, like the streams.
SURFACE_KEY, POLYGON_KEY, REPLACEMENT_KEY, ALIGNMENT_KEY = 0, 1, 2, 3

# Constants of NumPy's SeedSequence, whose algorithm is fixed by NumPy's policy on reproducible streams.
_POOL_WORDS = 4
_INIT_A, _MULT_A = 0x43B0D7E5, 0x931E8875
_INIT_B, _MULT_B = 0x8B51F9DD, 0x58F38DED
_MIX_LEFT, _MIX_RIGHT = 0xCA01F9DD, 0x4973F715
_WORD = 2**32
# Samples whose keys are computed together.
_BLOCK = 64

Words = NDArray[np.uint32]


def rng(seed: int, index: int, stream: Stream, view: int = 0, face: int = 0, attempt: int = 0) -> np.random.Generator:
    """A generator that depends on its arguments alone.

    seed: the recipe's seed, 0 included; index: the sample's number; view: 0 source, 1 target; face: 0 is the main face;
    attempt: 0, and more for scenes that are drawn again.
    Equal to Philox(SeedSequence(seed, spawn_key=(index, key))), where `key` numbers stream, face, view and attempt;
    NumPy takes 21 us to hash that for one generator, the keys of many together leave 4 us. Raises ValueError for
    negative numbers.
    """
    block, row = divmod(index, _BLOCK)
    offset = STREAMS_PER_FACE * face + STREAMS_PER_VIEW * view + STREAMS_PER_TRY * attempt
    key = _stream_keys(seed, block, offset)[row, stream]
    return _generator(key)


def rng_from_key(low: int, high: int = 0) -> np.random.Generator:
    """The generator of Philox(key=[low, high]), each in [0, 2**64); 4 us instead of 12."""
    return _generator(np.array([low, high], np.uint64))


class _PhiloxKey(ISeedSequence):
    """A seed sequence that has done its work: hands Philox the 128-bit key that it is given."""

    def __init__(self, key: NDArray[np.uint64]) -> None:
        self.key = key

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> Any:
        """(2,) uint64, all that Philox asks for."""
        return self.key


def _generator(key: NDArray[np.uint64]) -> np.random.Generator:
    # Any ISeedSequence will do by NumPy's manual, though its annotations name the one class.
    return np.random.Generator(np.random.Philox(_PhiloxKey(key)))  # type: ignore[arg-type]


@lru_cache(maxsize=16)
def _stream_keys(seed: int, block: int, offset: int) -> NDArray[np.uint64]:
    """(_BLOCK, streams, 2) uint64 Philox keys of the samples of a block."""
    first = block * _BLOCK
    # No carry: a block starts at a multiple of its length.
    words = [np.arange(_BLOCK, dtype=np.uint32)[:, None, None] + np.uint32(first % _WORD)]
    words += [np.full((1, 1, 1), word, np.uint32) for word in _split_words(first)[1:]]
    words += [np.arange(offset, offset + len(Stream), dtype=np.uint32)[None, :, None]]
    pool = np.random.SeedSequence(seed).pool
    # A seed shorter than the pool is filled up with zeros where a spawn key follows.
    position = max(len(_split_words(seed)), _POOL_WORDS)
    for number, word in enumerate(words):
        pool = _absorb(pool, word, position + number)
    constants = _powers(_INIT_B, _MULT_B, 0)
    hashed = (pool ^ constants[:-1]) * constants[1:]
    hashed ^= hashed >> 16
    keys: NDArray[np.uint64] = hashed.astype("<u4").view("<u8").astype(np.uint64)
    keys.flags.writeable = False
    return keys


def _absorb(pool: Words, word: Words, position: int) -> Words:
    """(..., 4) the pool after entropy word number `position` (..., 1), at least four."""
    # Each word before it has moved the constant by four steps, and the four of the pool by twelve more among them.
    constants = _powers(_INIT_A, _MULT_A, 4 * position)
    hashed = (word ^ constants[:-1]) * constants[1:]
    hashed ^= hashed >> 16
    mixed = _MIX_LEFT * pool - _MIX_RIGHT * hashed
    mixed ^= mixed >> 16
    return mixed


def _powers(start: int, factor: int, first: int) -> Words:
    """(5,) start * factor**n modulo 2**32 for n = first to first + 4."""
    return np.array([start * pow(factor, first + step, _WORD) % _WORD for step in range(5)], np.uint32)


def _split_words(number: int) -> list[int]:
    """The 32-bit words of a number >= 0, lowest first, at least one."""
    if number < 0:
        raise ValueError(f"expected a seed and a sample index of at least 0, got {number}")
    words = [number % _WORD]
    while number := number // _WORD:
        words.append(number % _WORD)
    return words
