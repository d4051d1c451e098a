"""Figures beside their goals."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One measured number. goal: None where it is only reported; note: what a reader must know to compare it."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    higher_is_better: bool = True
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How far the goal is reached: 1 or more is good, whichever way the figure counts."""
        if self.goal is None or self.value <= 0:
            return None
        return self.value / self.goal if self.higher_is_better else self.goal / self.value


def print_table(title: str, figures: Sequence[Figure]) -> None:
    """Print the figures of a section."""
    print(f"\n{title}")
    print("-" * len(title))
    width = max(len(figure.name) for figure in figures)
    for figure in figures:
        goal, ratio = "", ""
        if figure.goal is not None and figure.ratio is not None:
            goal = f"goal {'>=' if figure.higher_is_better else '<='} {figure.goal:g}"
            ratio = f"ratio {figure.ratio:.2f}{'' if figure.ratio >= 1 else ' !'}"
        unit = f"{figure.value:10.4g} {figure.unit}"
        print(f"{figure.name:<{width}}  {unit:<28} {goal:<16} {ratio:<13} {figure.note}".rstrip(), flush=True)


def save_figures(sections: dict[str, list[Figure]], facts: dict[str, object], path: Path) -> None:
    """Write all figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "environment": facts,
        "sections": {
            title: [{**asdict(figure), "ratio": figure.ratio} for figure in figures]
            for title, figures in sections.items()
        },
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
