"""The compact models on the synthetic benchmark, one page each and a first page that links them."""

from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path

from eval.page import write_page
from eval.protocol import Number, Request, Result
from eval.protocols.synthetic import run
from synthgen.core.errors import UsageError

METHODS = ("dfc", "densereg", "dal2d", "tddfa_v2", "anisotropic")
CHECKPOINT = Path("compact") / "best"
_STYLE = "body{font:16px sans-serif;margin:2em auto;max-width:60em}td,th{padding:.3em 1em;text-align:left}"


def demo_pages(
    models: Path, images: Path, pairs: Path, out: Path, told: Callable[[str], None] = lambda text: None
) -> Path:
    """The first page of the results of every compact model that is there.

    models: folder with METHOD/compact/best; images, pairs: the benchmark and its companion; out: folder of the pages;
    told: what is being done. Raises UsageError when no model is there.
    """
    there = [method for method in METHODS if (models / method / CHECKPOINT).is_dir()]
    if not there:
        raise UsageError(
            f"no compact model in {models} (looked for {models / 'METHOD' / CHECKPOINT}); make train-compact trains "
            "all five, make train-compact METHODS=anisotropic one of them"
        )
    rows = []
    for method in there:
        for name, result in _results(method, models / method / CHECKPOINT, images, pairs):
            told(f"{name}: {result.numbers[0].metric} {result.numbers[0].value:.4g} {result.numbers[0].unit}")
            page = out / f"{name.replace(' ', '_')}.html"
            write_page(result, name, page)
            rows.append(_row(name, page.name, _whole(result)))
    missing = [method for method in METHODS if method not in there]
    note = f"<p>Not trained yet: {', '.join(missing)} (make train-compact).</p>" if missing else ""
    first = out / "index.html"
    first.write_text(
        f"<!doctype html><meta charset='utf-8'><title>Compact models</title><style>{_STYLE}</style>"
        "<h1>Compact models on the synthetic benchmark</h1><p>Small networks, trained in minutes on rendered faces of "
        "64 or 96 px: what they show is how methods are compared, not what the methods can do.</p>"
        f"<table><tr><th>model<th>metric<th>all samples<th>n</tr>{''.join(rows)}</table>{note}",
        encoding="utf-8",
    )
    return first


def _results(method: str, checkpoint: Path, images: Path, pairs: Path) -> Iterator[tuple[str, Result]]:
    yield method, run(Request(images, model=checkpoint))
    if method == "dfc":
        yield "dfc pairs", run(Request(pairs, model=checkpoint))


def _whole(result: Result) -> list[Number]:
    """The numbers of all samples that a first look needs."""
    first = result.numbers[0].variant
    wanted = ("NME of 68 points over", "uv error, median", "depth error less", "pose, geodesic", "end-point error of",
              "IoU, mean", "IoU, matchable")  # fmt: skip
    return [number for number in result.numbers if number.variant == first and number.metric.startswith(wanted)]


def _row(name: str, page: str, numbers: list[Number]) -> str:
    cells = []
    for position, number in enumerate(numbers):
        label = f"<a href='{escape(page)}'>{escape(name)}</a>" if position == 0 else ""
        interval = "" if number.low is None else f" [{number.low:.3g}, {number.high:.3g}]"
        value = f"{number.value:.4g} {escape(number.unit)}{interval}"
        cells.append(f"<tr><td>{label}<td>{escape(number.metric)}<td>{value}<td>{number.count}</tr>")
    return "".join(cells)
