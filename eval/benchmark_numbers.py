"""Scores of samples -> the variants and numbers of a result."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from eval.benchmark_bins import Axis
from eval.benchmark_run import Scores, bins_of
from eval.benchmark_scores import Metric
from eval.protocol import Number, Result
from eval.scoring import Measure, Variant, errors_of, numbers_of
from eval.statistics import Mean, mean_of

PARTS = "part: "


def benchmark_variants(
    scores: Scores, metrics: Mapping[str, Metric], headline: Sequence[str], axes: Sequence[Axis], fingerprint: str
) -> list[Variant]:
    """All samples with every metric, then each bin of each axis with the metrics of `headline`, all of them named with
    the fingerprint of the dataset. The errors of all are those of the first metric that was measured."""
    measured = [name for name in metrics if name in scores.values]
    everyone = np.ones(len(scores.ids), bool)
    measures = [_measure(scores, metrics[name], name, everyone) for name in measured]
    variants = [_variant(scores, f"all {fingerprint}", measured, metrics, [*measures, *_overlaps(scores, everyone)])]
    for axis in axes:
        for name, mask in bins_of(scores, axis):
            some = [_measure(scores, metrics[one], one, mask) for one in measured if one in headline]
            if some:
                variants.append(Variant(f"{name} {fingerprint}", (), np.zeros(0), tuple(some)))
    return variants


def benchmark_result(name: str, title: str, variants: Sequence[Variant], resamples: int) -> Result:
    """The numbers of variants with their intervals; those with samples of their own give the errors."""
    numbers: list[Number] = []
    ids = variants[0].ids
    for variant in variants:
        # Bins are masks over the same samples, so that they are drawn as part of the whole.
        whole = Variant(variant.name, ids, variant.errors, variant.measures)
        numbers += numbers_of(whole, resamples)
    return Result(name, title, tuple(numbers), tuple(errors_of(one) for one in variants if one.ids))


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


def _variant(
    scores: Scores, name: str, measured: Sequence[str], metrics: Mapping[str, Metric], measures: Sequence[Measure]
) -> Variant:
    if not measured:
        return Variant(name, scores.ids, np.zeros(0), tuple(measures))
    metric, column = metrics[measured[0]], scores.values[measured[0]]
    finite = np.isfinite(column)
    if not finite.all():
        ids = scores.ids  # samples without this error rank as the best
        return Variant(name, ids, np.where(finite, column, 0.0), tuple(measures), _limit(metric, column[finite]),
                       unit=metric.unit, factor=metric.scale)  # fmt: skip
    limit = _limit(metric, column)
    return Variant(name, scores.ids, column, tuple(measures), limit, unit=metric.unit, factor=metric.scale)


def _limit(metric: Metric, column: NDArray[np.float64]) -> float:
    """Where a curve ends that shows nearly all samples: 10 % for landmarks, elsewhere the 90th percentile, rounded."""
    if metric.unit == "%":
        return 10.0
    high = float(np.percentile(column, 90)) * metric.scale if len(column) else 1.0
    return float(f"{max(high, 1e-6):.1g}")
