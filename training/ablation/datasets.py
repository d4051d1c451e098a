"""The datasets of a table: made once, by `synthgen generate`, and shared by all rows."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from synthgen.core.errors import DatasetError
from synthgen.dataset.manifest import MANIFEST_FILE
from synthgen.dataset.reader import open_dataset
from training.ablation.rendered_photos import write_rendered_photos
from training.ablation.table import DataOrder


def make_datasets(orders: Mapping[str, DataOrder], workers: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Make the folders that are missing or incomplete; folder -> facts of what is there, for the table.

    A folder that is complete is used as it is. Raises DatasetError when synthgen cannot make one.
    """
    facts: dict[str, Any] = {}
    for folder, order in orders.items():
        if not is_complete(Path(folder)):
            if order.renders is not None and order.photos is not None:
                say(f"writing the renders of {order.renders} as photos into {order.photos}")
                write_rendered_photos(Path(order.renders), Path(order.photos))
            command = [sys.executable, "-m", "synthgen", "generate", order.recipe, "-o", folder, "--resume"]
            command += ["--workers", str(workers)]
            if order.count is not None:
                command += ["--count", str(order.count)]
            for change in order.set:
                command += ["--set", change]
            say("making " + " ".join(command[3:]))
            ended = subprocess.run(command, check=False, capture_output=True, text=True)
            if ended.returncode:
                raise DatasetError(f"{folder} could not be made: {ended.stderr.strip()}")
        dataset = open_dataset(folder)
        facts[folder] = {
            "samples": len(dataset),
            "recipe": order.recipe,
            "set": list(order.set),
            "fingerprint": dataset.fingerprint,
        }
    return facts


def is_complete(folder: Path) -> bool:
    """Whether a folder holds all of a dataset. Raises DatasetError for a damaged one."""
    if not (folder / MANIFEST_FILE).exists():
        return False
    return open_dataset(folder, allow_incomplete=True).complete
