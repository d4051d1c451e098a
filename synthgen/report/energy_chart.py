"""A chart of a fit's energy, step by step and term by term."""

from collections.abc import Callable, Mapping, Sequence
from math import ceil, floor, log10
from pathlib import Path

from PIL import Image, ImageDraw

from synthgen.core.errors import UsageError
from synthgen.report.tiles import FAINT, INK, PAPER, save_image, write_text

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM, _RIGHT = 760, 420, 70, 40, 46, 130
_LINE = 2
_SMALLEST = 1e-3  # energies below this share of the largest are drawn at the bottom
_COLOURS = (
    (31, 119, 180),
    (255, 127, 14),
    (44, 160, 44),
    (214, 39, 40),
    (148, 103, 189),
    (140, 86, 75),
    (23, 190, 207),
)
_TOTAL = "sum"
Place = Callable[[int, float], tuple[float, float]]


def draw_energy_chart(points: Sequence[tuple[str, Mapping[str, float]]], path: str | Path) -> None:
    """Write a PNG of energies against steps, on a logarithmic axis, each term a line and their sum in black.

    points: (stage, term -> energy) of each step in order; losses change between stages, which upright lines part.
    Raises UsageError when there is nothing to draw.
    """
    if not points:
        raise UsageError("no step of a fit to draw")
    series = _series(points)
    largest = max(max(values) for values in series.values()) or 1.0
    top, bottom = ceil(log10(largest)), floor(log10(largest * _SMALLEST))

    def place(step: int, value: float) -> tuple[float, float]:
        across = step / max(len(points) - 1, 1)
        up = (log10(max(value, 10.0**bottom)) - bottom) / (top - bottom)
        return _LEFT + across * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM)

    image = Image.new("RGB", (_WIDTH, _HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    write_text(draw, (_LEFT, 10), "energy by term, mean over the pictures", 15)
    for power in range(bottom, top + 1):
        (left, y), (right, _) = place(0, 10.0**power), place(len(points) - 1, 10.0**power)
        draw.line([(left, y), (right, y)], fill=(228, 228, 228))
        write_text(draw, (left - 8, y), f"1e{power}", 12, "rm", FAINT)
    _draw_stages(draw, [stage for stage, _ in points], place)
    for number, (name, values) in enumerate(series.items()):
        colour = INK if name == _TOTAL else _COLOURS[number % len(_COLOURS)]
        line = [place(step, value) for step, value in enumerate(values)]
        for begin, end in _stage_runs([stage for stage, _ in points]):
            draw.line(line[begin:end], fill=colour, width=_LINE + (name == _TOTAL), joint="curve")
            for x, y in line[begin:end]:
                draw.ellipse([x - 2, y - 2, x + 2, y + 2], fill=colour)
        y = _TOP + 18 * number
        draw.line([(_WIDTH - _RIGHT + 14, y + 7), (_WIDTH - _RIGHT + 34, y + 7)], fill=colour, width=3)
        write_text(draw, (_WIDTH - _RIGHT + 40, y), name)
    save_image(image, path)


def _series(points: Sequence[tuple[str, Mapping[str, float]]]) -> dict[str, list[float]]:
    """Term -> its energy at each step, 0 where a stage has no such term; the sum last."""
    names = list(dict.fromkeys(name for _, energies in points for name in energies))
    series = {name: [energies.get(name, 0.0) for _, energies in points] for name in names}
    return {**series, _TOTAL: [sum(energies.values()) for _, energies in points]}


def _stage_runs(stages: Sequence[str]) -> list[tuple[int, int]]:
    starts = [step for step, stage in enumerate(stages) if step == 0 or stage != stages[step - 1]]
    return list(zip(starts, [*starts[1:], len(stages)]))


def _draw_stages(draw: ImageDraw.ImageDraw, stages: Sequence[str], place: Place) -> None:
    for number, (begin, _) in enumerate(_stage_runs(stages)):
        x, low = place(begin, 0.0)
        draw.line([(x, low), (x, _TOP)], fill=(200, 200, 200))
        write_text(draw, (x + 3, low + 4 + 14 * (number % 2)), stages[begin], 11, "la", FAINT)
