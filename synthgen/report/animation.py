"""Clips to look at: animated WebP files."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthgen.core.errors import UsageError
from synthgen.dataset.whole_file import write_whole

LOSSY_QUALITY = 90


def save_animation(
    frames: NDArray[np.uint8], path: str | Path, seconds_per_frame: float = 0.1, lossless: bool = True
) -> None:
    """Write frames (n, H, W, 3) uint8 sRGB as a WebP file that repeats for ever, making the folder.

    seconds_per_frame: rounded to milliseconds. lossless: keep every byte; else a file about a tenth as large.
    Raises UsageError for other arrays or times, DatasetError when the file cannot be written.
    """
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or not frames.size:
        raise UsageError(f"an animation needs frames (n, H, W, 3) uint8, got {frames.shape} {frames.dtype}")
    milliseconds = round(1000 * seconds_per_frame)
    if not 1 <= milliseconds < 1 << 24:
        raise UsageError(f"seconds_per_frame must be at least 0.001 and below 16777, got {seconds_per_frame}")
    pictures = [Image.fromarray(np.ascontiguousarray(frame)) for frame in frames]
    buffer = io.BytesIO()
    pictures[0].save(
        buffer,
        "WEBP",
        save_all=True,
        append_images=pictures[1:],
        duration=milliseconds,
        loop=0,
        lossless=lossless,
        quality=LOSSY_QUALITY,
        method=4,
        # Every frame whole: players that jump to a frame need no other.
        kmin=1,
        kmax=1,
    )
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, buffer.getvalue())
