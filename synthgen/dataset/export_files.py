"""Export to plain files, one or more per label."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.dataset.pictures import plain_png
from synthgen.dataset.reader import Dataset


def write_files(dataset: Dataset, out: Path, positions: Sequence[int]) -> None:
    """`NNNNNNNNN.<label>.png` for pictures, classes and masks, `.npy` for everything else, `.meta.json`."""
    for position in positions:
        stem = f"{dataset.sample_index(position):09d}"
        for name, array in dataset[position].items():
            if array.dtype == np.uint8 and array.ndim >= 2 and not name.endswith("visibility"):
                (out / f"{stem}.{name}.png").write_bytes(plain_png(array))
            elif array.dtype == np.bool_:
                (out / f"{stem}.{name}.png").write_bytes(plain_png(array.astype(np.uint8) * np.uint8(255)))
            else:
                (out / f"{stem}.{name}.npy").write_bytes(encode_npy(array))
        text = json.dumps(dataset.meta(position), indent=1, sort_keys=True)
        (out / f"{stem}.meta.json").write_text(text, encoding="utf-8")


def encode_npy(array: NDArray[Any]) -> bytes:
    """The bytes of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
