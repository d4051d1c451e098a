"""The compact models on the synthetic benchmark, one page each and a first page that links them."""

from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path

from eval.page import write_page
from eval.protocol import Number, Request, Result
from eval.protocols.synthetic import run
from eval.result_files import write_result_file
from eval.tables import interval_text, value_text
from synthgen.core.errors import UsageError

METHODS = ("dfc", "densereg", "dal2d", "tddfa_v2", "anisotropic")
CHECKPOINT = Path("compact") / "best"
WHOLE = ("NME of 68 points over", "NME of the visible", "uv error, median", "IoU, mean", "depth error less",
         "face pixels with a depth", "pose, geodesic", "end-point error of", "IoU, matchable")  # fmt: skip
_STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:2em auto;max-width:66em}"
    "table{border-collapse:collapse}td,th{padding:.3em .9em;text-align:left;border-top:1px solid #8884}"
    "td:nth-child(n+3),th:nth-child(n+3){text-align:right;font-variant-numeric:tabular-nums}"
)
_LEAD = (
    "Small networks, trained in minutes on rendered faces of 64 or 96 px: what they show is how methods are compared, "
    "not what the methods can do. Brackets hold 95 % intervals."
)


def demo_pages(
    models: Path, images: Path, pairs: Path, out: Path, told: Callable[[str], None] = lambda text: None
) -> Path:
    """The first page of the results of every compact model that is there; table.md beside it has the same numbers.

    models: folder with METHOD/compact/best; images, pairs: the benchmark and its companion; out: folder of the pages;
    told: what is being done. Raises UsageError when no model is there.
    """
    there = [method for method in METHODS if (models / method / CHECKPOINT).is_dir()]
    if not there:
        raise UsageError(
            f"no compact model in {models} (looked for {models / 'METHOD' / CHECKPOINT}); make train-compact trains "
            "all five, make train-compact METHODS=anisotropic one of them"
        )
    tables: list[tuple[str, str, list[Number]]] = []
    for method in there:
        for name, result in _results(method, models / method / CHECKPOINT, images, pairs):
            told(f"{name}: {result.numbers[0].metric} {result.numbers[0].value:.4g} {result.numbers[0].unit}")
            page = f"{name.replace(' ', '_')}.html"
            write_page(result, name, out / page)
            tables.append((name, page, _whole(result)))
    missing = [method for method in METHODS if method not in there]
    note = f"Not trained yet: {', '.join(missing)} (make train-compact)." if missing else ""
    write_result_file(out / "table.md", _markdown(tables, note).encode())
    first = out / "index.html"
    write_result_file(first, _html(tables, note).encode())
    return first


def _results(method: str, checkpoint: Path, images: Path, pairs: Path) -> Iterator[tuple[str, Result]]:
    yield method, run(Request(images, model=checkpoint))
    if method == "dfc":
        yield "dfc pairs", run(Request(pairs, model=checkpoint))


def _whole(result: Result) -> list[Number]:
    """The numbers of all samples that a first look needs."""
    first = result.numbers[0].variant
    return [number for number in result.numbers if number.variant == first and number.metric.startswith(WHOLE)]


def _html(tables: list[tuple[str, str, list[Number]]], note: str) -> str:
    rows = [
        f"<tr><td>{_link(name, page) if position == 0 else ''}<td>{escape(number.metric)}<td>{escape(_text(number))}"
        f"<td>{interval_text(number)}<td>{number.count}</tr>"
        for name, page, numbers in tables
        for position, number in enumerate(numbers)
    ]
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        f"<link rel='icon' href='data:,'><title>Compact models</title><style>{_STYLE}</style>"
        f"<h1>Compact models on the synthetic benchmark</h1><p>{escape(_LEAD)}</p>"
        f"<table><tr><th>model<th>metric<th>all samples<th>interval<th>n</tr>{''.join(rows)}</table>"
        f"<p>{escape(_datasets(tables))}</p><p>{escape(note)}</p>"
    )


def _markdown(tables: list[tuple[str, str, list[Number]]], note: str) -> str:
    lines = ["| model | protocol `synthetic` | all samples | interval | n |", "|---|---|---|---|---|"]
    lines += [
        f"| {name} | {number.metric} | {_text(number)} | {interval_text(number)} | {number.count} |"
        for name, _, numbers in tables
        for number in numbers
    ]
    return "\n".join([*lines, "", _datasets(tables), *([note] if note else []), ""])


def _datasets(tables: list[tuple[str, str, list[Number]]]) -> str:
    """Which variants the numbers are of: their names hold the fingerprints of the datasets."""
    return (
        "Variants: " + ", ".join(dict.fromkeys(number.variant for _, _, numbers in tables for number in numbers)) + "."
    )


def _text(number: Number) -> str:
    return f"{value_text(number)} {number.unit}".strip()


def _link(name: str, page: str) -> str:
    return f"<a href='{escape(page)}'>{escape(name)}</a>"
