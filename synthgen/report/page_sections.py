"""What each section of the report says, as plain values for the template."""

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from synthgen.dataset.index import shard_file
from synthgen.dataset.layout import SampleLayout
from synthgen.dataset.manifest import Manifest
from synthgen.dataset.reader import Dataset
from synthgen.report import label_colours as colours
from synthgen.report.check_statistics import CheckReport, CheckStatistics
from synthgen.report.column_statistics import NumberColumn, SampleTable, summarise
from synthgen.report.expected_columns import Drawn
from synthgen.report.flow_colour import wheel_picture
from synthgen.report.label_statistics import LANDMARK_NAMES, LabelStatistics
from synthgen.report.landmark_drawing import COLOURS as LANDMARK_COLOURS
from synthgen.report.parameter_charts import ParameterChart
from synthgen.report.pose_coverage import PoseCoverage
from synthgen.report.recipe_text import recipe_text
from synthgen.report.run_log import RunHistory, listed
from synthgen.report.sample_cards import data_uri

MOST_LISTED = 60
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Pose", ("yaw_", "pitch_", "roll_", "scale_", "centre_", "focal", "origin_", "zhu_", "principal_")),
    ("Light and camera", ("light", "noise", "blur", "exposure")),
    ("Scene", ("faces", "occluders", "background")),
    ("Motion", ("step_", "photo_")),
    ("Head", ("identity", "expression")),
    ("Skin", ("skin_", "texture")),
)
OTHER_GROUP, CLOSED_GROUPS = "Other", ("Skin", "Other")


def readable_bytes(count: float) -> str:
    """A byte count for people, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.4g} TB"


def header_section(dataset: Dataset, shown_path: str) -> dict[str, Any]:
    """Name, state and the numbers that say what the dataset is."""
    manifest, layout = dataset.manifest, dataset.layout
    height, width = layout.size
    size = 0
    for shard in dataset.shards:
        file = dataset.path / shard_file(shard)
        size += file.stat().st_size if file.is_file() else 0
    found = len(dataset)
    facts = [
        ("kind", layout.kind if not layout.frames else f"{layout.kind}, {layout.frames} frames"),
        ("pictures", f"{height} × {width} px"),
        ("samples", _done(found, manifest.count)),
        ("shards", _done(len(dataset.shards), manifest.shards)),
        ("on disk", readable_bytes(size)),
        ("per sample", readable_bytes(size / found) if found else "–"),
        ("labels", f"{len(dataset.labels)}"),
        ("seed", str(manifest.recipe.get("seed", "–"))),
    ]  # fmt: skip
    return {
        "name": dataset.path.resolve().name or shown_path,
        "path": shown_path,
        "complete": dataset.complete,
        "facts": facts,
        "fingerprint": manifest.fingerprint,
        "samples": found,
        "count": manifest.count,
        "missing_shards": manifest.shards - len(dataset.shards),
    }


def _done(there: int, planned: int) -> str:
    return f"{there:,}" if there == planned else f"{there:,} of {planned:,}"


# --- keys of the pictures -------------------------------------------------------------------------------------------


def key_section(titles: Sequence[str], labels: LabelStatistics, radius: float) -> dict[str, dict[str, Any]]:
    """Title of an overlay -> what its colours mean: swatches (name, colour), a picture, or a line of text."""
    reasons = sorted({name for array in labels.reasons for name in labels.reason_shares(array)})
    masks = {"masks": [(name, _css(colour)) for name, colour in colours.MASK_COLOURS.items()]}
    parts = [(name.replace("_", " "), _css(c)) for name, c in colours.PART_COLOURS.items() if name != "none"]
    texts = {
        "uv": "u in red, v in green, a chequer of 20 × 20",
        "depth": "0 to 150 mm behind the nearest point, light to dark",
        "normals": "x red, y up green, towards the viewer blue",
        "pncc": "the code as red, green, blue",
        "moving": "the frames of the clip",
        "wireframe": "the mesh, or a net over its chart, and the borders of the parts",
        "mean face": "what the flow leads to",
    }
    keys: dict[str, dict[str, Any]] = {}
    for title in titles:
        plain = title.removeprefix("source ").split(",")[0]
        key: dict[str, Any] = {"swatches": [], "picture": "", "text": texts.get(plain.split(" over ")[0], "")}
        if plain == "parts":
            key["swatches"] = parts
        elif plain == "masks":
            key["swatches"] = masks["masks"]
        elif plain == "landmarks":
            key["swatches"] = [(LANDMARK_NAMES[code], _css(colour)) for code, colour in LANDMARK_COLOURS.items()]
        elif plain.startswith("matchability"):
            key["swatches"] = [(name, _css(colours.REASON_COLOURS[name])) for name in reasons]
        elif plain.startswith("flow"):
            key |= {"picture": "wheel", "text": f"direction by hue, full colour from {radius:g} px"}
        elif "warped back" in title:
            key["text"] = "the other picture, brought back along the flow where pixels are matchable"
        keys[title] = key
    return keys


def wheel_uri() -> str:
    """The colour wheel of flow, as a picture in an address."""
    return _png_uri(wheel_picture(96))


def _css(colour: colours.Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


# --- parameters -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ParameterGroup:
    """Charts that belong together; constants: parameters that are the same in every sample."""

    title: str
    charts: tuple[ParameterChart, ...]
    constants: tuple[ParameterChart, ...]
    is_open: bool


def parameter_section(charts: Sequence[ParameterChart], table: SampleTable, drawn: Drawn) -> dict[str, Any]:
    """The charts in groups, and how many of them agree with the recipe."""
    members: dict[str, list[ParameterChart]] = {title: [] for title in (*dict(GROUPS), OTHER_GROUP)}
    for chart in charts:
        group = next((title for title, starts in GROUPS if chart.name.startswith(starts)), OTHER_GROUP)
        members[group].append(chart)
    for title, starts in GROUPS:
        members[title] = [c for start in starts for c in members[title] if c.name.startswith(start)]
    groups = [
        ParameterGroup(
            title,
            tuple(chart for chart in found if chart.constant is None),
            tuple(chart for chart in found if chart.constant is not None),
            title not in CLOSED_GROUPS or any(chart.differs for chart in found),
        )
        for title, found in members.items()
        if found
    ]
    compared = [chart for chart in charts if chart.gap is not None]
    return {
        "groups": groups,
        "rows": table.rows,
        "whole": table.whole,
        "compared": len(compared),
        "differing": [chart.name for chart in compared if chart.differs],
        "total": len(charts),
        "reasons": drawn.reasons,
    }


def pose_section(coverage: PoseCoverage | None) -> dict[str, Any] | None:
    """Cells of a map, yaw to the right and pitch downwards as the nose goes, in units of the map's own pixels."""
    if coverage is None:
        return None
    cell, most = 20, int(coverage.counts.max())
    cells = [
        {
            "x": column * cell, "y": row * cell, "count": int(count),
            "opacity": round(0.08 + 0.92 * float(np.sqrt(count / most)), 3),
            "yaw": f"{coverage.yaw[column]:g} to {coverage.yaw[column + 1]:g}",
            "pitch": f"{coverage.pitch[row]:g} to {coverage.pitch[row + 1]:g}",
        }
        for (row, column), count in np.ndenumerate(coverage.counts)
        if count
    ]  # fmt: skip
    return {
        "cell": cell,
        "width": cell * (len(coverage.yaw) - 1),
        "height": cell * (len(coverage.pitch) - 1),
        "cells": cells,
        "most": most,
        "faces": int(coverage.counts.sum()),
        "filled": len(cells),
        "of": coverage.counts.size,
        "yaw_ticks": [(k * cell, f"{edge:g}") for k, edge in enumerate(coverage.yaw) if edge % 30 == 0],
        "pitch_ticks": [(k * cell, f"{edge:g}") for k, edge in enumerate(coverage.pitch) if edge % 20 == 0],
    }


# --- labels ---------------------------------------------------------------------------------------------------------


def label_section(labels: LabelStatistics, layout: SampleLayout) -> dict[str, Any]:
    """Landmark heat map, visibility, occlusion and matchability."""
    codes = sum(labels.landmarks.values())
    bins = len(labels.occluded)
    seen = int(labels.occluded.sum())
    return {
        "samples": labels.samples,
        "views": labels.views,
        "heat": _heat_picture(labels.heat) if labels.heat.any() else "",
        "heat_size": (layout.size[1], layout.size[0]),
        "landmarks": [
            {"name": LANDMARK_NAMES.get(code, f"code {code}"), "share": count / codes,
             "colour": _css(LANDMARK_COLOURS.get(code, colours.EMPTY))}
            for code, count in sorted(labels.landmarks.items())
        ],
        "occluded": [
            {"label": f"{100 * k / bins:.0f} to {100 * (k + 1) / bins:.0f} % of the face hidden",
             "share": int(count) / seen, "low": k / bins, "high": (k + 1) / bins}
            for k, count in enumerate(labels.occluded)
        ] if seen else [],
        "occluded_mean": labels.occluded_mean,
        "occluded_top": float(labels.occluded.max()) / seen if seen else 1.0,
        "occluded_views": seen,
        "reasons": [
            {"name": name.replace("_", " "), "shares": [
                {"name": reason, "share": share, "colour": _css(colours.REASON_COLOURS[reason])}
                for reason, share in sorted(labels.reason_shares(name).items(), key=lambda entry: -entry[1])
            ]}
            for name in sorted(labels.reasons)
        ],
    }  # fmt: skip


def _heat_picture(heat: np.ndarray) -> str:
    """A picture whose opacity is the density, so that it suits light and dark pages."""
    alpha = np.rint(255 * np.sqrt(heat / heat.max())).astype(np.uint8)
    colour = np.empty((*heat.shape, 4), np.uint8)
    colour[..., :3], colour[..., 3] = (214, 92, 52), alpha
    return _png_uri(colour)


def _png_uri(picture: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    return data_uri(buffer.getvalue(), "image/png")


def check_section(report: CheckReport) -> dict[str, Any]:
    """A row per check with a line over the shards."""
    return {
        "rows": [{"check": check, "line": _shard_line(check)} for check in report.checks],
        "shards": report.shards,
        "of": report.of,
        "has_limits": any(limit is not None for check in report.checks for limit in check.limit),
    }


def _shard_line(check: CheckStatistics) -> dict[str, str]:
    """Points of the band from smallest to largest value and of the mean, in a box of 200 x 32."""
    rows = [check.shards[shard] for shard in sorted(check.shards)]
    low, high = check.low, check.high
    span = high - low or 1.0
    rows = rows * 2 if len(rows) == 1 else rows  # one shard is a level line
    step = 200 / (len(rows) - 1)

    def point(k: int, value: float) -> str:
        return f"{k * step:.1f},{29 - 26 * (value - low) / span:.1f}"

    top = [point(k, largest) for k, (_, _, largest) in enumerate(rows)]
    bottom = [point(k, smallest) for k, (smallest, _, _) in enumerate(rows)]
    means = [point(k, mean) for k, (_, mean, _) in enumerate(rows)]
    return {"band": " ".join(top + bottom[::-1]), "mean": " ".join(means)}


# --- run and origin -------------------------------------------------------------------------------------------------


def run_section(history: RunHistory, present: set[int]) -> dict[str, Any]:
    """Time by stage, failures, and shards that were set aside and are still missing."""
    total = history.stage_seconds
    aside = replace(history, quarantined={k: v for k, v in history.quarantined.items() if k not in present})
    return {
        "history": history,
        "stages": [
            {"name": name, "seconds": seconds, "share": seconds / total if total else 0.0,
             "each": 1000 * seconds / history.samples if history.samples else 0.0}
            for name, seconds in sorted(history.stages.items(), key=lambda entry: -entry[1])
        ],
        "failures": history.failures.most_common(MOST_LISTED),
        "restarts": history.restarts.most_common(MOST_LISTED),
        "quarantined": listed(aside),
        "quarantined_count": len(aside.quarantined),
        "others": history.other_events.most_common(MOST_LISTED),
    }  # fmt: skip


def rejected_section(table: SampleTable) -> list[dict[str, Any]]:
    """Columns of rejected assets: how many samples had one, and how many files were passed over for them."""
    rows = []
    for name in table.names:
        column = summarise(table, name) if name.endswith("_rejected") else None
        if isinstance(column, NumberColumn):
            zeros = (column.values or {}).get(0.0, 0)
            rows.append({
                "name": name.removesuffix("_rejected").replace("_", " "),
                "samples": column.count - zeros,
                "files": round(column.mean * column.count),
            })  # fmt: skip
    return rows


def asset_section(assets: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Licences with the number of their assets, and the first assets by name."""
    licences = Counter(str(asset.get("licence") or "not stated") for asset in assets)
    rows = [{key: str(asset.get(key) or "") for key in ("id", "file", "licence", "sha256")} for asset in assets]
    return {"licences": licences.most_common(), "assets": rows[:MOST_LISTED], "total": len(assets)}


def recipe_section(manifest: Manifest) -> str:
    """The recipe with every default that this kind uses, as YAML."""
    recipe = {"kind": manifest.recipe["kind"], "seed": manifest.recipe["seed"]}
    plan = {"count": manifest.count, "size": manifest.recipe["size"]}
    rest = {key: value for key, value in manifest.canonical.items() if key not in recipe | plan}
    return recipe_text(recipe | plan | rest | {"shard_size": manifest.shard_size})
