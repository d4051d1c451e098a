"""The annotated faces of a benchmark."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import AssetError

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Truth:
    """N faces with K points.

    ids: unique; points: (N, K, D) our pixels (first centre 0.5), D = 2 or 3, z in pixels, larger nearer, NaN where a
    point is not annotated; visible: (N, K) whether a point counts where only visible ones do;
    boxes: (N, 4) left, top, right, bottom that the benchmark gives, NaN without; yaw_deg: (N,) NaN without;
    pictures: of each face, None where they are not there; subsets: name -> (N,) bool; videos: (N,) names, or empty;
    where: the file or folder, for messages.
    """

    scheme: str
    ids: tuple[str, ...]
    points: Array
    visible: Mask
    boxes: Array
    yaw_deg: Array
    pictures: tuple[Path | None, ...]
    where: str
    subsets: Mapping[str, Mask] = field(default_factory=dict)
    videos: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)


def new_truth(
    scheme: str,
    ids: Sequence[str],
    points: Array,
    where: str,
    visible: Mask | None = None,
    boxes: Array | None = None,
    pictures: Sequence[Path | None] = (),
) -> Truth:
    """A truth with what is not given left empty. Raises AssetError when there is no face, or two have one id."""
    count = len(ids)
    if count == 0:
        raise AssetError(f"{where}: no annotated face; expected the benchmark as it is released")
    doubles = sorted({name for name in ids if list(ids).count(name) > 1}) if len(set(ids)) < count else []
    if doubles:
        raise AssetError(f"{where}: {len(doubles)} ids occur more than once: {', '.join(doubles[:5])}")
    annotated: Mask = np.asarray(np.isfinite(points).all(axis=2))
    return Truth(
        scheme=scheme,
        ids=tuple(ids),
        points=np.asarray(points, np.float64),
        visible=annotated if visible is None else annotated & visible,
        boxes=np.full((count, 4), np.nan) if boxes is None else boxes,
        yaw_deg=np.full(count, np.nan),
        pictures=tuple(pictures) or (None,) * count,
        where=where,
    )


def selected(truth: Truth, rows: NDArray[np.integer] | Mask) -> Truth:
    """The faces of some rows (numbers or a mask)."""
    kept = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
    return replace(
        truth,
        ids=tuple(truth.ids[row] for row in kept),
        points=truth.points[kept],
        visible=truth.visible[kept],
        boxes=truth.boxes[kept],
        yaw_deg=truth.yaw_deg[kept],
        pictures=tuple(truth.pictures[row] for row in kept),
        subsets={name: mask[kept] for name, mask in truth.subsets.items()},
        videos=tuple(truth.videos[row] for row in kept) if truth.videos else (),
    )


def checked_sizes(sizes: Array, truth: Truth, what: str) -> Array:
    """The normalisers (N,) when each is a positive number. Raises AssetError that names the faces otherwise."""
    wrong = np.flatnonzero(~(sizes > 0) | ~np.isfinite(sizes))
    if len(wrong):
        names = ", ".join(truth.ids[row] for row in wrong[:5])
        raise AssetError(
            f"{truth.where}: {what} of {len(wrong)} faces is zero or no number, so no error can be divided by it: "
            f"{names}; repair or remove them"
        )
    return sizes
