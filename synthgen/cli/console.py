"""Where text goes: data on stdout, everything about the run on stderr."""

import sys
from functools import cache

from rich.console import Console


@cache
def stderr_console() -> Console:
    """The console for progress and messages; honours NO_COLOR and plain pipes by itself."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def say(message: str) -> None:
    """Write a line about the run to stderr, without interpreting markup in it."""
    stderr_console().print(message, markup=False)


def complain(message: str) -> None:
    """Write an error to stderr."""
    console = stderr_console()
    console.print("error: ", style="bold red", end="", markup=False)
    console.print(message, markup=False)


def put(text: str) -> None:
    """Write a line of data to stdout."""
    sys.stdout.write(text + "\n")


def readable_bytes(count: float) -> str:
    """A byte count for people: 950 B, 12.3 kB, 4.56 GB (powers of 1000)."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.4g} TB"


def readable_seconds(seconds: float) -> str:
    """A duration for people: 8.2 s, 3 min 20 s, 2 h 05 min."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    if seconds < 3570:
        return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"
