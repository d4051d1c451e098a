"""Export to Middlebury `.flo` files of every flow, beside the pictures and the reason codes as PNG."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.dataset.layout import label_of
from synthgen.dataset.pictures import plain_png
from synthgen.dataset.reader import Dataset

Array = NDArray[Any]

# Middlebury readers take anything above 1e9 as unknown.
FLO_UNKNOWN = 1e10
_FLO_TAG = 202021.25


def write_flo(dataset: Dataset, out: Path, positions: Sequence[int]) -> None:
    """`NNNNNNNNN.<flow>.flo`, `.<picture>.png` and `.<matchability>.png`; the mean face of photos once per sample."""
    labels = {label_of(name).name: name for name in dataset.array_names}
    view = dataset.with_labels(*(label for label in labels if label.startswith(("image", "flow", "matchability"))))
    for position in positions:
        stem = f"{dataset.sample_index(position):09d}"
        for name, array in view[position].items():
            if array.dtype == np.uint8:
                (out / f"{stem}.{name}.png").write_bytes(plain_png(array))
            else:
                (out / f"{stem}.{name}.flo").write_bytes(encode_flo(array))
        if dataset.layout.kind == "fittings":
            (out / f"{stem}.mean_face.png").write_bytes(plain_png(dataset.template.mean_face))


def encode_flo(flow: Array) -> bytes:
    """Middlebury .flo bytes of a flow (H, W, 2), px; pixels without flow get FLO_UNKNOWN."""
    height, width, _ = flow.shape
    values = np.where(np.isfinite(flow), flow, FLO_UNKNOWN).astype("<f4")
    return struct.pack("<fii", _FLO_TAG, width, height) + values.tobytes()
