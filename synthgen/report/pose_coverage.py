"""How often which yaw comes with which pitch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.report.column_statistics import NumberColumn, SampleTable, joint_counts, summarise

CELL_DEG = 10.0
# The axes reach at least this far, so that what is not covered is seen as empty.
YAW_DEG, PITCH_DEG = 90.0, 40.0


@dataclass(frozen=True)
class PoseCoverage:
    """counts: (pitches, yaws) faces per cell, smallest pitch first; yaw, pitch: edges of the cells, degrees."""

    counts: NDArray[np.int64]
    yaw: NDArray[np.float64]
    pitch: NDArray[np.float64]


def pose_coverage(table: SampleTable) -> PoseCoverage | None:
    """The faces of all views per cell of 10 x 10 degrees; None where the table has no angles."""
    views = [p for p in ("", "source_", "target_") if {p + "yaw_deg", p + "pitch_deg"} <= set(table.names)]
    yaw = [column for p in views if isinstance(column := summarise(table, p + "yaw_deg"), NumberColumn)]
    pitch = [column for p in views if isinstance(column := summarise(table, p + "pitch_deg"), NumberColumn)]
    if not yaw or len(yaw) != len(pitch) or not all(column.count for column in (*yaw, *pitch)):
        return None
    edges = _edges(pitch, PITCH_DEG), _edges(yaw, YAW_DEG)
    counts = sum(joint_counts(table, (p + "pitch_deg", p + "yaw_deg"), edges) for p in views)
    return PoseCoverage(np.asarray(counts), edges[1], edges[0])


def _edges(columns: list[NumberColumn], reach: float) -> NDArray[np.float64]:
    low = min(-reach, *(np.floor(column.low / CELL_DEG) * CELL_DEG for column in columns))
    high = max(reach, *((np.floor(column.high / CELL_DEG) + 1) * CELL_DEG for column in columns))
    return np.arange(low, high + CELL_DEG / 2, CELL_DEG)
