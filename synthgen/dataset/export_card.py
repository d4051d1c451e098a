"""The README.md that travels with an export: what it is, how to read it, its labels, the licences of its assets."""

from collections.abc import Sequence
from pathlib import Path

from synthgen.dataset.pictures import plain_png
from synthgen.dataset.reader import Dataset

_MOST_NAMED = 3


def write_card(dataset: Dataset, out: Path, samples: int, reading: str, front: str = "") -> None:
    """README.md in folder `out`, and for photos the mean face that their flow leads to.

    samples: how many were exported; reading: the part of the format; front: what the file begins with.
    """
    (out / "README.md").write_text(front + dataset_card(dataset, samples, reading), encoding="utf-8")
    if dataset.layout.kind == "fittings":
        (out / "mean_face.png").write_bytes(plain_png(dataset.template.mean_face))


def dataset_card(dataset: Dataset, samples: int, reading: str) -> str:
    """Markdown, see `write_card`."""
    labels = [
        f"| `{row['array']}` | {_shape(row['shape'])} {row['dtype']} | "
        + " | ".join(_cell(row[key]) for key in ("unit", "meaning", "empty"))
        + " |"
        for row in dataset.labels
    ]
    return "\n".join([
        f"# Synthetic faces: {samples:,} samples of kind `{dataset.layout.kind}`",
        "",
        f"Made by synthgen, engine {dataset.manifest.versions.get('engine', '?')}; fingerprint of recipe, versions and "
        f"assets `{dataset.fingerprint}`.",
        "",
        "## Reading",
        "",
        reading,
        "",
        "## Labels",
        "",
        f"Pictures are {dataset.layout.size[0]} x {dataset.layout.size[1]} pixels (H x W); x to the right, y down, the "
        "centre of the first pixel at (0.5, 0.5). Camera space is OpenCV's, in mm.",
        "",
        "| name | shape, type | unit | meaning | where there is none |",
        "|---|---|---|---|---|",
        *labels,
        "",
        "## Licences of the assets",
        "",
        "| licence | assets |",
        "|---|---|",
        *(f"| {_cell(licence)} | {_cell(names)} |" for licence, names in asset_licences(dataset).items()),
        "",
    ])  # fmt: skip


def asset_licences(dataset: Dataset) -> dict[str, str]:
    """Licence -> the assets that are used on its terms, the first few by name; in order of first use."""
    assets: dict[str, list[str]] = {}
    for asset in dataset.manifest.assets:
        assets.setdefault(str(asset.get("licence", "not stated")), []).append(str(asset.get("id", "")))
    return {
        licence: ", ".join(names[:_MOST_NAMED])
        + (f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else "")
        for licence, names in assets.items()
    }


def _shape(sides: Sequence[object]) -> str:
    return "(" + ", ".join(map(str, sides)) + ")"


def _cell(text: str) -> str:
    """Text that cannot end a table's cell or row."""
    return " ".join(text.split()).replace("|", "\\|")
