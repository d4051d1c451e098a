"""Curves over the errors of samples: cumulative (CED) and sorted (EDC)."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eval.metrics import cumulative_curve
from eval.protocol import SampleErrors
from eval.result_files import write_result_file
from synthgen.core.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".svg", ".png", ".pdf")
MOST_CURVES = 8
# Told apart by people who see few colours (Okabe and Ito), and by their dashes.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a7a7a", "#000000")
_DASHES = ("-", "--", "-.", ":")
_POINTS = 512


def curves_figure(errors: Sequence[SampleErrors]) -> "Figure":
    """CED and EDC side by side of up to MOST_CURVES variants."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 4.6), layout="constrained")
    cumulative, ascending = figure.subplots(1, 2)
    shown = errors[:MOST_CURVES]
    limit = max(part.limit for part in shown)
    thresholds = np.linspace(0.0, limit, _POINTS)
    for number, part in enumerate(shown):
        style = {"color": COLOURS[number], "linestyle": _DASHES[number % 4], "linewidth": 1.6}
        curve = cumulative_curve(part.values, thresholds)
        cumulative.plot(thresholds, curve, label=part.variant, **style)
        values = np.sort(part.values)
        ascending.plot(np.arange(1, len(values) + 1), values, label=f"mean {values.mean():.2f}", **style)
    unit = shown[0].unit
    cumulative.set(xlabel=f"error ({unit})", ylabel="fraction of samples", xlim=(0, limit), ylim=(0, 1.005))
    cumulative.set_title("cumulative error distribution", fontsize=11)
    ascending.set(xlabel="samples, by error", ylabel=f"error ({unit})", xlim=(0, None), ylim=(0, None))
    ascending.set_title("errors in ascending order", fontsize=11)
    for axes in (cumulative, ascending):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    cumulative.legend(fontsize=8, loc="lower right", frameon=False)
    ascending.legend(fontsize=8, loc="upper left", frameon=False)
    return figure


def figure_bytes(figure: "Figure", suffix: str) -> bytes:
    """The file of a figure, the same bytes for the same figure."""
    import matplotlib

    buffer = io.BytesIO()
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(suffix, {})
    with matplotlib.rc_context({"svg.hashsalt": "synthgen", "svg.fonttype": "path"}):
        figure.savefig(buffer, format=suffix.removeprefix("."), dpi=150, metadata=metadata)
    return buffer.getvalue()


def write_curves(errors: Sequence[SampleErrors], path: Path) -> None:
    """The curves as a file. Raises UsageError for another suffix than SUFFIXES, DatasetError when it cannot be made."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: plots are {', '.join(SUFFIXES)} files")
    write_result_file(path, figure_bytes(curves_figure(errors), path.suffix.lower()))
