"""Scores of samples -> the variants and numbers of a result."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from eval.benchmark_bins import Axis
from eval.benchmark_run import Scores, bins_of
from eval.benchmark_scores import Metric
from eval.protocol import Number, Result, SampleErrors
from eval.scoring import Measure, Variant, numbers_of
from eval.statistics import Mean, mean_of

PARTS = "part: "


def benchmark_result(
    title: tuple[str, str],
    scores: Scores,
    metrics: Mapping[str, Metric],
    headline: Sequence[str],
    axes: Sequence[Axis],
    fingerprint: str,
    resamples: int,
) -> Result:
    """All samples with every metric, then each bin of each axis with the metrics of `headline`.

    title: name and title of the protocol; fingerprint: of the dataset, part of the name of every number. The errors
    that rank the samples are those of the first metric that was measured.
    """
    measured = [name for name in metrics if name in scores.values]
    everyone = np.ones(len(scores.ids), bool)
    measures = [_measure(scores, metrics[name], name, everyone) for name in measured]
    whole = f"all {fingerprint}"
    found = [(whole, [*measures, *_overlaps(scores, everyone)])]
    for axis in axes:
        for name, mask in bins_of(scores, axis):
            some = [_measure(scores, metrics[one], one, mask) for one in measured if one in headline]
            if some:
                found.append((f"{name} {fingerprint}", some))
    numbers: list[Number] = []
    for variant, some in found:
        # Bins are masks over the same samples, so that they are drawn as part of the whole.
        numbers += numbers_of(Variant(variant, scores.ids, np.zeros(len(scores.ids)), tuple(some)), resamples)
    errors = (_errors(scores, whole, metrics[measured[0]], measured[0]),) if measured else ()
    return Result(*title, tuple(numbers), errors)


def _measure(scores: Scores, metric: Metric, name: str, mask: NDArray[np.bool_]) -> Measure:
    column = scores.values[name]
    used = mask & np.isfinite(column)
    return Measure(metric.name, metric.unit, mean_of(np.where(used, column, 0.0), used), int(used.sum()), metric.scale)


def _overlaps(scores: Scores, mask: NDArray[np.bool_]) -> list[Measure]:
    columns = {name: np.where(mask[:, None], pixels, 0.0) for name, pixels in scores.overlaps.items()}
    used = {name: pixels for name, pixels in columns.items() if pixels[:, 1].sum() > 0}
    found = [
        Measure(f"IoU, {name}", "%", Mean((pixels[:, 0],), (pixels[:, 1],)), int((pixels[:, 1] > 0).sum()))
        for name, pixels in used.items()
    ]
    parts = [pixels for name, pixels in used.items() if name.startswith(PARTS)]
    if parts:
        mean = Mean(tuple(pixels[:, 0] for pixels in parts), tuple(pixels[:, 1] for pixels in parts))
        note = "" if len(parts) == 8 else f"{len(parts)} parts are seen"
        found.append(Measure("IoU, mean of the parts", "%", mean, int(mask.sum()), note=note))
    return found


def _errors(scores: Scores, variant: str, metric: Metric, name: str) -> SampleErrors:
    column = scores.values[name]
    finite = np.isfinite(column)
    ids = tuple(one for one, there in zip(scores.ids, finite, strict=True) if there)
    limit = _limit(metric, column[finite])
    return SampleErrors(variant, ids, metric.scale * column[finite], metric.unit, limit)


def _limit(metric: Metric, column: NDArray[np.float64]) -> float:
    """Where a curve ends that shows nearly all samples: 10 % for landmarks, elsewhere the 90th percentile, rounded."""
    if metric.unit == "%":
        return 10.0
    high = float(np.percentile(column, 90)) * metric.scale if len(column) else 1.0
    return float(f"{max(high, 1e-6):.1g}")
