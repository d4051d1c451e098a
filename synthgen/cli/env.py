"""`synthgen env`: what a bug report needs."""

from typing import Any

from synthgen.cli.console import put
from synthgen.cli.options import JsonOption

PACKAGES = ("synthgen", "numpy", "scipy", "torch", "warp-lang", "pillow", "simplejpeg", "zstandard", "pyarrow",
            "pycocotools", "pydantic", "pyyaml", "typer", "rich", "fsspec")  # fmt: skip


def env(as_json: JsonOption = False) -> None:
    """Print versions and devices for bug reports.

    \b
    Examples:
      synthgen env
      synthgen env --json
    """
    import json

    facts = environment_facts()
    if as_json:
        put(json.dumps(facts, indent=1))
        return
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        put(f"{name:<{width}}  {value}")


def environment_facts() -> dict[str, Any]:
    """Name -> value; nothing that names the machine or the user."""
    import os
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from synthgen.pipeline.versions import cpu_family

    facts: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu_family(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }
    for name in PACKAGES:
        try:
            facts[name] = version(name)
        except PackageNotFoundError:
            facts[name] = "absent"
    return {**facts, "cuda": _cuda_devices()}


def _cuda_devices() -> str:
    import torch

    if not torch.cuda.is_available():
        return "none"
    return ", ".join(torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count()))
