"""Sums over the labels of a bounded number of samples: where landmarks lie, what is hidden, what has no match."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from synthgen.core.conventions import (
    LANDMARK_HIDDEN,
    LANDMARK_OCCLUDED,
    LANDMARK_OUTSIDE,
    LANDMARK_VISIBLE,
    NO_FACE,
    REASONS,
)
from synthgen.dataset.layout import SampleLayout
from synthgen.report.columns import Sample

HEAT_CELLS = 48
SHARE_BINS = 20
_FLOW_VECTORS = 2000
LANDMARK_NAMES = {
    LANDMARK_VISIBLE: "visible",
    LANDMARK_HIDDEN: "hidden by the face",
    LANDMARK_OUTSIDE: "outside the frame",
    LANDMARK_OCCLUDED: "behind an occluder",
}


@dataclass
class LabelStatistics:
    """What some samples hold.

    heat: (rows, 48) landmarks per cell of the picture, over all views; samples, views: how many were looked at;
    landmarks: code of landmarks_visibility -> how many; occluded: (20,) views by the share of the face surface behind
    an external occluder, in bins from 0 to 1; occluded_sum: of these shares; reasons: name of a matchability array,
    without numbers of frames -> (9,) pixels per reason code; flows: a few vectors (M, 2) px of each sample.
    """

    heat: NDArray[np.int64]
    samples: int = 0
    views: int = 0
    landmarks: dict[int, int] = field(default_factory=dict)
    occluded: NDArray[np.int64] = field(default_factory=lambda: np.zeros(SHARE_BINS, np.int64))
    occluded_sum: float = 0.0
    reasons: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    flows: list[NDArray[np.float32]] = field(default_factory=list)

    @property
    def occluded_mean(self) -> float | None:
        """Mean share of the face surface behind an external occluder, None when no view told."""
        seen = int(self.occluded.sum())
        return self.occluded_sum / seen if seen else None

    def reason_shares(self, name: str) -> dict[str, float]:
        """Reason -> share of the pixels with face surface, for the reasons that occur."""
        counts = self.reasons[name].astype(float)
        counts[NO_FACE] = 0.0
        total = counts.sum()
        return {REASONS[code]: float(counts[code] / total) for code in np.flatnonzero(counts)} if total else {}


def label_statistics(samples: Iterable[Sample], layout: SampleLayout) -> LabelStatistics:
    """The sums over samples as a reader gives them; one is held at a time."""
    height, width = layout.size
    total = LabelStatistics(np.zeros((max(1, round(HEAT_CELLS * height / width)), HEAT_CELLS), np.int64))
    for sample in samples:
        total.samples += 1
        for prefix in layout.prefixes:
            total.views += 1
            _add_landmarks(total, sample, prefix, layout.size)
            _add_occlusion(total, sample, prefix)
        for name, array in sample.items():
            base = name.rstrip("0123456789_")
            if base in ("matchability", "matchability_backward"):
                _add_reasons(total, base, array)
            elif base in ("flow", "flow_backward"):
                _add_flow(total, array)
    return total


def _add_landmarks(total: LabelStatistics, sample: Sample, prefix: str, size: tuple[int, int]) -> None:
    points, codes = sample.get(prefix + "landmarks_2d"), sample.get(prefix + "landmarks_visibility")
    if points is not None:
        finite = points[np.isfinite(points).all(axis=1)].astype(np.float64)
        rows, columns = total.heat.shape
        limits = ((0, size[0]), (0, size[1]))
        found, _, _ = np.histogram2d(finite[:, 1], finite[:, 0], bins=(rows, columns), range=limits)
        total.heat += found.astype(np.int64)
    if codes is not None:
        for code, count in zip(*np.unique(codes, return_counts=True), strict=True):
            total.landmarks[int(code)] = total.landmarks.get(int(code), 0) + int(count)


def _add_occlusion(total: LabelStatistics, sample: Sample, prefix: str) -> None:
    occluder, surface = sample.get(prefix + "occluder_mask"), sample.get(prefix + "amodal_mask")
    if surface is None and (uv := sample.get(prefix + "uv")) is not None:
        surface = np.isfinite(uv[..., 0])
    if occluder is None or surface is None or not surface.any():
        return
    share = float((occluder & surface).sum() / surface.sum())
    total.occluded[min(int(share * SHARE_BINS), SHARE_BINS - 1)] += 1
    total.occluded_sum += share


def _add_reasons(total: LabelStatistics, name: str, codes: NDArray[np.uint8]) -> None:
    counts = np.bincount(codes.ravel(), minlength=len(REASONS))[: len(REASONS)]
    total.reasons[name] = total.reasons.get(name, np.zeros(len(REASONS), np.int64)) + counts


def _add_flow(total: LabelStatistics, flow: NDArray[np.float32]) -> None:
    vectors = flow[np.isfinite(flow).all(axis=-1)]
    total.flows.append(vectors[:: max(1, len(vectors) // _FLOW_VECTORS)])
