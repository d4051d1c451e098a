"""One labelled sample in memory, before encoding."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sample:
    """Arrays and sampled parameters of sample `index`.

    index: position in the dataset, 0-based.
    arrays: label name (core.label_spec) -> array; pairs use the prefixes `source_` and `target_` for labels of one
        view, and bare names for `flow`, `flow_backward`, `matchability`, `matchability_backward`.
    parameters: flat dict of JSON scalars and short lists: everything that was sampled, one column each in
        samples.parquet; pairs use the same prefixes.
    checks: name -> float, the label checks computed while the arrays existed (labels/checks.py).
    """

    index: int
    arrays: dict[str, NDArray[np.generic]]
    parameters: dict[str, Any]
    checks: dict[str, float]
