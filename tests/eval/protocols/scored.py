"""Running a protocol in a test."""

from pathlib import Path

from eval.protocol import Request, Result
from eval.protocols.registry import load_protocol


def scored(name: str, data: Path, predictions: Path, **choices: object) -> dict[str, float]:
    """Key -> value of every number."""
    return {number.key: number.value for number in run(name, data, predictions, **choices).numbers}


def run(name: str, data: Path, predictions: Path, **choices: object) -> Result:
    """The result, without intervals unless they are asked for."""
    return load_protocol(name).run(Request(data, predictions, **{"resamples": 0, **choices}))  # type: ignore[arg-type]
