"""Running a protocol in a test."""

from pathlib import Path

from eval.protocol import Request, Result
from eval.protocols.registry import load_protocol
from eval.published_tables import published_tables


def scored(name: str, data: Path, predictions: Path, **choices: object) -> dict[str, float]:
    """Key -> value of every number."""
    return {number.key: number.value for number in run(name, data, predictions, **choices).numbers}


def run(name: str, data: Path, predictions: Path, **choices: object) -> Result:
    """The result, without intervals unless they are asked for."""
    return load_protocol(name).run(Request(data, predictions, **{"resamples": 0, **choices}))  # type: ignore[arg-type]


def published_keys(name: str) -> set[str]:
    """Keys of the numbers that columns of published tables name for a protocol."""
    columns = [column for table in published_tables() for column in table.columns if column.protocol == name]
    return {f"{column.variant}: {metric}" for column in columns for metric in column.metric.split(" / ")}
