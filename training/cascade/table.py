"""What the comparison of starts gave, as Markdown."""

from collections.abc import Sequence

import numpy as np

from training.cascade.experiment import TURNED_DEG, Row


def cascade_table(rows: Sequence[Row]) -> str:
    """Mean NME by the box, %, of every start before and after each step; then of turned faces alone."""
    steps = len(rows[0].errors) - 1
    heads = ["start", "at the start", *(f"step {number}" for number in range(1, steps + 1)), "median"]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for row in rows:
        cells = [*(f"{100 * error:.2f}" for error in row.errors), f"{100 * np.median(row.per_face):.2f}"]
        lines.append(f"| {' | '.join([row.name, *cells])} |")
    for row in rows:
        if np.isfinite(row.turned).all():
            cells = [*(f"{100 * error:.2f}" for error in row.turned), ""]
            lines.append(f"| {' | '.join([f'{row.name}, turned over {TURNED_DEG:g} degrees', *cells])} |")
    return "\n".join(lines)
