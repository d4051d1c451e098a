"""Learning curves of runs, overlaid: losses and measures against samples, steps or minutes."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from synthgen.core.errors import UsageError
from synthgen.report.charts import Curve, Panel, draw_chart
from training.journal import LOG, read_log

ACROSS = ("minutes", "samples", "steps")
NOT_LOSSES = {"step", "rate", "loading_s", "step_s", "elapsed_s"}
MOST_POINTS = 200  # of a loss: means over equal stretches of steps


def draw_learning_curves(runs: Sequence[Path], file: Path, across: str = "minutes", losses: bool = True) -> None:
    """Write a PNG with a panel for each measure and, with `losses`, each loss, and a curve in it for each run.

    across: minutes since the start of a run, samples looked at, or steps.
    Raises UsageError for a folder without a log, or one whose log has nothing to draw.
    """
    if across not in ACROSS:
        raise UsageError(f"--across {across}, expected {', '.join(ACROSS)}")
    logs = {name: _log(run) for name, run in zip(names_of(runs), runs)}
    measures = _keys(logs, lambda line: line.get("evaluation", {}))
    drawn = [_panel(key, logs, across, of_evaluations=True) for key in measures]
    if losses:
        keys = _keys(logs, lambda line: line if "evaluation" not in line else {})
        drawn += [_panel(f"loss: {key}", logs, across, of_evaluations=False, key=key) for key in keys]
    if not drawn:
        raise UsageError(f"{', '.join(map(str, runs))}: the logs have neither steps nor evaluations yet")
    draw_chart(drawn, file)


def names_of(runs: Sequence[Path]) -> list[str]:
    """Run folders by the shortest endings of their paths that tell them apart."""
    parts = [run.resolve().parts for run in runs]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-length:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return ["/".join(part) for part in parts]


def _log(run: Path) -> list[dict[str, Any]]:
    lines = read_log(run / LOG)
    if not lines:
        raise UsageError(f"{run} has no {LOG} with a line in it: name the folder of a run (-o of training)")
    samples = 0
    for line in lines:
        samples = line["samples"] = int(line.get("samples", samples))
    return lines


def _keys(logs: dict[str, list[dict[str, Any]]], part: Any) -> list[str]:
    found: dict[str, None] = {}
    for lines in logs.values():
        for line in lines:
            for key, value in part(line).items():
                if isinstance(value, float) and key not in NOT_LOSSES:
                    found[key] = None
    return list(found)


def _panel(
    title: str, logs: dict[str, list[dict[str, Any]]], across: str, of_evaluations: bool, key: str = ""
) -> Panel:
    curves = []
    for number, (name, lines) in enumerate(logs.items()):
        points = [
            (_place(line, across), part[key or title])
            for line in lines
            if ("evaluation" in line) == of_evaluations and (key or title) in (part := line.get("evaluation", line))
        ]
        if points:
            few = points if of_evaluations else averaged(points)
            x, y = zip(*few)
            curves.append(Curve(name, ((x, y),), markers=of_evaluations, colour=number))
    positive = all(value > 0 for curve in curves for _, y in curve.pieces for value in y)
    return Panel(title, tuple(curves), across, logarithmic=positive and not of_evaluations)


def _place(line: dict[str, Any], across: str) -> float:
    if across == "minutes":
        return float(line.get("elapsed_s", 0.0)) / 60
    return float(line["samples" if across == "samples" else "step"])


def averaged(points: Sequence[tuple[float, float]], most: int = MOST_POINTS) -> list[tuple[float, float]]:
    """The means of at most `most` equal stretches of points (x, y)."""
    count = min(most, len(points))
    ends = [round(number * len(points) / count) for number in range(count + 1)]
    return [
        (sum(x for x, _ in points[a:b]) / (b - a), sum(y for _, y in points[a:b]) / (b - a)) for a, b in pairwise(ends)
    ]
