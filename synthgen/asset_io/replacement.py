"""Which picture takes the place of one that cannot be used: the next of a sequence that belongs to the sample.

The sequence follows from the sample's own pick, which follows from (seed, index), and whether a picture can be used
follows from its bytes: so every worker, in any order and after any crash, shows the same picture in the same sample.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from synthgen.asset_io.catalogue import problems_error
from synthgen.core.errors import UnusableAssetError
from synthgen.core.limits import MOST_REPLACEMENTS
from synthgen.core.seeds import REPLACEMENT_KEY, rng_from_key

# Picks are random numbers of 53 bits.
_PICKS = 2**53


class UsablePick(NamedTuple):
    """pick: in [0, 1), chooses number floor(pick * count); passed_over: candidates before it that cannot be used."""

    pick: float
    passed_over: int


def usable_pick(pick: float, count: int, load: Callable[[int], object]) -> UsablePick:
    """`pick` itself where `load(floor(pick * count))` returns, else that of the first candidate whose load does.

    load raises UnusableAssetError for content that cannot be used, which passes a candidate over; anything else it
    raises comes through, because another worker might not meet it.
    Raises UnusableAssetError that lists the reasons when MOST_REPLACEMENTS candidates fail.
    """
    problems: list[str] = []
    for number in _candidates(pick, count):
        try:
            load(number)
        except UnusableAssetError as error:
            problems.append(str(error))
        else:
            return UsablePick((number + 0.5) / count if problems else pick, len(problems))
    raise UnusableAssetError(str(problems_error(f"none of {len(problems)} candidates can be used", problems)))


def picked(pick: float, count: int) -> int:
    """The number that a pick in [0, 1) chooses among `count`."""
    return min(int(pick * count), count - 1)


def _candidates(pick: float, count: int) -> Iterator[int]:
    first = picked(pick, count)
    yield first
    order = rng_from_key(int(pick * _PICKS), REPLACEMENT_KEY).permutation(count)
    yield from order[order != first][:MOST_REPLACEMENTS].tolist()
