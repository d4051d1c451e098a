"""A result on one page that loads nothing: tables, curves, worst and best cases, published rows."""

import base64
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import synthgen
from eval.plots import MOST_CURVES, curves_figure, figure_bytes
from eval.protocol import Result, SampleErrors
from eval.result_files import write_result_file
from eval.tables import MOST_METRICS, Grid, comparisons, grids, interval_text, value_text
from synthgen.report.html import page_resource, policy_hash

TEMPLATES = Path(__file__).parent / "templates"
CASES = 12


def write_page(result: Result, method: str, path: Path) -> None:
    """Write the page. method: what is scored. Raises DatasetError when the file cannot be written."""
    write_result_file(path, _rendered(_page(result, method)).encode())


def _page(result: Result, method: str) -> dict[str, Any]:
    errors = [part for part in result.errors if len(part.values)]
    return {
        "protocol": result.protocol,
        "title": result.title,
        "method": method,
        "facts": _facts(result),
        "grids": [_grid(grid) for grid in grids(result.numbers)],
        "curves": _uri(figure_bytes(curves_figure(errors), ".svg"), "svg+xml") if errors else "",
        "curve_note": _curve_note(errors),
        "groups": _cases(result, errors[0]) if errors and result.draw else [],
        "ranked_by": errors[0].variant if errors else "",
        "case_note": "Annotated points are green, predicted ones blue, what lies between them red.",
        "comparisons": [
            {
                "title": item.table.title,
                "caption": item.table.caption,
                "unit": item.table.unit,
                "columns": [column.name for column in item.table.columns],
                "rows": item.table.rows,
                "ours": item.ours,
                "comparable": item.table.comparable,
            }
            for item in comparisons(result)
        ],
        "notes": result.notes,
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "version": synthgen.__version__,
    }


def _facts(result: Result) -> list[tuple[str, str]]:
    """The first variant's numbers, to begin with."""
    if not result.numbers:
        return []
    first = result.numbers[0].variant
    shown = [number for number in result.numbers if number.variant == first][:6]
    return [("variant", first), *((n.metric, f"{value_text(n)} {n.unit}".strip()) for n in shown)]


def _grid(grid: Grid) -> dict[str, Any]:
    """Variants down and metrics across; the other way round where metrics are many."""
    variants, metrics = [(variant, "") for variant in grid.variants], list(zip(grid.metrics, grid.units))
    first, heads, names, lines = "variant", metrics, variants, list(grid.cells)
    if len(metrics) > max(MOST_METRICS, len(variants)):
        first, heads, names, lines = "metric", variants, metrics, list(zip(*grid.cells))
    return {
        "first": first,
        "heads": heads,
        "rows": [
            {
                "name": name,
                "unit": unit,
                "count": max(number.count for number in line),
                "cells": [(value_text(number), interval_text(number)) for number in line],
            }
            for (name, unit), line in zip(names, lines, strict=True)
        ],
    }


def _curve_note(errors: list[SampleErrors]) -> str:
    hidden = len(errors) - MOST_CURVES
    more = f" The first {MOST_CURVES} of {len(errors)} variants are drawn." if hidden > 0 else ""
    return "Left, how many samples have at most an error; right, every sample in the order of its error." + more


def _cases(result: Result, errors: SampleErrors) -> list[dict[str, Any]]:
    order = np.argsort(-errors.values, kind="stable")
    count = max(1, min(CASES, len(order) // 2))
    worst, best = order[:count], order[::-1][:count]
    middle = order[len(order) // 2 :][: CASES if len(order) > 3 * CASES else 0]
    groups = [("Worst", worst), ("In the middle", middle), ("Best", best)]
    return [
        {"title": title, "cases": [_case(result, errors, int(row)) for row in rows]}
        for title, rows in groups
        if len(rows)
    ]


def _case(result: Result, errors: SampleErrors, row: int) -> dict[str, str]:
    assert result.draw is not None
    name = errors.ids[row]
    buffer = io.BytesIO()
    Image.fromarray(result.draw(name)).save(buffer, "JPEG", quality=88)
    error = f"{errors.values[row]:.2f} {errors.unit}"
    return {"id": name, "error": error, "picture": _uri(buffer.getvalue(), "jpeg")}


def _uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _rendered(page: dict[str, Any]) -> str:
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = "\n".join(_styles())
    return environment.get_template("result.html").render(page, style=Markup(style), style_hash=policy_hash(style))


def _styles() -> Iterable[str]:
    yield page_resource("report.css")
    yield (TEMPLATES / "result.css").read_text(encoding="utf-8")
