"""The cluster on paper against cases that can be worked out by hand."""

import pytest

from benchmarks.cluster_model import ClusterInputs, simulate

CALM = ClusterInputs(
    tasks_per_s=1e9,
    samples_per_s=100,
    shard_size=1000,
    samples=1_000_000,
    workers=10,
    start_s=0.0,
    life_s=1e12,
    spread=0.0,
)


def test_workers_without_any_loss() -> None:
    """1,000 shards of 10 s on 10 workers: 1,000 s."""
    found = simulate(CALM)
    assert found.hours * 3600 == pytest.approx(1000, rel=1e-6)
    assert found.efficiency == pytest.approx(1.0, abs=1e-6)
    assert found.deaths == 0


def test_a_slow_scheduler_is_the_limit() -> None:
    """One task in 5 s cannot feed 10 workers that need one a second: 1,000 tasks take 5,000 s and the last shard 10."""
    found = simulate(ClusterInputs(**{**CALM.__dict__, "tasks_per_s": 0.2}))
    assert found.hours * 3600 == pytest.approx(5010, rel=1e-6)
    assert found.scheduler_load == pytest.approx(1.0, abs=0.01)


def test_dying_workers_cost_their_shard_and_their_start() -> None:
    """Life 1,000 s, start 100 s, shards of 10 s of which half is lost at the end: 1 - (5 + 100) / 1100 stays."""
    found = simulate(
        ClusterInputs(**{**CALM.__dict__, "samples": 100_000_000, "life_s": 1000.0, "start_s": 100.0}), seed=1
    )
    assert found.efficiency == pytest.approx(1 - 105 / 1100, abs=0.01)
    assert found.deaths == pytest.approx(1_000_000 / 1000, rel=0.1)
