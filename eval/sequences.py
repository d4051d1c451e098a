"""Accuracy, stability and jitter of points in videos."""

import numpy as np
from numpy.typing import NDArray

from eval.landmarks import with_missing
from eval.matching import Matched
from eval.metrics import box_size, jitter, mean_error, offset_error, points_box
from eval.scoring import Measures, Variant
from eval.truth import checked_sizes

Array = NDArray[np.float64]


def accuracy_variant(matched: Matched, prefix: str) -> Variant:
    """NME of every frame over the root of the area of the true points' box (tddfa_v2 section 3.1)."""
    size = checked_sizes(box_size(points_box(matched.truth.points)), matched.truth, "the box of the points")
    errors = with_missing(mean_error(matched.points, matched.truth.points, size), matched)
    measures = tuple(Measures(errors).mean().found)
    return Variant(f"{prefix}/box-of-points", matched.truth.ids, errors, measures, clusters=matched.truth.videos)


def stability_variants(matched: Matched, prefix: str) -> list[Variant]:
    """How predictions move between adjacent frames: stability against the truth's movement, jitter on its own.

    Frames without a prediction break a video: what would need them is left out.
    """
    truth = matched.truth
    axes = min(truth.points.shape[2], matched.points.shape[2])
    area = box_size(points_box(truth.points))
    edge = box_size(points_box(truth.points), "longest_edge")
    collected: dict[str, list[tuple[str, str, float]]] = {"stability": [], "jitter": []}
    for run in _runs(matched):
        predicted, points = matched.points[run][..., :axes], truth.points[run][..., :axes]
        video = truth.videos[run[0]]
        if len(run) > 1:
            errors = offset_error(predicted, points, area[run])
            collected["stability"] += [(truth.ids[r], video, e) for r, e in zip(run[1:], errors)]
        if len(run) > 2:
            errors = jitter(predicted[..., :2], edge[run])
            collected["jitter"] += [(truth.ids[r], video, e) for r, e in zip(run[1:-1], errors)]
    sizes = {"stability": "box-of-points", "jitter": "longest-edge"}
    variants = []
    for metric, entries in collected.items():
        if entries:
            ids, videos, values = zip(*entries)
            errors = np.array(values)
            measures = tuple(Measures(errors).mean(metric).found)
            name = f"{prefix}/{sizes[metric]}"
            variants.append(Variant(name, ids, errors, measures, 2.0, videos, f"{name}/{metric}"))
    return variants


def _runs(matched: Matched) -> list[NDArray[np.int64]]:
    """Rows of adjacent frames with predictions: same video, numbers that follow each other where ids end in them."""
    runs: list[list[int]] = []
    for row, name in enumerate(matched.truth.ids):
        if not matched.found[row]:
            continue
        before = runs[-1][-1] if runs else -1
        follows = before >= 0 and _follow(matched, before, row, name)
        if follows:
            runs[-1].append(row)
        else:
            runs.append([row])
    return [np.array(run) for run in runs]


def _follow(matched: Matched, before: int, row: int, name: str) -> bool:
    if matched.truth.videos[before] != matched.truth.videos[row]:
        return False
    first, second = matched.truth.ids[before].rpartition("/")[2], name.rpartition("/")[2]
    return int(second) == int(first) + 1 if first.isdigit() and second.isdigit() else before == row - 1
