"""How long a call takes: warm-up, then percentiles of many."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from synthgen.core.errors import UsageError

PERCENTILES = (50, 90, 99)


@dataclass(frozen=True)
class Latency:
    """ms. median, p90, p99: of `calls` calls after the warm-up; fastest: the least of them."""

    median: float
    p90: float
    p99: float
    fastest: float
    calls: int


@dataclass(frozen=True)
class TimingOptions:
    """warm_up: calls that do not count, fewer once they took `seconds`; calls: at most; seconds: after which no further
    call begins, but 3 are made."""

    warm_up: int = 3
    calls: int = 100
    seconds: float = 1.0


FEWEST_CALLS = 3


def measure_latency(
    call: Callable[[], object], options: TimingOptions, clock: Callable[[], float] = perf_counter
) -> Latency:
    """Wall-clock percentiles of a call. clock: seconds; another one in tests. Raises UsageError for no calls."""
    if options.calls < 1 or options.warm_up < 0:
        raise UsageError(f"cannot time {options.calls} calls after {options.warm_up} for warming up")
    begun = clock()
    for _ in range(options.warm_up):
        call()
        if clock() - begun > options.seconds:
            break
    taken: list[float] = []
    begun = clock()
    while len(taken) < options.calls:
        before = clock()
        call()
        after = clock()
        taken.append(1000 * (after - before))
        if after - begun > options.seconds and len(taken) >= min(FEWEST_CALLS, options.calls):
            break
    median, p90, p99 = np.percentile(taken, PERCENTILES).tolist()
    return Latency(median, p90, p99, min(taken), len(taken))
