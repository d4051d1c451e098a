"""Words and numbers about a run."""

from dataclasses import dataclass

import pytest

from synthgen.cli.console import readable_bytes, readable_seconds
from synthgen.cli.dry_run import Estimate
from synthgen.cli.progress import PlainProgress, progress_line


@dataclass(frozen=True)
class State:
    present_samples: int = 0
    done_samples: int = 0
    total_samples: int = 100
    bytes: int = 0
    done_shards: int = 0
    total_shards: int = 4
    restarts: int = 0
    failed: int = 0
    quarantined: int = 0


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (12_345, "12.3 kB"), (4.56e9, "4.56 GB"), (1.2e13, "12 TB")],
)
def test_bytes(count: float, text: str) -> None:
    assert readable_bytes(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (8.2, "8.2 s"), (60, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_seconds(seconds: float, text: str) -> None:
    assert readable_seconds(seconds) == text


def test_line_counts_what_earlier_runs_made_but_not_in_the_rate() -> None:
    line = progress_line(State(present_samples=40, done_samples=20, bytes=2_000_000, done_shards=2), seconds=10)
    assert line == "60/100 samples, 2/4 shards, 2.0 samples/s, 20.0 s left, 2 MB written"


def test_line_at_the_beginning_and_after_a_restart() -> None:
    assert "unknown left" in progress_line(State(), seconds=0)
    assert progress_line(State(done_samples=1, restarts=2), 1).endswith("2 workers restarted")


def test_plain_lines_come_once_per_interval() -> None:
    now, lines = [0.0], []
    report = PlainProgress(30, clock=lambda: now[0], write=lines.append)
    for second in range(0, 100, 5):
        now[0] = float(second)
        report(State(done_samples=second))
    assert [line.split()[0] for line in lines] == ["30/100", "60/100", "90/100"]


def estimate(count: int, shards: int, workers: int) -> Estimate:
    return Estimate("pairs", (128, 128), ("image",), count, shards, workers, "cpu", 32, 2, 50_000.0, 0.01, 5.0)


@pytest.mark.parametrize(
    ("count", "shards", "workers", "seconds"),
    [(1000, 1, 1, 15.0), (1000, 1, 8, 15.0), (4000, 4, 2, 25.0), (4000, 4, 3, 25.0), (4000, 4, 4, 15.0)],
)
def test_estimated_time_knows_that_a_worker_builds_whole_shards(
    count: int, shards: int, workers: int, seconds: float
) -> None:
    assert estimate(count, shards, workers).total_seconds == pytest.approx(seconds)


def test_estimate_text() -> None:
    text = "\n".join(estimate(1000, 1, 2).lines())
    assert "50 MB, 50 kB per sample" in text and "2000 pictures" in text and "nothing was written" in text
