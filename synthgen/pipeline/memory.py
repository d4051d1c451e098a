"""Memory of processes, where the system tells it (Linux); None elsewhere."""

import os
import resource
import sys
from pathlib import Path

# A renderer with a large model and its textures takes 1 to 1.5 GB; below this no worker is stopped by default.
_LEAST_LIMIT = 4 << 30
_SHARE = 0.9


def resident_bytes(pid: int) -> int | None:
    """Resident memory of a process; None when it is gone or the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def peak_bytes() -> int:
    """Largest resident memory of this process so far."""
    try:
        # Not getrusage: its maximum is inherited from whoever started this process.
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def default_limit(workers: int) -> int:
    """Bytes that one of `workers` workers may use: its share of 90 % of the machine, at least 4 GiB."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(_LEAST_LIMIT, int(_SHARE * total / max(workers, 1)))
