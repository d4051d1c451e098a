"""Versions of everything that decides the bytes of a sample, without importing any of it."""

import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from synthgen.core.conventions import ENGINE_VERSION
from synthgen.dataset.layout import LABEL_SCHEMA_VERSION

_LIBRARIES = ("numpy", "torch", "warp-lang", "pillow", "simplejpeg", "zstandard", "pydantic-core")
# Highest first: the vector width decides how libraries round sums.
_SIMD_LEVELS = ("avx512f", "avx2", "avx", "sse4_2", "asimd")
_UNKNOWN = "unknown"


@cache
def library_versions() -> Mapping[str, str]:
    """Name -> version of the engine, the label schema and the libraries; "absent" for one that is not installed."""
    found = {"engine": str(ENGINE_VERSION), "label_schema": str(LABEL_SCHEMA_VERSION)}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


@cache
def cpu_family() -> str:
    """Vendor and vector instruction level of this computer, for example "AuthenticAMD avx2"."""
    vendor, level = platform.machine() or _UNKNOWN, ""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return vendor
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "vendor_id":
            vendor = value.strip()
        if key.strip() in ("flags", "Features"):
            flags = set(value.split())
            level = next((name for name in _SIMD_LEVELS if name in flags), "")
            break
    return f"{vendor} {level}".strip()
