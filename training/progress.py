"""Progress of a run on a terminal: steps, loss, rate, samples a second, the share of loading, time left."""

import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic

WINDOW = 50  # steps that speed and share of loading are told of

Report = Callable[[int, int, Mapping[str, float]], None]


class Speed:
    """Samples a second and the share of time spent loading, over the last steps."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._ends: deque[tuple[float, int, float]] = deque([(clock(), 0, 0.0)], maxlen=WINDOW + 1)

    def take(self, samples: int, loading_s: float) -> None:
        """Note that a step has ended."""
        self._ends.append((self._clock(), samples, loading_s))

    @property
    def seconds(self) -> float:
        """Wall time of the steps."""
        return max(self._ends[-1][0] - self._ends[0][0], 1e-9)

    @property
    def samples_per_s(self) -> float:
        """Over the steps, evaluations between them counted as time."""
        return sum(samples for _, samples, _ in list(self._ends)[1:]) / self.seconds

    @property
    def loading_share(self) -> float:
        """Of the wall time."""
        return min(sum(loading for _, _, loading in list(self._ends)[1:]) / self.seconds, 1.0)


def told(values: Mapping[str, float], speed: Speed) -> str:
    """`loss 0.0312, rate 0.00095, 412 samples/s, 6 % loading`."""
    return (
        f"loss {values['total']:.4g}, rate {values['rate']:.3g}, {speed.samples_per_s:.0f} samples/s, "
        f"{100 * speed.loading_share:.0f} % loading"
    )


@contextmanager
def training_progress(steps: int, shown: bool) -> Iterator[Report]:
    """A function to be told of each step (its number, samples, what the log has of it); silent without a terminal."""
    if not shown or not sys.stderr.isatty():
        yield lambda number, samples, values: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("training", total=steps, told="")
        speed = Speed()

        def report(number: int, samples: int, values: Mapping[str, float]) -> None:
            speed.take(samples, float(values["loading_s"]))
            bars.update(task, description=str(values["stage"]), completed=number, told=told(values, speed))

        yield report
