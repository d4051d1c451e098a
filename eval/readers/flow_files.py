"""Optical flow files: Middlebury .flo and KITTI's 16-bit PNG."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import DatasetError

Flow = NDArray[np.float32]
TAG = 202021.25
HEADER_BYTES = 12
UNKNOWN = 1e9
MOST_SIDE = 65_536


def read_flo(path: Path) -> Flow:
    """(H, W, 2) px of a .flo file, NaN where it says unknown (beyond 1e9). Raises DatasetError for anything else."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) < HEADER_BYTES or np.frombuffer(data, "<f4", 1)[0] != np.float32(TAG):
        raise DatasetError(f"{path} is no .flo file: it does not begin with the number {TAG}")
    width, height = np.frombuffer(data, "<i4", 2, 4).tolist()
    expected = HEADER_BYTES + 8 * width * height
    if not (0 < width <= MOST_SIDE and 0 < height <= MOST_SIDE) or len(data) != expected:
        raise DatasetError(f"{path}: {width} x {height} pixels need {expected} bytes, the file has {len(data)}")
    flow = np.frombuffer(data, "<f4", 2 * width * height, HEADER_BYTES).reshape(height, width, 2).copy()
    flow[(~(np.abs(flow) <= UNKNOWN)).any(axis=-1)] = np.nan
    return flow
