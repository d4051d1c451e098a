"""A measure of finished training runs against an option of theirs: a and b (anisotropic section 5), K (densereg
figure 5)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthgen.core.errors import DatasetError, UsageError

STATE = "state.json"


@dataclass(frozen=True)
class SweepPoint:
    """options: name -> value of the run; value: the measure of its best checkpoint; run: its folder."""

    options: dict[str, Any]
    value: float
    run: Path


def run_sweep(runs: Sequence[Path], options: Sequence[str], measure: str) -> list[SweepPoint]:
    """One point per run, sorted by its options.

    runs: folders of runs, or checkpoints; options: of the method, such as along and across, or bins; measure: one that
    the run's evaluation gave, such as nme or error. Raises DatasetError for a folder that is no run, UsageError for
    runs of different methods or without that option or measure.
    """
    points, methods = [], set()
    for run in runs:
        content = _state(run)
        methods.add(content["recipe"]["method"])
        settings = {**content["method"]["options"]}
        lacking = [name for name in options if name not in settings]
        if lacking:
            raise UsageError(f"{run} has no option {', '.join(lacking)}; it has {', '.join(sorted(settings))}")
        points.append(SweepPoint({name: settings[name] for name in options}, _measure(run, content, measure), run))
    if len(methods) > 1:
        raise UsageError(f"runs of {' and '.join(sorted(methods))} cannot be compared by their options")
    return sorted(points, key=lambda point: [_rank(value) for value in point.options.values()])


def _state(run: Path) -> dict[str, Any]:
    for folder in (run / "best", run, run / "last"):
        if (folder / STATE).is_file():
            try:
                content: dict[str, Any] = json.loads((folder / STATE).read_text(encoding="utf-8"))
            except ValueError as error:
                raise DatasetError(f"{folder / STATE} is damaged: {error}") from error
            if _is_state(content):
                return content
            raise DatasetError(f"{folder / STATE} is no training run's: it lacks recipe.method or method.options")
    raise DatasetError(f"{run} is no run of python -m training train: it has no {STATE}")


def _rank(value: Any) -> tuple[bool, float, str]:
    """Numbers by size, then everything else by its text: an option may be a number in one run and null in another."""
    return (False, value, "") if isinstance(value, int | float) else (True, 0.0, json.dumps(value))


def _is_state(content: Any) -> bool:
    if not isinstance(content, dict):
        return False
    recipe, method = content.get("recipe"), content.get("method")
    return isinstance(recipe, dict) and "method" in recipe and isinstance(method, dict) and "options" in method


def _measure(run: Path, content: dict[str, Any], measure: str) -> float:
    measures = content.get("measures") or {}
    if measure not in measures:
        known = ", ".join(sorted(measures)) or "none"
        raise UsageError(f"{run}: its checkpoint has no measure {measure} (it has {known}); train with `validation`")
    return float(measures[measure])
