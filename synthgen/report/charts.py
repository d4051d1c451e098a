"""Line charts as PNG, by matplotlib without a display: the same curves give the same bytes."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from synthgen.core.errors import UsageError
from synthgen.dataset.whole_file import write_whole
from synthgen.report.tiles import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 100
SMALLEST_SHARE = 1e-3  # energies below this share of the largest are drawn at the bottom
Piece = tuple[Sequence[float], Sequence[float]]
_TOTAL = "sum"
_DASHES = ("-", "--", "-.", ":")


@dataclass(frozen=True)
class Curve:
    """label: in the legend; pieces: (x, y) of parts that are not joined; markers: a dot at each point; black: not in
    colour, thicker; colour: number of its colour, the next of the panel by default."""

    label: str
    pieces: tuple[Piece, ...]
    markers: bool = False
    black: bool = False
    colour: int | None = None


@dataclass(frozen=True)
class Panel:
    """One pair of axes. uprights: (x, text) of lines that part the chart; ticks: (x, text) instead of numbers;
    least: the bottom of a logarithmic axis."""

    title: str
    curves: tuple[Curve, ...]
    across: str = ""
    up: str = ""
    logarithmic: bool = False
    uprights: tuple[tuple[float, str], ...] = ()
    ticks: tuple[tuple[float, str], ...] = ()
    least: float | None = None


def draw_chart(panels: Sequence[Panel], path: str | Path) -> None:
    """Write a PNG of panels, two in a row. Raises UsageError for no panel, DatasetError when it cannot be written."""
    import matplotlib
    from matplotlib.figure import Figure

    if not panels:
        raise UsageError("no curve to draw")
    rows, columns = -(-len(panels) // 2), min(len(panels), 2)
    with matplotlib.rc_context({"font.family": "DejaVu Sans", "font.size": 9}):
        figure = Figure(figsize=(7.6 if columns == 1 else 11.0, 4.2 * rows), dpi=DPI, layout="constrained")
        axes = list(figure.subplots(rows, columns, squeeze=False).flat)
        for panel, place in zip(panels, axes):
            _draw_panel(place, panel)
        for place in axes[len(panels) :]:
            place.set_axis_off()
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
    write_whole(Path(path), buffer.getvalue())


def _draw_panel(axes: "Axes", panel: Panel) -> None:
    ink = tuple(channel / 255 for channel in INK)
    coloured = 0
    for curve in panel.curves:
        number = coloured if curve.colour is None else curve.colour
        colour = ink if curve.black else f"C{number % 10}"
        dashes = "-" if curve.black else _DASHES[number // 10 % 4]
        coloured += not curve.black
        for piece, (x, y) in enumerate(curve.pieces):
            label = curve.label if piece == 0 else "_"
            axes.plot(
                x, y, label=label, marker="o" if curve.markers else "", markersize=3.5,
                color=colour, linestyle=dashes, linewidth=2.4 if curve.black else 1.8,
            )  # fmt: skip
    if panel.logarithmic:
        axes.set_yscale("log")
        if panel.least is not None:
            axes.set_ylim(bottom=panel.least)
    for place, text in panel.uprights:
        axes.axvline(place, color="0.8", linewidth=0.8, zorder=0)
        axes.annotate(
            text, (place, 0.01), (3, 0), xycoords=("data", "axes fraction"), textcoords="offset points", color="0.5"
        )
    if panel.ticks:
        axes.set_xticks([x for x, _ in panel.ticks], [text for _, text in panel.ticks])
    axes.set(title=panel.title, xlabel=panel.across, ylabel=panel.up)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if panel.curves:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)


def draw_energy_chart(points: Sequence[tuple[str, Mapping[str, float]]], path: str | Path) -> None:
    """Write a PNG of energies against steps, on a logarithmic axis, each term a line and their sum in black.

    points: (stage, term -> energy) of each step in order; losses change between stages, which upright lines part.
    Raises UsageError when there is nothing to draw.
    """
    if not points:
        raise UsageError("no step of a fit to draw")
    stages = [stage for stage, _ in points]
    starts = [step for step, stage in enumerate(stages) if step == 0 or stage != stages[step - 1]]
    names = list(dict.fromkeys(name for _, energies in points for name in energies))
    values = {name: [energies.get(name, 0.0) for _, energies in points] for name in names}
    values[_TOTAL] = [sum(energies.values()) for _, energies in points]
    least = (max(values[_TOTAL]) or 1.0) * SMALLEST_SHARE
    curves = tuple(
        Curve(name, energy_pieces([max(one, least) for one in energies], starts), True, name == _TOTAL)
        for name, energies in values.items()
    )
    uprights = tuple((float(start), stages[start]) for start in starts)
    title = "energy by term, mean over the pictures"
    draw_chart([Panel(title, curves, "step", "energy", True, uprights, least=least)], path)


def energy_pieces(energies: Sequence[float], starts: Sequence[int]) -> tuple[Piece, ...]:
    """The energies of steps 0, 1, ... in pieces that begin at `starts`."""
    ends = [*starts[1:], len(energies)]
    return tuple((range(start, end), energies[start:end]) for start, end in zip(starts, ends))


def draw_rounds_chart(
    rounds: Sequence[tuple[str, Mapping[str, tuple[float, float]]]], path: str | Path, empty: str
) -> None:
    """Write a PNG of the terms of an energy before and after each round, on a logarithmic axis.

    rounds: (name, term -> (before, after)) in order. Lines break between rounds, whose energies cannot be compared;
    empty: what the chart says when there is none.
    """
    terms = list(dict.fromkeys(term for _, found in rounds for term in found))
    numbered = list(enumerate(found for _, found in rounds))
    least = 0.1  # below it an energy counts as none
    curves = tuple(
        Curve(
            term,
            tuple(
                ((n + 0.1, n + 0.9), [max(one, least) for one in found[term]]) for n, found in numbered if term in found
            ),
            markers=True,
        )
        for term in terms
    )
    ticks = tuple((number + 0.5, name) for number, (name, _) in enumerate(rounds))
    title = "energy by term, before and after each round" if rounds else empty
    draw_chart([Panel(title, curves, "round", "energy", bool(rounds), ticks=ticks)], path)
