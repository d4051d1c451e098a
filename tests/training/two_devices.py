"""A process of two: trains each recipe of a folder; started by test_two_devices.py."""

import json
import sys
from pathlib import Path

import torch

from training.loop import RunOptions, train
from training.recipe import TrainingRecipe


def main(folder: Path) -> None:
    """Train `*.json` of a folder as rank LOCAL_RANK of two."""
    torch.set_num_threads(1)
    for file in sorted(folder.glob("*.json")):
        recipe = TrainingRecipe.model_validate(json.loads(file.read_text(encoding="utf-8")))
        train(recipe, folder / f"{file.stem}.two", RunOptions(devices=2, accelerator="cpu"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
