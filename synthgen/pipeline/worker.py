"""The worker process: opens a renderer once, then builds the shards it is told to, one after another.

Messages to the worker: a `RendererSpec` and a store location, then (ShardRange, Stamp) per shard, None to stop.
Messages from it: Ready once, Working after each block, then Finished for a shard, Refused for an error that a user can
mend, or Crashed for any other, after which it takes the next shard. An error while the renderer opens ends it.
"""

import faulthandler
import os
import signal
import socket
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
from synthgen.pipeline.memory import peak_bytes
from synthgen.pipeline.session import RendererFacts, Session
from synthgen.pipeline.versions import cpu_family


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
    """A shard and its index are published. seconds: stage -> seconds; peak_bytes: resident memory of the process;
    attempt: failures before this try; worker: "host:pid" of the process; cpu_family: of its computer."""

    shard: int
    samples: int
    bytes: int
    seconds: dict[str, float]
    peak_bytes: int
    attempt: int = 0
    worker: str = ""
    cpu_family: str = ""


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
    faulthandler.enable()  # a crash in native code says where
    connection = Connection(handle)
    with suppress(EOFError, ConnectionError):  # the parent is gone, and nobody is left to tell
        _serve(connection)


def attempt_shard(
    session: Session, planned: ShardRange, stamp: Stamp, send: Callable[[Working], object]
) -> Finished | Refused | Crashed:
    """Build one shard and say how it ended."""
    try:
        return build_and_report(session, planned, stamp, send)
    except (EOFError, ConnectionError):
        raise
    except SynthgenError as error:
        return Refused(type(error).__name__, str(error))
    except Exception:  # whatever it is, the run reports it
        return Crashed(traceback.format_exc())


def build_and_report(
    session: Session, planned: ShardRange, stamp: Stamp, send: Callable[[Working], object]
) -> Finished:
    """Build one shard; `send` takes a Working after each block."""
    built = session.build(planned, stamp, lambda samples, size: send(Working(planned.shard, samples, size)))
    samples = planned.stop - planned.start
    where = f"{socket.gethostname()}:{os.getpid()}"
    return Finished(
        planned.shard,
        samples,
        built.index.bytes,
        built.seconds,
        peak_bytes(),
        worker=where,
        cpu_family=cpu_family(),
    )


def _serve(connection: "Connection[Any, Any]") -> None:
    try:
        session = Session(*connection.recv())
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)
        ready = Ready(session.facts())
    except (EOFError, ConnectionError):
        raise
    except SynthgenError as error:
        connection.send(Refused(type(error).__name__, str(error)))
        return
    except Exception:
        connection.send(Crashed(traceback.format_exc()))
        return
    connection.send(ready)
    while (task := connection.recv()) is not None:
        planned, stamp = task
        connection.send(attempt_shard(session, planned, stamp, connection.send))
