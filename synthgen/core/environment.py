"""The one place that reads or writes environment variables."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

# Sums in several threads depend on the number of threads; a process that makes samples has one.
_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def unpinned_threads() -> list[str]:
    """Names of the variables that do not hold the numerical libraries of this process to one thread."""
    return [name for name in _ONE_THREAD[:3] if os.environ.get(name) != "1"]  # nothing here uses numexpr


@contextmanager
def single_threaded_children() -> Iterator[None]:
    """Processes started inside the block run their numerical libraries with one thread each."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
