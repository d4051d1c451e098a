"""Two processes give the weights of one, for every method."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from training.loop import RunOptions, train
from training.recipe import TrainingRecipe

SCRIPT = Path(__file__).with_name("two_devices.py")
ROOT = Path(__file__).resolve().parents[2]
SMALL = {"width": 0.25, "vertices": 80}
# Method, data, options and steps. In double precision, since a small network on flat pictures multiplies the rounding
# of single precision by 10^5; losses are single all the same.
CASES: dict[str, tuple[str, str, dict[str, Any], int]] = {
    "anisotropic": ("anisotropic", "faces", {"depth": 18, "balance": "none"}, 1),
    "dal2d": ("dal2d", "faces", {"depth": 18}, 1),
    "densereg": ("densereg", "faces", {"depth": 18, "side": 48, "scales": [1.0]}, 1),
    "dfc": ("dfc", "pairs", {"widths": [4, 4, 4, 4]}, 2),
    "meta": ("tddfa_v2", "faces", {**SMALL, "loss": "meta", "look_ahead": 1, "landmark_constraint": True}, 2),
    "svs": ("tddfa_v2", "faces", {**SMALL, "loss": "vanilla", "augment": "svs", "video": {"frames": 2}}, 2),
}


def recipes(faces: Path, pairs: Path, recipe_of: Callable[..., TrainingRecipe]) -> dict[str, TrainingRecipe]:
    made = {}
    for name, (method, data, options, steps) in CASES.items():
        stage: dict[str, Any] = {"optimizer": {"kind": "sgd", "learning_rate": 1e-6}}
        if method == "dal2d":
            stage |= {"photos": str(faces), "photos_share": 0.5}
        folder = faces if data == "faces" else pairs
        recipe = recipe_of(method, folder, steps, 1e-6, options=options, batch_size=4, stage=stage)
        made[name] = recipe.model_copy(update={"validation": None, "precision": "64-true"})
    return made


def test_two_processes_give_the_weights_of_one(
    tmp_path: Path, faces: Path, pairs: Path, recipe_of: Callable[..., TrainingRecipe]
) -> None:
    made = recipes(faces, pairs, recipe_of)
    for name, recipe in made.items():
        (tmp_path / f"{name}.json").write_text(recipe.model_dump_json(), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    started = []
    for rank in range(2):
        place = {"LOCAL_RANK": str(rank), "NODE_RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
        environment = {**os.environ, **place, "MASTER_PORT": port, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, str(SCRIPT), str(tmp_path)]
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
    for name, recipe in made.items():
        train(recipe, tmp_path / f"{name}.start", RunOptions(accelerator="cpu", most_steps=0))
        train(recipe, tmp_path / f"{name}.one", RunOptions(accelerator="cpu"))
    for process in started:
        told = process.communicate(timeout=600)[0].decode()
        assert process.returncode == 0, told
    for name in made:
        start, one, two = (weights(tmp_path / f"{name}.{kind}") for kind in ("start", "one", "two"))
        moved, apart = norm(one, start, "running"), norm(two, one, "running")
        assert moved > 0 and apart < 1e-3 * moved, f"{name}: moved by {moved}, apart by {apart}"
        for key in one:
            if "running" in key:
                torch.testing.assert_close(two[key], one[key], rtol=1e-3, atol=1e-3)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "last" / "weights.safetensors")


def norm(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor], but: str) -> float:
    """Of the difference of all numbers that training moves."""
    names = [name for name in first if but not in name and not name.endswith("num_batches_tracked")]
    return float(sum((first[name].double() - second[name].double()).square().sum() for name in names)) ** 0.5
