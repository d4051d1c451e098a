"""The worker process: opens a renderer once, then builds the shards it is told to, one after another.

Messages to the worker: a `RendererSpec` and a store location, then (ShardRange, Stamp) per shard, None to stop.
Messages from it: Ready once, Working after each block, Finished after each shard, Refused for an error that a user can
mend, Crashed for any other.
"""

import resource
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from synthgen.core.errors import SynthgenError
from synthgen.dataset.manifest import ShardRange
from synthgen.pipeline.build_shard import Stamp
from synthgen.pipeline.session import RendererFacts, Session


@dataclass(frozen=True)
class Ready:
    """The renderer is open."""

    facts: RendererFacts


@dataclass(frozen=True)
class Working:
    """A shard has come this far."""

    shard: int
    samples: int
    bytes: int


@dataclass(frozen=True)
class Finished:
    """A shard and its index are published. seconds: stage -> seconds; peak_bytes: resident memory of the process."""

    shard: int
    samples: int
    bytes: int
    seconds: dict[str, float]
    peak_bytes: int


@dataclass(frozen=True)
class Refused:
    """A SynthgenError: the name of its class and its message."""

    kind: str
    message: str


@dataclass(frozen=True)
class Crashed:
    """Any other exception, as text."""

    trace: str


def main(handle: int) -> None:
    """Serve the connection with file descriptor `handle` until it says stop or its other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which decides
    connection = Connection(handle)
    with suppress(EOFError, ConnectionError):  # the parent is gone, and nobody is left to tell
        try:
            _serve(connection)
        except (EOFError, ConnectionError):
            raise
        except SynthgenError as error:
            connection.send(Refused(type(error).__name__, str(error)))
        except Exception:  # whatever it is, the run reports it
            connection.send(Crashed(traceback.format_exc()))


def build_and_report(
    session: Session, planned: ShardRange, stamp: Stamp, send: Callable[[Working], object]
) -> Finished:
    """Build one shard; `send` takes a Working after each block."""
    built = session.build(planned, stamp, lambda samples, size: send(Working(planned.shard, samples, size)))
    samples = planned.stop - planned.start
    return Finished(planned.shard, samples, built.index.bytes, built.seconds, peak_memory())


def peak_memory() -> int:
    """Largest resident memory of this process so far, bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _serve(connection: "Connection[Any, Any]") -> None:
    session = Session(*connection.recv())
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    connection.send(Ready(session.facts()))
    while (task := connection.recv()) is not None:
        planned, stamp = task
        connection.send(build_and_report(session, planned, stamp, connection.send))
