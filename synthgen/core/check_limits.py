"""What each label check may be: the single source for enforcement, verification and docs/labels_checks.md."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Literal

_VIEW_PREFIX = re.compile(r"source_|target_|frame\d+_")


@dataclass(frozen=True)
class CheckLimit:
    """One row of the table of checks.

    name: the key in a sample's `checks`, without the prefix of a view (source_, target_, frame0_, ...). unit: in words.
    detects: what is wrong with a sample beyond the limit, or what a check without limit tells. side: whether the limit
    is the most or the least that may be published, itself included. limit: None for a number that is only told.
    measured: the worst of sound samples (docs/labels_checks.md says of which).
    """

    name: str
    unit: str
    detects: str
    side: Literal["most", "least"] = "most"
    limit: float | None = None
    measured: float | None = None

    def holds(self, value: float) -> bool:
        """Whether a value may be published. NaN may not: a check with nothing to look at is left out instead."""
        if self.limit is None:
            return True
        return value <= self.limit if self.side == "most" else value >= self.limit

    def broken_by(self, name: str, value: float) -> str:
        """What is wrong with a value of the check called `name`, with its prefix, in one line."""
        bound = "none" if self.limit is None else f"at {self.side} {self.limit:g}"
        return f"check {name} is {value:.6g} {self.unit}, limit {bound}: {self.detects}"

    def worst(self, values: Iterable[float]) -> float:
        """The value that is nearest to the limit, or farthest beyond it; NaN if there is one."""
        known = list(values)
        if any(isnan(value) for value in known):
            return float("nan")
        return max(known) if self.side == "most" else min(known)


_ROWS = (
    CheckLimit("coverage", "share", "how much of the picture shows the face", "least"),
    CheckLimit(
        "drawn_share", "share", "the rasteriser left a head blank that stands before the camera", "least", 0.75, 1.0
    ),
    CheckLimit("painted_share", "share", "the picture does not show the face that its labels have", "least", 0.9, 1.0),
    CheckLimit(
        "reprojection_px",
        "px",
        "pixel centres, triangle_id, barycentric or the camera are wrong",
        limit=0.01,
        measured=0.00013,
    ),
    CheckLimit("depth_mm", "mm", "depth is not that of the labelled surface point", limit=0.05, measured=0.0002),
    CheckLimit(
        "uv_round_trip_px",
        "px",
        "uv does not lead back to its pixel, or the chart covers itself",
        limit=0.2,
        measured=0.001,
    ),
    CheckLimit(
        "landmark_projection_px", "px", "landmarks_2d, landmarks_3d and the camera disagree", limit=0.01, measured=3e-05
    ),
    CheckLimit(
        "landmark_chart_px",
        "px",
        "landmarks lie on other places of the surface than their names",
        limit=1.5,
        measured=0.59,
    ),
    CheckLimit("landmark_depth_px", "px", "depth and landmarks_3d disagree", limit=6.0, measured=1.4),
    CheckLimit("warp_px", "px", "flow does not end where the other picture shows the point", limit=0.4, measured=0.1),
    CheckLimit("warp_most_px", "px", "flow or matchability is wrong for part of the face", limit=3.0, measured=0.54),
    CheckLimit("forward_backward_px", "px", "flow_backward does not lead back", limit=0.75, measured=0.18),
    CheckLimit(
        "beaten_share", "share", "flow by nearest uv does not lead to the nearest pixel", limit=0.01, measured=0
    ),
    CheckLimit(
        "missed_share", "share", "matchability denies matches that both pictures show", limit=0.75, measured=0.15
    ),
    CheckLimit("matchable_share", "share", "how much of the face has a match", "least"),
    CheckLimit("landmark_fit_px", "px", "how far the fitted landmarks are from the annotated ones"),
)

CHECKS: dict[str, CheckLimit] = {row.name: row for row in _ROWS}


def check_limit(name: str) -> CheckLimit | None:
    """The row of a check, its name with or without the prefix of a view; None for a check that is not known."""
    return CHECKS.get(_VIEW_PREFIX.sub("", name, count=1))


def broken_limits(checks: Mapping[str, float]) -> Iterator[str]:
    """A line for each check of a sample that may not be published."""
    for name, value in checks.items():
        row = check_limit(name)
        if row is not None and not row.holds(value):
            yield row.broken_by(name, value)


def worst_checks(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of each known check the worst among several pictures, of those that have it."""
    return {
        name: check.worst(row[name] for row in rows if name in row)
        for name, check in CHECKS.items()
        if any(name in row for row in rows)
    }
