"""Generators against the same ones made by NumPy's own SeedSequence and Philox."""

import numpy as np
import pytest

from synthgen.core.seeds import Stream, rng, rng_from_key

SEEDS = (0, 1, 3, 2**31, 2**32 - 1, 2**32, 2**33 + 5, 2**64 + 7, 2**127, 2**128 - 1, 2**128, 2**200 + 9)
INDICES = (0, 1, 63, 64, 1000, 2**32 - 1, 2**32, 2**32 + 77, 2**64 + 3)


def numpys(seed: int, index: int, key: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(index, key))))


@pytest.mark.parametrize("seed", SEEDS)
def test_numbers_are_those_of_numpys_seed_sequence(seed: int) -> None:
    for index in INDICES:
        for view, face in ((0, 0), (1, 0), (0, 2), (1, 1)):
            for stream in Stream:
                expected = numpys(seed, index, int(stream) + 100 * face + 1000 * view).random(3)
                np.testing.assert_array_equal(rng(seed, index, stream, view, face).random(3), expected)


def test_whole_generators_are_equal() -> None:
    ours, theirs = rng(5, 70, Stream.LIGHT, 1), numpys(5, 70, 1005)
    np.testing.assert_array_equal(ours.integers(2**31, size=5), theirs.integers(2**31, size=5))
    np.testing.assert_array_equal(ours.standard_normal(1000), theirs.standard_normal(1000))


def test_equal_arguments_give_generators_that_do_not_share_state() -> None:
    first, second = rng(1, 2, Stream.POSE), rng(1, 2, Stream.POSE)
    numbers = first.random(10)
    np.testing.assert_array_equal(second.random(10), numbers)
    assert not np.array_equal(first.random(10), numbers)


@pytest.mark.parametrize(("low", "high"), [(0, 0), (7, 0), (2**31 - 1, 1), (2**64 - 1, 2**63)])
def test_generator_of_a_key_is_philox_with_that_key(low: int, high: int) -> None:
    theirs = np.random.Generator(np.random.Philox(key=low + (high << 64)))
    np.testing.assert_array_equal(rng_from_key(low, high).random(9), theirs.random(9))


@pytest.mark.parametrize(("seed", "index"), [(-1, 0), (0, -1), (0, -64), (0, -(2**40))])
def test_negative_numbers_are_refused(seed: int, index: int) -> None:
    with pytest.raises(ValueError):
        rng(seed, index, Stream.POSE)
