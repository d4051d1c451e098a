"""Supervised worker processes: a queue of shards, restart of a worker that died, no orphan when the run ends.

Workers are fresh interpreters in sessions of their own, so Ctrl-C reaches the run alone and a script that calls
`generate` needs no main guard. A worker whose run is gone stops at its next message.
"""

import subprocess
import sys
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, Pipe, wait
from types import TracebackType
from typing import Protocol, Self

from synthgen.core import errors
from synthgen.core.environment import single_threaded_children
from synthgen.core.errors import DatasetError, RecipeError, SynthgenError
from synthgen.dataset.manifest import ShardRange
from synthgen.pipeline.build_shard import Stamp
from synthgen.pipeline.publish import open_store, sweep_temporary
from synthgen.pipeline.session import RendererFacts, RendererSpec, Session
from synthgen.pipeline.worker import Crashed, Finished, Ready, Refused, Working, build_and_report

# A shard that killed this many workers is not tried again.
ATTEMPTS = 3
_GRACE_S = 5.0


class Pool(Protocol):
    """Something that builds shards; `restarts` counts workers that died and were replaced."""

    restarts: int

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def facts(self) -> RendererFacts: ...
    def build(self, todo: Sequence[ShardRange], stamp: Stamp) -> Iterator[Working | Finished]: ...


class InlinePool:
    """Builds shards in this process, for tests and debugging."""

    def __init__(self, spec: RendererSpec, location: str) -> None:
        self.restarts = 0
        self._session = Session(spec, location)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def facts(self) -> RendererFacts:
        """Assets and template of the renderer."""
        return self._session.facts()

    def build(self, todo: Sequence[ShardRange], stamp: Stamp) -> Iterator[Working | Finished]:
        """Build the shards in order."""
        for planned in todo:
            events: list[Working] = []
            finished = build_and_report(self._session, planned, stamp, events.append)
            yield from events
            yield finished


@dataclass
class _Worker:
    """One process and what it is doing. ready: its renderer is open; task: the shard it builds."""

    process: subprocess.Popen[bytes]
    connection: "Connection[object, object]"
    ready: bool = False
    task: ShardRange | None = None


class WorkerPool:
    """`count` worker processes; entering starts them, leaving stops them."""

    def __init__(self, spec: RendererSpec, location: str, count: int) -> None:
        self.restarts = 0
        self._spec = spec
        self._location = location
        self._count = count
        self._workers: list[_Worker] = []
        self._facts: RendererFacts | None = None
        self._deaths: Counter[int] = Counter()
        self._failed_starts = 0
        self._queue: deque[ShardRange] = deque()

    def __enter__(self) -> Self:
        try:
            for _ in range(self._count):
                self._start_worker()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def facts(self) -> RendererFacts:
        """Assets and template of the renderer, from the first worker that has opened it."""
        while self._facts is None:
            for _ in self._receive():
                pass
        return self._facts

    def build(self, todo: Sequence[ShardRange], stamp: Stamp) -> Iterator[Working | Finished]:
        """Build the shards, in any order. Raises the SynthgenError that a worker met, RuntimeError for a bug."""
        self._queue = deque(todo)
        while True:
            for worker in self._workers:
                if worker.ready and worker.task is None and self._queue:
                    self._assign(worker, stamp)
            if not self._queue and all(worker.task is None for worker in self._workers):
                return
            yield from self._receive()

    def _assign(self, worker: _Worker, stamp: Stamp) -> None:
        worker.task = self._queue.popleft()
        with suppress(OSError):  # a worker that has just died is noticed when its end of the pipe closes
            worker.connection.send((worker.task, stamp))

    def _receive(self) -> Iterator[Working | Finished]:
        """Wait for messages, follow them, and pass on those that the run needs."""
        connections = [worker.connection for worker in self._workers]
        for connection in wait(connections):
            worker = next(item for item in self._workers if item.connection is connection)
            try:
                message = worker.connection.recv()
            except (EOFError, OSError):
                self._replace(worker)
                continue
            if isinstance(message, Refused):
                raise _rebuilt_error(message)
            if isinstance(message, Crashed):
                raise _bug(worker.task, message.trace)
            if isinstance(message, Ready):
                self._accept(worker, message.facts)
            if isinstance(message, Finished):
                worker.task = None
            if isinstance(message, (Working, Finished)):
                yield message

    def _accept(self, worker: _Worker, facts: RendererFacts) -> None:
        if self._facts is not None and facts != self._facts:
            raise DatasetError("an asset changed while the run was going on; start again with --resume")
        self._facts = facts
        self._failed_starts = 0
        worker.ready = True

    def _replace(self, worker: _Worker) -> None:
        """Put the shard of a dead worker back into the queue and start another worker."""
        self._workers.remove(worker)
        worker.connection.close()
        code = worker.process.wait()
        sweep_temporary(open_store(self._location), worker.process.pid)
        if worker.task is not None:
            self._deaths[worker.task.shard] += 1
            if self._deaths[worker.task.shard] >= ATTEMPTS:
                raise DatasetError(
                    f"{ATTEMPTS} workers died{_doing(worker.task)} ({_ending(code)}); "
                    "see the message above if there is one, free memory, and run again with --resume"
                )
            self._queue.appendleft(worker.task)
        elif not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= ATTEMPTS:
                raise DatasetError(f"{ATTEMPTS} workers died while they opened the renderer ({_ending(code)})")
        self.restarts += 1
        self._start_worker()

    def _start_worker(self) -> None:
        here, there = Pipe()
        code = (
            f"import sys; sys.path[:] = {sys.path!r}; from synthgen.pipeline.worker import main; main({there.fileno()})"
        )
        with single_threaded_children():
            process = subprocess.Popen(
                [sys.executable, "-c", code],
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        there.close()
        self._workers.append(_Worker(process, here))
        first = self._facts is None and len(self._workers) == 1
        here.send((replace(self._spec, check_assets=first), self._location))

    def _stop(self) -> None:
        """Stop every worker: idle ones by word, busy ones by signal."""
        for worker in self._workers:
            if worker.ready and worker.task is None:
                with suppress(OSError):
                    worker.connection.send(None)
            else:
                worker.process.kill()
            worker.connection.close()
        for worker in self._workers:
            try:
                worker.process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
        self._workers.clear()


def _rebuilt_error(message: Refused) -> SynthgenError:
    kind = getattr(errors, message.kind, SynthgenError)
    return RecipeError(message.message.splitlines()) if kind is RecipeError else kind(message.message)


def _bug(task: ShardRange | None, trace: str) -> RuntimeError:
    return RuntimeError(f"a worker failed{_doing(task)}:\n{trace}")


def _doing(task: ShardRange | None) -> str:
    if task is None:
        return " while it opened the renderer"
    return f" on shard {task.shard} (samples {task.start} to {task.stop - 1})"


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
