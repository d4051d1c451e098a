"""Progress of a run: a bar where stderr is a terminal, otherwise a plain line every half minute."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Protocol

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from synthgen.cli.console import readable_bytes, readable_seconds, say, stderr_console

PLAIN_INTERVAL_S = 30.0


class RunState(Protocol):
    """Where a run stands: `pipeline.run.Progress`."""

    @property
    def present_samples(self) -> int: ...
    @property
    def done_samples(self) -> int: ...
    @property
    def total_samples(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def done_shards(self) -> int: ...
    @property
    def total_shards(self) -> int: ...
    @property
    def restarts(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def quarantined(self) -> int: ...


Report = Callable[[RunState], None]


class PlainProgress:
    """Says one line at most every `interval` seconds. clock, write: replaced in tests."""

    def __init__(
        self,
        interval: float = PLAIN_INTERVAL_S,
        clock: Callable[[], float] = monotonic,
        write: Callable[[str], None] = say,
    ) -> None:
        self._interval, self._clock, self._write = interval, clock, write
        self._start = self._last = clock()

    def __call__(self, state: RunState) -> None:
        """Take note of a state."""
        now = self._clock()
        if now - self._last >= self._interval:
            self._last = now
            self._write(progress_line(state, now - self._start))


def progress_line(state: RunState, seconds: float) -> str:
    """One line: samples, shards, rate, time left, bytes.

    seconds: since the beginning of this run.
    """
    done = state.present_samples + state.done_samples
    rate = state.done_samples / seconds if seconds > 0 else 0.0
    left = readable_seconds((state.total_samples - done) / rate) if rate > 0 else "unknown"
    line = (
        f"{done}/{state.total_samples} samples, {state.done_shards}/{state.total_shards} shards, "
        f"{rate:.1f} samples/s, {left} left, {readable_bytes(state.bytes)} written"
    )
    return line + trouble(state)


def trouble(state: RunState) -> str:
    """What went wrong so far, nothing for a run in good health."""
    counts = ((state.restarts, "workers restarted"), (state.failed, "failed"), (state.quarantined, "given up"))
    return "".join(f", {count} {what}" for count, what in counts if count)


@contextmanager
def run_progress(description: str) -> Iterator[Report]:
    """A function that shows the states of one run while the block lasts."""
    console = stderr_console()
    if not console.is_terminal:
        yield PlainProgress()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[size]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task(description, total=None, rate="starting", size="")
        start = monotonic()

        def show(state: RunState) -> None:
            rate = state.done_samples / max(monotonic() - start, 1e-6)
            bars.update(
                task,
                total=state.total_samples,
                completed=state.present_samples + state.done_samples,
                rate=f"{rate:.1f} samples/s" if state.done_samples else "starting",
                size=readable_bytes(state.bytes) + trouble(state),
            )

        yield show
