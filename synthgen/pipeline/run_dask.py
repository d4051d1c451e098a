"""Shards built by the workers of a Dask cluster: the only file that imports Dask.

The truth is on disk. The scheduler holds a window of a few shards per worker; a task's result is a small record; every
try of a shard has a key of its own, since a scheduler remembers failed keys. Each worker opens the renderer once, in a
plugin that a restarted worker gets again. When the scheduler is lost the run ends, and --resume goes on from the files.
"""

import asyncio
import signal
import threading
import uuid
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import islice
from time import monotonic
from types import TracebackType
from typing import Any, Self

from synthgen.core.environment import unpinned_threads
from synthgen.core.errors import DatasetError, SynthgenError, UsageError
from synthgen.dataset.manifest import ShardRange
from synthgen.pipeline.attempts import Attempts, Failed, FailureBudget, ends_the_run, rebuilt_error
from synthgen.pipeline.build_shard import Stamp
from synthgen.pipeline.cluster import ClusterSpec
from synthgen.pipeline.session import RendererFacts, RendererSpec, Session
from synthgen.pipeline.versions import library_versions
from synthgen.pipeline.worker import Crashed, Finished, Refused, Working, attempt_shard

try:
    import dask
    import distributed
    from distributed import Client, Future, WorkerPlugin, as_completed, get_worker
except ImportError as missing:
    raise UsageError(f"running on Dask needs the extra: pip install 'synthgen[dask]' ({missing})") from None

# Workers come and go; the window follows their number.
_REFRESH_S = 5.0
_CONNECT_S = "30s"
_REGISTER_TRIES = 10
_QUEUES = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster", "sge": "SGECluster"}

Task = Callable[[str, ShardRange, Stamp], Finished | Refused | Crashed]


class SessionPlugin(WorkerPlugin):
    """Keeps an open session on every worker, also on those that join or restart later."""

    def __init__(self, name: str, spec: RendererSpec, location: str, versions: dict[str, str]) -> None:
        self.name = name
        self._spec, self._location, self._versions = spec, location, versions

    async def setup(self, worker: Any) -> None:
        """Open the session beside the worker's event loop, which must go on sending heartbeats."""
        self._lock = threading.Lock()
        self._opened = threading.Event()
        self._failure: Refused | Crashed | None = None
        try:
            self._check_worker(worker)
            self._session = await asyncio.to_thread(self._open)
        except SynthgenError as error:
            self._failure = Refused(type(error).__name__, f"worker {worker.address}: {error}")
        except Exception as error:  # whatever it is, the tasks report it
            self._failure = Crashed(f"worker {worker.address}: {error!r}")
        self._opened.set()

    def attempt(self, planned: ShardRange, stamp: Stamp) -> Finished | Refused | Crashed:
        """Build one shard; a worker with several threads builds one after another."""
        self._opened.wait()
        if self._failure is not None:
            return self._failure
        with self._lock:
            return attempt_shard(self._session, planned, stamp, _ignore)

    def facts(self) -> RendererFacts | Refused | Crashed:
        """What the manifest says about the renderer; looks at every asset once."""
        self._opened.wait()
        if self._failure is not None:
            return self._failure
        try:
            with self._lock:
                return Session(replace(self._spec, check_assets=True), self._location).facts()
        except SynthgenError as error:
            return Refused(type(error).__name__, str(error))

    def _open(self) -> Session:
        return Session(replace(self._spec, check_assets=False), self._location)

    def _check_worker(self, worker: Any) -> None:
        other = {k: v for k, v in library_versions().items() if self._versions.get(k) != v}
        if other:
            listed = ", ".join(f"{name} {version} (here {self._versions.get(name)})" for name, version in other.items())
            raise DatasetError(f"it has other versions, which give other bytes: {listed}")
        names = unpinned_threads()
        if names:
            raise UsageError(
                f"{', '.join(names)} must be 1 in its environment, sums in several threads give other bytes; start it "
                "with a nanny, which sets them, or set them"
            )


def build_on_worker(plugin: str, planned: ShardRange, stamp: Stamp) -> Finished | Refused | Crashed:
    """The task: one shard, built by the session that the worker's plugin holds."""
    return _plugin(plugin).attempt(planned, stamp)


def facts_on_worker(plugin: str) -> RendererFacts | Refused | Crashed:
    """The task that tells what the renderer is made of."""
    return _plugin(plugin).facts()


def _plugin(name: str) -> SessionPlugin:
    found = get_worker().plugins[name]
    assert isinstance(found, SessionPlugin)
    return found


class DaskPool:
    """Builds shards on a cluster; entering starts or joins it, leaving ends what was started.

    task: what one shard is; replaced where only the scheduling is measured.
    """

    def __init__(
        self,
        spec: RendererSpec,
        location: str,
        cluster: ClusterSpec,
        budget: FailureBudget | None = None,
        task: Task = build_on_worker,
    ) -> None:
        self.restarts = 0
        self._spec, self._location, self._cluster = spec, location, cluster
        self._budget = budget or FailureBudget()
        self._attempts = Attempts(self._budget)
        self._task = task
        self._run = uuid.uuid4().hex[:8]
        self._plugin = f"synthgen-{self._run}"
        self._stack = ExitStack()
        self._resources = {"GPU": 1} if spec.device == "cuda" else None
        self._client: Client

    def __enter__(self) -> Self:
        try:
            self._client = self._stack.enter_context(_connected(self._cluster, self._budget))
            if self._cluster.performance_report is not None:
                self._stack.enter_context(self._client.as_current())  # which the report looks for
                self._stack.enter_context(distributed.performance_report(filename=self._cluster.performance_report))
            self._client.wait_for_workers(self._cluster.workers if self._cluster.kind in ("local", "ssh") else 1)
            if self._task is build_on_worker:
                self._register_plugin()
        except SynthgenError:
            self._stack.close()
            raise
        except (OSError, TimeoutError, ImportError) as error:
            self._stack.close()
            raise DatasetError(f"the Dask cluster cannot be used: {error}") from error
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def facts(self) -> RendererFacts:
        """Assets and template of the renderer, from one worker."""
        future = self._client.submit(
            facts_on_worker, self._plugin, key=f"facts-{self._run}", pure=False, resources=self._resources
        )
        try:
            found = future.result()
        except Exception as error:  # a worker that dies here, or cannot import this package
            raise DatasetError(f"no worker of the cluster could open the renderer: {error}") from error
        if isinstance(found, (Refused, Crashed)):
            raise _as_error(found)
        return found

    def build(self, todo: Iterable[ShardRange], stamp: Stamp) -> Generator[Working | Finished | Failed]:
        """Build the shards, in any order, a window of them at a time."""
        queue = iter(todo)
        running: dict[str, ShardRange] = {}

        def submit(shards: list[ShardRange]) -> list[Future]:
            # All at once, so that the scheduler sees a group and keeps what no worker works on: a worker that dies is
            # blamed for every task that it was given.
            keys = [f"shard-{self._run}-{p.shard:07d}-a{self._attempts.number(p.shard)}" for p in shards]
            running.update(zip(keys, shards, strict=True))
            if not shards:
                return []
            same = [self._plugin] * len(shards), shards, [stamp] * len(shards)
            futures: list[Future] = self._client.map(
                self._task, *same, key=keys, pure=False, retries=0, resources=self._resources
            )
            return futures

        window, refreshed = self._window(), monotonic()
        completed = as_completed(submit(list(islice(queue, window))), loop=self._client.loop)
        for batch in completed.batches():
            again = []
            for future in batch:
                planned = running.pop(future.key)
                event = self._outcome(future, planned)
                future.release()
                if isinstance(event, Failed) and not event.final:
                    again.append(planned)
                yield event
            if monotonic() - refreshed > _REFRESH_S:
                window, refreshed = self._window(), monotonic()
            free = max(window - len(running) - len(again), 0)
            completed.update(submit([*again, *islice(queue, free)]))

    def _window(self) -> int:
        threads = sum(self._client.nthreads().values())
        return self._cluster.window * max(threads, 1)

    def _outcome(self, future: Future, planned: ShardRange) -> Finished | Failed:
        if future.status == "finished":
            result: Finished | Refused | Crashed = future.result()
            if isinstance(result, Finished):
                return replace(result, attempt=self._attempts.number(planned.shard))
            if ends_the_run(result):
                raise _as_error(result)
            return self._attempts.raised(planned, result)
        if future.status == "error":
            error = future.exception()
            if isinstance(error, distributed.KilledWorker):
                # The scheduler has tried it on `allowed-failures` workers already.
                self.restarts += 1
                failed = self._attempts.died(planned, f"the scheduler gave it up, last on {error.last_worker.address}")
                return replace(failed, final=True)
            return self._attempts.raised(planned, Crashed(repr(error)))
        raise DatasetError(
            f"the Dask scheduler was lost ({future.status}); nothing that was built is lost, go on with --resume"
        )

    def _register_plugin(self) -> None:
        """Give every worker its session; one that dies meanwhile makes the call fail and gets it when it is back."""
        self._stack.callback(self._forget_plugin)
        for tries_left in reversed(range(_REGISTER_TRIES)):
            try:
                plugin = SessionPlugin(self._plugin, self._spec, self._location, dict(library_versions()))
                self._client.register_plugin(plugin)
                return
            except OSError:
                if not tries_left or self._client.status != "running":
                    raise

    def _forget_plugin(self) -> None:
        """A cluster that goes on must not keep our renderer."""
        with suppress(Exception):  # the scheduler may be gone, and then so is the plugin
            self._client.unregister_worker_plugin(self._plugin)


def job_script(cluster: ClusterSpec) -> str | None:
    """The script that a queueing system would be given for one job; None for clusters without one. Starts nothing."""
    if cluster.kind not in _QUEUES:
        return None
    return _job(cluster, "tcp://SCHEDULER:PORT")


def _job(cluster: ClusterSpec, scheduler: str) -> str:
    """The script of one job. Raises UsageError for options that the queue's class does not take."""
    try:
        job = _queue_class(cluster).job_cls(scheduler=scheduler, name="synthgen", **_queue_options(cluster))
        return str(job.job_script())
    except (TypeError, ValueError) as error:
        raise UsageError(f"cluster options of kind {cluster.kind}: {error}") from error


def _queue_class(cluster: ClusterSpec) -> Any:
    asked = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        import dask_jobqueue
    except ImportError as error:
        raise UsageError(f"kind {cluster.kind} needs the extra: pip install 'synthgen[jobqueue]' ({error})") from None
    if threading.current_thread() is threading.main_thread():
        for number, handler in asked.items():  # importing it makes Ctrl-C end the process with exit code 0
            signal.signal(number, handler)
    return getattr(dask_jobqueue, _QUEUES[cluster.kind])


def _queue_options(cluster: ClusterSpec) -> dict[str, Any]:
    """One process per core, so that each has one thread."""
    return {"cores": 1, "processes": cluster.options.get("cores", 1), **cluster.options}


def _connected(cluster: ClusterSpec, budget: FailureBudget) -> Any:
    """A context manager that gives a client."""
    if cluster.kind == "scheduler":
        return Client(cluster.address, security=_security(cluster), timeout=_CONNECT_S, set_as_default=False)
    return _OwnCluster(cluster, budget)


class _OwnCluster:
    """A cluster of this run's own, and its client."""

    def __init__(self, cluster: ClusterSpec, budget: FailureBudget) -> None:
        self._cluster, self._budget = cluster, budget
        self._stack = ExitStack()

    def __enter__(self) -> Client:
        try:
            started = self._stack.enter_context(_started(self._cluster, self._budget, self._cluster.workers))
            if self._cluster.kind != "ssh":  # which does not start hosts again
                self._stack.callback(_Keeper(lambda: started.scale(self._cluster.workers)).stop)
            return self._stack.enter_context(Client(started, timeout=_CONNECT_S, set_as_default=False))
        except BaseException:
            self._stack.close()
            raise

    def __exit__(self, *error: object) -> None:
        self._stack.close()


class _Keeper:
    """Asks for the full number of workers again and again: one that dies while it starts is not replaced by Dask."""

    def __init__(self, ask: Callable[[], object]) -> None:
        self._ask = ask
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker-keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Return when nothing more is asked for."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_REFRESH_S):
            with suppress(Exception):  # a cluster that is being closed
                self._ask()


def _started(cluster: ClusterSpec, budget: FailureBudget, workers: int) -> Any:
    """Dask's cluster object, one thread a worker, one task a worker, as many deaths of a shard as the budget allows."""
    dask.config.set(
        {
            "distributed.scheduler.worker-saturation": 1.0,
            "distributed.scheduler.allowed-failures": budget.deaths - 1,
            "distributed.nanny.pre-spawn-environ.NUMEXPR_NUM_THREADS": 1,
            "distributed.deploy.lost-worker-timeout": "3s",
            # Of the dashboard: 100,000 by default, which grow to 50 MB in the driver.
            "distributed.scheduler.dashboard.tasks.task-stream-length": 10_000,
        }
    )
    security = _security(cluster)
    options = dict(cluster.options)
    try:
        if cluster.kind == "local":
            fixed = {"n_workers": workers, "threads_per_worker": 1, "processes": True, "security": security}
            return distributed.LocalCluster(**{"dashboard_address": ":0", **options, **fixed})
        if cluster.kind == "ssh":
            options["worker_options"] = {**options.get("worker_options", {}), "nthreads": 1}
            return distributed.SSHCluster(**options, security=security)
        _job(cluster, "tcp://SCHEDULER:PORT")  # finds wrong options before anything is started
        return _queue_class(cluster)(n_workers=workers, security=security, **_queue_options(cluster))
    except (TypeError, ValueError) as error:
        raise UsageError(f"cluster options of kind {cluster.kind}: {error}") from error
    except ImportError as error:
        raise UsageError(f"kind {cluster.kind} needs another package: {error}") from error
    except RuntimeError as error:
        raise DatasetError(f"the Dask cluster did not start: {error}") from error


def _security(cluster: ClusterSpec) -> Any:
    if cluster.security is None:
        return None
    files = cluster.security
    return distributed.Security(
        require_encryption=True,
        tls_ca_file=files.ca_file,
        **{
            f"tls_{who}_{what}": getattr(files, what)
            for who in ("client", "worker", "scheduler")
            for what in ("cert", "key")
        },
    )


def _as_error(found: Refused | Crashed) -> Exception:
    return rebuilt_error(found) if isinstance(found, Refused) else RuntimeError(f"a worker failed:\n{found.trace}")


def _ignore(_event: Working) -> None:
    """A worker's progress inside a shard is not sent through the scheduler."""
