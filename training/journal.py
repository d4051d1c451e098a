"""What a run tells: a line of JSON per step, TensorBoard's curves, pictures of predictions."""

import json
from collections.abc import Mapping
from pathlib import Path
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
            self._log.write(json.dumps(content) + "\n")
            self._log.flush()
