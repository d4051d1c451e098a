"""Runs side by side, a process each, started from one that has imported torch already."""

from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from time import monotonic

from training.ablation.run import RunOrder, run_order

# Imported once, by the process from which the runs are forked: no run pays the seconds that torch takes.
PRELOADED = ("training.loop", "training.methods.registry", "torch.utils.tensorboard", "training.ablation.run", "typer")
POLL_S = 1.0

Ended = Callable[[RunOrder, int], None]


def run_all(orders: Sequence[RunOrder], jobs: int, ended: Ended, seconds: float | None = None) -> bool:
    """Run the orders, `jobs` at a time, in their order; `ended` is told of each with its exit code.

    seconds: after so many, what runs is stopped and nothing new begins. True when all were run.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    until = None if seconds is None else monotonic() + seconds
    waiting, running = list(orders), dict[int, tuple[ForkServerProcess, RunOrder]]()
    try:
        while waiting or running:
            if until is not None and monotonic() >= until:
                return False
            while waiting and len(running) < jobs:
                order = waiting.pop(0)
                process = context.Process(target=run_order, args=(order,), name=f"{order.row} seed {order.seed}")
                process.start()
                running[process.sentinel] = process, order
            for sentinel in wait(list(running), timeout=POLL_S):
                assert isinstance(sentinel, int)
                process, order = running.pop(sentinel)
                process.join()
                ended(order, process.exitcode or 0)
        return True
    finally:
        for process, _ in running.values():
            process.terminate()
        for process, _ in running.values():
            process.join()
