"""Starting Warp once per process, quietly."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache

import torch
import warp as wp

from synthgen.core.errors import SynthgenError

# Options of every module whose results must be equal on the CPU and on CUDA and in the NumPy reference: each float
# operation is rounded on its own. With contraction to fused multiply-add, an edge function would not vanish at its
# own end points, and a pixel centre on a vertex could be drawn twice or never.
EXACT_FLOATS = {
    "fuse_fp": False,
    "fast_math": False,
    "enable_backward": False,
    "optimization_level": 3,
}


@cache
def start_warp() -> None:
    """Initialise Warp without its greeting; later calls cost nothing.

    Raises SynthgenError when Warp has nowhere to keep its compiled kernels.
    """
    wp.config.log_level = wp.LOG_WARNING
    # Warp's library writes to stderr when there is no CUDA driver, which most users know. A driver that does not work
    # is another matter: torch sees it, and Warp may speak.
    try:
        with nullcontext() if torch.cuda.is_available() else _without_stderr():
            wp.init()
    except OSError as error:  # usual where the home folder is missing or read-only
        raise SynthgenError(
            f"the folder of compiled kernels, {wp.config.kernel_cache_dir}, cannot be made: {error.strerror or error}; "
            "set the environment variable WARP_CACHE_PATH to a folder that can be written"
        ) from error


@contextmanager
def _without_stderr() -> Iterator[None]:
    """What native code writes to the standard error is dropped while the block lasts."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
