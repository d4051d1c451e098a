"""Errors of faces -> numbers with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from eval.metrics import YAW_EDGES, areas, failures, kept_without_worst, yaw_bins
from eval.protocol import Number, SampleErrors
from eval.statistics import Mean, bootstrap, evaluate, interval, mean_of, mean_of_bins

Array = NDArray[np.float64]

SEED = 0
BIN_NAMES = ("NME 0-30", "NME 30-60", "NME 60-90")


@dataclass(frozen=True)
class Measure:
    """A number of a variant before it is computed. factor: 100 for percent."""

    metric: str
    unit: str
    mean: Mean
    count: int
    factor: float = 100.0
    note: str = ""


@dataclass(frozen=True)
class Variant:
    """A variant of a protocol.

    errors: (N,) fractions of the samples `ids`; limit: of their curve, percent; clusters: what samples belong together;
    curve: what the errors are called, the variant's name by default.
    """

    name: str
    ids: tuple[str, ...]
    errors: Array
    measures: tuple[Measure, ...]
    limit: float = 10.0
    clusters: tuple[str, ...] = ()
    curve: str = ""


@dataclass
class Measures:
    """Measures of the same errors (N,), collected one after the other. used: (N,) which count, all by default."""

    errors: Array
    used: NDArray[np.bool_] | None = None
    found: list[Measure] = field(default_factory=list)

    def add(self, metric: str, unit: str, values: Array, factor: float = 100.0, note: str = "") -> "Measures":
        """The mean of values (N,)."""
        count = len(values) if self.used is None else int(self.used.sum())
        self.found.append(Measure(metric, unit, mean_of(values, self.used), count, factor, note))
        return self

    def mean(self, metric: str = "NME", note: str = "") -> "Measures":
        """The mean error."""
        return self.add(metric, "%", self.errors, note=note)

    def limits(self, percents: Sequence[float], suffix: str = "") -> "Measures":
        """Area under the curve (a ratio) and failure rate up to each limit."""
        for percent in percents:
            limit = percent / 100.0
            self.add(f"AUC{percent:g}{suffix}", "", areas(self.errors, limit), 1.0)
            self.add(f"FR{percent:g}{suffix}", "%", failures(self.errors, limit))
        return self

    def yaw(self, yaw_deg: Array) -> "Measures":
        """Means of the three yaw bins, their mean and deviation, and the mean of all images."""
        bins = yaw_bins(yaw_deg, YAW_EDGES)
        for number, metric in enumerate(BIN_NAMES):
            inside = bins == number
            self.found.append(Measure(metric, "%", mean_of(self.errors, inside), int(inside.sum())))
        for metric, spread in (("NME bins", False), ("NME bins std", True)):
            mean = mean_of_bins(self.errors, bins, len(BIN_NAMES), spread)
            self.found.append(Measure(metric, "%", mean, len(self.errors)))
        return self.mean("NME images")

    def without_worst(self, worst: int) -> "Measures":
        """The mean of all but the `worst` largest errors, which stay left out in every resample."""
        kept = kept_without_worst(self.errors, worst)
        metric = f"NME without worst {worst}"
        self.found.append(Measure(metric, "%", mean_of(self.errors, kept), int(kept.sum())))
        return self


def numbers_of(variant: Variant, resamples: int) -> list[Number]:
    """The numbers of a variant, with 95 % intervals of `resamples` resamples unless that is 0."""
    means = [measure.mean for measure in variant.measures]
    values = evaluate(means)
    bounds = np.full((2, len(means)), np.nan)
    if resamples and len(variant.ids) > 1:
        clusters = np.unique(np.asarray(variant.clusters), return_inverse=True)[1] if variant.clusters else None
        bounds = interval(bootstrap(means, resamples, np.random.Generator(np.random.Philox(SEED)), clusters))
    return [
        Number(
            variant.name,
            measure.metric,
            float(value * measure.factor),
            measure.unit,
            None if np.isnan(low) else float(low * measure.factor),
            None if np.isnan(high) else float(high * measure.factor),
            measure.count,
            measure.note,
        )
        for measure, value, low, high in zip(variant.measures, values, bounds[0], bounds[1])
    ]


def errors_of(variant: Variant) -> SampleErrors:
    """The errors of a variant in percent."""
    name = variant.curve or variant.name
    return SampleErrors(name, variant.ids, variant.errors * 100.0, "%", variant.limit, variant.clusters)
