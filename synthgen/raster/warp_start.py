"""Starting Warp once per process, quietly."""

from functools import cache

import warp as wp

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
    """Initialise Warp without its greeting; later calls cost nothing."""
    wp.config.log_level = wp.LOG_ERROR  # a computer without CUDA is no reason to warn
    wp.init()
    wp.config.log_level = wp.LOG_WARNING
