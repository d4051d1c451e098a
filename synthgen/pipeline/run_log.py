"""The log of a run, `runs/run-0001.jsonl` in its dataset: one JSON object a line, for people and for the report.

Nothing reads it to decide anything; a run that is killed leaves whole lines and perhaps one torn one.
"""

import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from synthgen.core.errors import DatasetError

RUNS_FOLDER = "runs"
_MOST_RUNS = 10_000


class RunLog:
    """Appends events to a new file of a dataset folder; None as folder (an object store) keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._handle = -1 if folder is None else _open_next(folder / RUNS_FOLDER)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.note("stopped", reason=f"{type(error).__name__}: {error}"[:2000])
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def note(self, event: str, **facts: Any) -> None:
        """Append an event; a log that cannot be written (a full disk) stops nothing."""
        if self._handle < 0:
            return
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = json.dumps({"event": event, "time": stamp, **facts}, sort_keys=False, default=str) + "\n"
        try:
            os.write(self._handle, line.encode("utf-8", "backslashreplace"))
        except OSError:
            return


def _open_next(folder: Path) -> int:
    """A new file with the next free number; two runs at once get different ones."""
    try:
        folder.mkdir(exist_ok=True)
        for number in range(len(list(folder.iterdir())) + 1, _MOST_RUNS):
            try:
                return os.open(
                    folder / f"run-{number:04d}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644
                )
            except FileExistsError:
                continue
    except OSError as error:
        raise DatasetError(f"{folder} cannot be written: {error.strerror}") from error
    raise DatasetError(f"{folder} holds {_MOST_RUNS} runs; delete old ones")
