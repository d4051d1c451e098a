"""`report.html`: everything worth knowing about a dataset on one page that loads nothing.

The page is text from a template with autoescape; what its script shows is JSON inside it. Its policy allows that script
and that style, by their hashes, and pictures that are part of the page.
"""

import base64
import hashlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgen.core.errors import DatasetError
from synthgen.dataset.reader import Dataset, open_dataset
from synthgen.dataset.whole_file import write_whole
from synthgen.report.check_statistics import check_report
from synthgen.report.expected_columns import Drawn
from synthgen.report.flow_colour import rounded_radius
from synthgen.report.label_statistics import LabelStatistics, label_statistics
from synthgen.report.overlays import overlays
from synthgen.report.page_sections import (
    asset_section,
    check_section,
    header_section,
    key_section,
    label_section,
    parameter_section,
    pose_section,
    recipe_section,
    rejected_section,
    run_section,
    wheel_uri,
)
from synthgen.report.parameter_charts import parameter_charts
from synthgen.report.pose_coverage import pose_coverage
from synthgen.report.run_log import read_run_history
from synthgen.report.sample_cards import Cards, sample_cards
from synthgen.report.sample_rows import sample_table, spread

if TYPE_CHECKING:
    import jinja2

DEFAULT_SAMPLES, MOST_SAMPLES = 24, 400
# Labels are decoded for the statistics of this many samples.
STATISTICS_SAMPLES = 200
_MOST_RANGES = 1000


@dataclass(frozen=True)
class ReportFile:
    """What was written. samples: shown; problems: what could not be read, one line each, also told by the page."""

    path: Path
    bytes: int
    samples: int
    problems: tuple[str, ...]


def write_report(
    folder: str | Path, path: str | Path, samples: int = DEFAULT_SAMPLES, drawn: Drawn | None = None
) -> ReportFile:
    """Write the report of the dataset in `folder`, complete or not, making the folder of `path`.

    samples: how many are shown, evenly spread; drawn: numbers drawn from the recipe for columns without a closed form.
    Raises DatasetError when the folder is no dataset, or the file cannot be written.
    """
    dataset = open_dataset(folder, allow_incomplete=True)
    try:
        page, cards, problems = _page(dataset, str(folder), samples, drawn or Drawn())
    finally:
        dataset.close()
    content = _rendered(page).encode()
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, content)
    return ReportFile(file, len(content), len(cards.cards), problems)


def _page(dataset: Dataset, shown_path: str, samples: int, drawn: Drawn) -> tuple[dict[str, Any], Cards, tuple]:
    manifest, layout = dataset.manifest, dataset.layout
    table = sample_table(dataset)
    labels, unread = _label_statistics(dataset)
    radius = rounded_radius(list(labels.flows))
    possible = overlays(layout, radius, dataset.template.mean_face)
    cards = sample_cards(dataset, spread(len(dataset), samples), possible)
    checks = check_report(dataset.path, manifest, dataset.shards)
    charts = parameter_charts(table, dataset.recipe, drawn)
    history = read_run_history(dataset.path)
    problems = tuple(dict.fromkeys((*cards.problems, *unread, *checks.problems)))
    page = {
        "header": header_section(dataset, shown_path),
        "keys": key_section(cards.titles, labels, radius),
        "wheel": wheel_uri(),
        "cards": cards,
        "parameters": parameter_section(charts, table, drawn),
        "pose": pose_section(pose_coverage(table)),
        "labels": label_section(labels, layout),
        "checks": check_section(checks),
        "run": run_section(history, set(dataset.shards)),
        "rejected": rejected_section(table),
        "assets": asset_section(manifest.assets),
        "versions": manifest.versions,
        "other_versions": checks.other_versions,
        "cpu_family": manifest.cpu_family,
        "recipe": recipe_section(manifest),
        "problems": problems,
        "data": _script_data(dataset, shown_path, cards),
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
    return page, cards, problems


def _label_statistics(dataset: Dataset) -> tuple[LabelStatistics, list[str]]:
    problems: list[str] = []

    def readable() -> Iterator[dict[str, Any]]:
        for position in spread(len(dataset), STATISTICS_SAMPLES):
            try:
                yield dataset[position]
            except DatasetError as error:
                problems.append(str(error))

    return label_statistics(readable(), dataset.layout), problems


def _script_data(dataset: Dataset, shown_path: str, cards: Cards) -> dict[str, Any]:
    """What the page's script works with. Commands are in pieces, to be joined by the number of the sample."""
    folder = shlex.quote(shown_path)
    python = (
        "import synthgen; from synthgen.recipe.schema import Recipe; "
        f"dataset = synthgen.open_dataset({shown_path!r}, allow_incomplete=True); "
        "sample = synthgen.render_sample(Recipe.model_validate(dataset.recipe), "
    )
    return {
        "titles": cards.titles,
        "samples": [
            {
                "index": card.index,
                "position": card.position,
                "pictures": ["", *card.pictures[1:]],  # the first is in the page already
                "parameters": card.parameters,
                "checks": card.checks,
            }
            for card in cards.cards
        ],
        "show": [f"synthgen show {folder} ", " -o sample-", ""],
        "python": [python, ")"],
        "count": dataset.manifest.count,
        "ranges": _ranges(dataset),
    }


def _ranges(dataset: Dataset) -> list[list[int]]:
    """[first sample, last sample + 1, position of the first] of each run of shards that are there."""
    ranges: list[list[int]] = []
    position = 0
    for shard in dataset.shards:
        planned = dataset.manifest.shard_range(shard)
        if ranges and ranges[-1][1] == planned.start:
            ranges[-1][1] = planned.stop
        else:
            ranges.append([planned.start, planned.stop, position])
        position += planned.stop - planned.start
    return ranges[:_MOST_RANGES]


def _rendered(page: dict[str, Any]) -> str:
    from markupsafe import Markup

    style, script = (page_resource(name) for name in ("report.css", "report.js"))
    return _template().render(
        page,
        style=Markup(style),
        script=Markup(script),
        style_hash=policy_hash(style),
        script_hash=policy_hash(script),
    )


def policy_hash(text: str) -> str:
    """How a content security policy names a script or style that is part of the page."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def page_resource(name: str) -> str:
    """The text of a file in templates/: `report.css` styles every page of this project."""
    return (files("synthgen.report") / "templates" / name).read_text(encoding="utf-8")


@cache
def _template() -> "jinja2.Template":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(page_resource),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": _percent, "number": _number, "duration": _duration}
    return environment.get_template("report.html")


def _percent(share: float) -> str:
    """A share for people: 12.3 %, 0.04 %."""
    percent = 100 * share
    return f"{percent:.1f} %" if percent >= 10 or percent == 0 else f"{percent:.2g} %"


def _number(value: Any) -> str:
    """A number for people, four digits; other values as they are."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"
