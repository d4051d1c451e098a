"""What a run tells: a line of JSON per step with the seconds since its start, TensorBoard's curves, pictures."""

import json
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

LOG = "log.jsonl"
EVERY = 10  # steps between points of TensorBoard's curves


class Journal:
    """Context manager; silent on all devices but the first."""

    def __init__(self, folder: Path, speaks: bool) -> None:
        self._folder = folder
        self._speaks = speaks
        self._started = perf_counter()

    def __enter__(self) -> Self:
        if self._speaks:
            from torch.utils.tensorboard import SummaryWriter

            self._log = (self._folder / LOG).open("a", encoding="utf-8")
            self._board = SummaryWriter(str(self._folder / "tensorboard"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._speaks:
            self._log.close()
            self._board.close()

    def begin(self, step: int) -> None:
        """Go on after a step: later lines, of work that is done again, are taken out, and time goes on from there."""
        if not self._speaks:
            return
        file = self._folder / LOG
        kept = [line for line in read_log(file) if line["step"] <= step]
        self._log.close()
        file.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        self._log = file.open("a", encoding="utf-8")
        self._started = perf_counter() - (kept[-1].get("elapsed_s", 0.0) if kept else 0.0)

    def step(self, number: int, values: Mapping[str, Any]) -> None:
        """Losses, rate and times of a step."""
        self._write({"step": number, **values})
        if self._speaks and number % EVERY == 0:
            for name, value in values.items():
                if isinstance(value, float):
                    self._board.add_scalar(f"training/{name}", value, number)

    def evaluation(self, number: int, values: Mapping[str, Any], picture: NDArray[np.uint8] | None) -> None:
        """Measures after a step, and predictions to look at."""
        self._write({"step": number, "evaluation": dict(values)})
        if not self._speaks:
            return
        for name, value in values.items():
            if isinstance(value, float):
                self._board.add_scalar(f"validation/{name}", value, number)
        if picture is not None:
            from PIL import Image

            folder = self._folder / "pictures"
            folder.mkdir(exist_ok=True)
            Image.fromarray(picture).save(folder / f"{number:07d}.png")

    def _write(self, content: Mapping[str, Any]) -> None:
        if self._speaks:
            elapsed = round(perf_counter() - self._started, 3)
            self._log.write(json.dumps({**content, "elapsed_s": elapsed}) + "\n")
            self._log.flush()


def read_log(file: Path) -> list[dict[str, Any]]:
    """The lines of a log.jsonl, without a last one that was cut off; empty where there is none."""
    if not file.exists():
        return []
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def last_measures(lines: list[dict[str, Any]]) -> dict[str, float]:
    """Of the last evaluation in a log, by name; empty where there is none."""
    found: dict[str, Any] = next((line["evaluation"] for line in reversed(lines) if "evaluation" in line), {})
    return {name: value for name, value in found.items() if name != "stage"}
