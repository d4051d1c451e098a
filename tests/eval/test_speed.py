"""Timing with a clock of our own, and the size of networks against counts by hand and the paper's."""

import numpy as np
import pytest

from eval.speed import METHODS, network_of, time_network, time_vertices
from eval.timing import TimingOptions, measure_latency
from synthgen.core.errors import UsageError
from training.networks.cost import count_multiply_adds, count_parameters


def test_percentiles_of_a_known_clock() -> None:
    taken = iter([1.0, 9.0, *np.arange(1, 11) / 1000])  # warm-up first, then 1 to 10 ms
    now = 0.0

    def call() -> None:
        nonlocal now
        now += next(taken)

    found = measure_latency(call, TimingOptions(warm_up=2, calls=10, seconds=100.0), clock=lambda: now)
    assert found.median == pytest.approx(5.5) and found.fastest == pytest.approx(1.0)
    assert found.p90 == pytest.approx(9.1) and found.calls == 10


def test_slow_calls_end_early_but_not_before_three() -> None:
    now = 0.0

    def call() -> None:
        nonlocal now
        now += 10.0

    assert measure_latency(call, TimingOptions(0, 100, 1.0), clock=lambda: now).calls == 3
    with pytest.raises(UsageError, match="cannot time 0"):
        measure_latency(call, TimingOptions(0, 0, 1.0))


def test_warming_up_ends_with_its_time() -> None:
    now, calls = 0.0, 0

    def call() -> None:
        nonlocal now, calls
        now, calls = now + 10.0, calls + 1

    assert measure_latency(call, TimingOptions(5, 100, 1.0), clock=lambda: now).calls == 3
    assert calls == 4


def test_the_paper_network_has_the_paper_size() -> None:
    """tddfa_v2: 3.27 M parameters and 183.5 M multiply-adds (section 3.4)."""
    network, _, inputs = network_of("tddfa_v2", "paper")
    assert count_parameters(network) / 1e6 == pytest.approx(3.27, rel=0.05)
    assert count_multiply_adds(network, *inputs) / 1e6 == pytest.approx(183.5, rel=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_every_compact_network_is_timed(method: str) -> None:
    told: list[str] = []
    onnx = method == "tddfa_v2"  # one export says that the path works
    row = time_network(method, "compact", TimingOptions(warm_up=0, calls=1), onnx, told.append)
    assert row.parameters > 1e4 and row.multiply_adds > 1e6
    assert {name.split(",")[0] for name in row.latencies} == ({"torch", "ONNX Runtime"} if onnx else {"torch"})
    assert told[0] == f"{method} compact: torch, 1 thread" and ("ONNX" in told[-1]) == onnx
    assert all(latency.median > 0 for latency in row.latencies.values())


def test_vertices_are_timed_without_a_network() -> None:
    row = time_vertices(TimingOptions(warm_up=0, calls=1), count=100)
    assert row.parameters is None and "torch, 1 thread" in row.latencies


def test_unknown_networks_are_refused() -> None:
    with pytest.raises(UsageError, match="no network rubbish"):
        network_of("rubbish", "paper")
