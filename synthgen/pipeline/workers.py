"""Supervised worker processes: a queue of shards, restart of a worker that died, no orphan when the run ends.

Workers are fresh interpreters in sessions of their own, so Ctrl-C reaches the run alone and a script that calls
`generate` needs no main guard. A worker whose run is gone stops at its next message. A worker that grows beyond its
memory, or says nothing for too long, is killed; one that has grown far is replaced between two shards.
"""

import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, Pipe, wait
from time import monotonic
from types import TracebackType
from typing import Protocol, Self

from synthgen.core.environment import single_threaded_children
from synthgen.core.errors import DatasetError
from synthgen.dataset.manifest import ShardRange
from synthgen.pipeline.attempts import Attempts, Failed, FailureBudget, ends_the_run, rebuilt_error
from synthgen.pipeline.build_shard import Stamp
from synthgen.pipeline.memory import default_limit, resident_bytes
from synthgen.pipeline.publish import open_store, sweep_temporary
from synthgen.pipeline.session import RendererFacts, RendererSpec, Session
from synthgen.pipeline.worker import Crashed, Finished, Ready, Refused, Working, build_and_report

_GRACE_S = 5.0
_TICK_S = 1.0

PoolEvent = Working | Finished | Failed


class Pool(Protocol):
    """Something that builds shards; `restarts` counts workers that died and were replaced."""

    restarts: int

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def facts(self) -> RendererFacts: ...
    def build(self, todo: Iterable[ShardRange], stamp: Stamp) -> Generator[PoolEvent]: ...


@dataclass(frozen=True)
class WorkerLimits:
    """When a worker process is replaced. bytes: resident memory at which it is killed, None for its share of the
    machine, and between two shards it is replaced above 80 % of that; shards: it is replaced after so many; silence_s:
    it is killed when nothing was heard of it for so long."""

    bytes: int | None = None
    shards: int | None = None
    silence_s: float = 1800.0


class InlinePool:
    """Builds shards in this process, for tests and debugging; the first error ends the run."""

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

    def build(self, todo: Iterable[ShardRange], stamp: Stamp) -> Generator[PoolEvent]:
        """Build the shards in order."""
        for planned in todo:
            events: list[Working] = []
            finished = build_and_report(self._session, planned, stamp, events.append)
            yield from events
            yield finished


@dataclass
class _Worker:
    """One process and what it is doing. ready: its renderer is open; task: the shard it builds; samples: of it that
    are done; built: shards so far; heard: when it last said something; verdict: why it was killed."""

    process: subprocess.Popen[bytes]
    connection: "Connection[object, object]"
    ready: bool = False
    task: ShardRange | None = None
    samples: int = 0
    built: int = 0
    heard: float = field(default_factory=monotonic)
    verdict: str = ""


class WorkerPool:
    """`count` worker processes; entering starts them, leaving stops them."""

    def __init__(
        self,
        spec: RendererSpec,
        location: str,
        count: int,
        budget: FailureBudget | None = None,
        limits: WorkerLimits | None = None,
    ) -> None:
        self.restarts = 0
        self._spec = spec
        self._location = location
        self._count = count
        self._budget = budget or FailureBudget()
        self._attempts = Attempts(self._budget)
        self._limits = limits or WorkerLimits()
        self._most_bytes = self._limits.bytes or default_limit(count)
        self._workers: list[_Worker] = []
        self._facts: RendererFacts | None = None
        self._failed_starts = 0
        self._again: deque[ShardRange] = deque()
        self._todo: Iterator[ShardRange] = iter(())

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

    def build(self, todo: Iterable[ShardRange], stamp: Stamp) -> Generator[PoolEvent]:
        """Build the shards, in any order. Raises what ends the run: a full disk, a renderer that does not open."""
        self._todo = iter(todo)
        while True:
            for worker in self._workers:
                if worker.ready and worker.task is None and (planned := self._next()) is not None:
                    self._assign(worker, planned, stamp)
            if all(worker.task is None for worker in self._workers) and any(w.ready for w in self._workers):
                return  # whoever is ready was asked, and nothing is left
            yield from self._receive()

    def _next(self) -> ShardRange | None:
        return self._again.popleft() if self._again else next(self._todo, None)

    def _assign(self, worker: _Worker, planned: ShardRange, stamp: Stamp) -> None:
        worker.task, worker.samples, worker.heard = planned, 0, monotonic()
        with suppress(OSError):  # a worker that has just died is noticed when its end of the pipe closes
            worker.connection.send((planned, stamp))

    def _receive(self) -> Iterator[PoolEvent]:
        """Wait for messages, follow them, and pass on those that the run needs."""
        by_connection = {worker.connection: worker for worker in self._workers}
        for connection in wait(list(by_connection), _TICK_S):
            worker = by_connection[connection]  # type: ignore[index]
            try:
                message = worker.connection.recv()
            except (EOFError, OSError):
                yield from self._replace_dead(worker)
                continue
            worker.heard = monotonic()
            yield from self._follow(worker, message)
        self._kill_misbehaving()

    def _follow(self, worker: _Worker, message: object) -> Iterator[PoolEvent]:
        if isinstance(message, Ready):
            self._accept(worker, message.facts)
        elif isinstance(message, Working):
            worker.samples = message.samples
            yield message
        elif isinstance(message, Finished):
            worker.task, worker.built = None, worker.built + 1
            self._recycle(worker)
            yield replace(message, attempt=self._attempts.number(message.shard))
        elif isinstance(message, (Refused, Crashed)):
            if worker.task is None or ends_the_run(message):
                raise _start_error(message)
            failed = self._attempts.raised(worker.task, message)
            worker.task = None
            yield self._tried(failed)

    def _tried(self, failed: Failed) -> Failed:
        """A failure, after its shard went back into the queue if it may be tried again."""
        if not failed.final:
            self._again.append(failed.planned)
        return failed

    def _accept(self, worker: _Worker, facts: RendererFacts) -> None:
        if self._facts is not None and facts != self._facts:
            raise DatasetError("an asset changed while the run was going on; start again with --resume")
        self._facts = facts
        self._failed_starts = 0
        worker.ready = True

    def _replace_dead(self, worker: _Worker) -> Iterator[Failed]:
        """Start another worker for a dead one, whose shard is tried again or given up."""
        self._workers.remove(worker)
        worker.connection.close()
        code = worker.process.wait()
        ending = worker.verdict or _ending(code)
        sweep_temporary(open_store(self._location), worker.process.pid)
        if worker.task is not None:
            done, size = worker.samples, worker.task.stop - worker.task.start
            yield self._tried(self._attempts.died(worker.task, f"{ending}, {done} of {size} samples done"))
        elif not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= self._budget.deaths:
                raise DatasetError(
                    f"{self._failed_starts} workers died while they opened the renderer ({ending}); "
                    "see the message above if there is one, free memory, and run again with --resume"
                )
        self.restarts += 1
        self._start_worker()

    def _kill_misbehaving(self) -> None:
        """Kill workers that use too much memory or say nothing; their death is noticed like any other."""
        now = monotonic()
        for worker in self._workers:
            used = resident_bytes(worker.process.pid) or 0
            if used > self._most_bytes:
                worker.verdict = f"it used {used / 1e9:.1f} GB of memory, more than {self._most_bytes / 1e9:.1f}"
            elif (worker.task is not None or not worker.ready) and now - worker.heard > self._limits.silence_s:
                worker.verdict = f"nothing was heard of it for {self._limits.silence_s:.0f} s"
            else:
                continue
            worker.process.kill()

    def _recycle(self, worker: _Worker) -> None:
        """Replace an idle worker that has built its number of shards or has grown far."""
        used = resident_bytes(worker.process.pid) or 0
        old = self._limits.shards is not None and worker.built >= self._limits.shards
        if old or used > 0.8 * self._most_bytes:
            self._workers.remove(worker)
            _dismiss(worker)
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
        with suppress(OSError):  # it died at once, which is noticed when its end of the pipe closes
            here.send((replace(self._spec, check_assets=first), self._location))

    def _stop(self) -> None:
        """Stop every worker: idle ones by word, busy ones by signal."""
        for worker in self._workers:
            if not worker.ready or worker.task is not None:
                worker.process.kill()
        for worker in self._workers:
            _dismiss(worker)
        self._workers.clear()


def _dismiss(worker: _Worker) -> None:
    """End an idle worker, or wait for a killed one."""
    with suppress(OSError):
        worker.connection.send(None)
    worker.connection.close()
    try:
        worker.process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        worker.process.kill()
        worker.process.wait()


def _start_error(message: Refused | Crashed) -> Exception:
    """The error of a renderer that does not open, or of a store that takes nothing."""
    if isinstance(message, Refused):
        return rebuilt_error(message)
    return RuntimeError(f"a worker failed while it opened the renderer:\n{message.trace}")


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
