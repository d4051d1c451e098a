"""Checkpoints without pickle: tensors as safetensors, the rest as JSON."""

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from synthgen.core.errors import DatasetError

WEIGHTS, OPTIMIZERS, STATE = "weights.safetensors", "optimizers.safetensors", "state.json"


def save_checkpoint(
    folder: Path, weights: Mapping[str, torch.Tensor], optimizers: Mapping[str, Any], state: Mapping[str, Any]
) -> None:
    """Write a checkpoint into a new folder beside `folder`, then put it in its place: whole, whenever this is stopped,
    but for a moment in which only `recovered` finds the one before.

    optimizers: name -> state_dict of an optimiser; state: JSON values.
    """
    temporary, old = folder.with_name(f".{folder.name}.new"), _before(folder)
    shutil.rmtree(temporary, ignore_errors=True)  # what a run that was killed has left
    temporary.mkdir(parents=True)
    tensors, plain = _flattened(optimizers)
    save_file(
        {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}, temporary / WEIGHTS
    )
    save_file(
        {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, temporary / OPTIMIZERS
    )
    content = {**state, "optimizers": plain}
    (temporary / STATE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    temporary.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def recovered(folder: Path) -> bool:
    """Whether there is a checkpoint; puts the one before in its place where saving was stopped between both."""
    if not folder.exists() and _before(folder).exists():
        with suppress(FileNotFoundError):  # another device was faster
            _before(folder).rename(folder)
    return folder.exists()


def _before(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def load_checkpoint(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any], dict[str, Any]]:
    """Weights, state_dicts of the optimisers, and state. Raises DatasetError when it cannot be read."""
    missing = [name for name in (WEIGHTS, OPTIMIZERS, STATE) if not (folder / name).is_file()]
    if missing:
        raise DatasetError(
            f"{folder} is not a checkpoint: it has no {', '.join(missing)}; name the folder `last` or `best` of a run"
        )
    try:
        weights = load_file(folder / WEIGHTS)
        tensors = load_file(folder / OPTIMIZERS)
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        optimizers = _rebuilt(tensors, state.pop("optimizers"))
    except Exception as error:  # of safetensors, of JSON, and of content that is none of ours
        raise DatasetError(f"{folder} is damaged: {error}") from error
    return weights, optimizers, state


def load_weights(path: Path) -> dict[str, torch.Tensor]:
    """The weights of a checkpoint folder or of a .safetensors file. Raises DatasetError."""
    file = path / WEIGHTS if path.is_dir() else path
    try:
        return load_file(file)
    except FileNotFoundError as error:
        raise DatasetError(f"{path} has no weights") from error
    except (SafetensorError, OSError) as error:
        raise DatasetError(f"{file} is damaged: {error}") from error


def _flattened(optimizers: Mapping[str, Any]) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Tensors by "optimizer/number/name", and everything else."""
    tensors: dict[str, torch.Tensor] = {}
    plain: dict[str, Any] = {}
    for name, content in optimizers.items():
        plain[name] = {"param_groups": content["param_groups"], "state": {}}
        for number, values in content["state"].items():
            for key, value in values.items():
                if isinstance(value, torch.Tensor):
                    tensors[f"{name}/{number}/{key}"] = value
                else:
                    plain[name]["state"].setdefault(str(number), {})[key] = value
    return tensors, plain


def _rebuilt(tensors: Mapping[str, torch.Tensor], plain: Mapping[str, Any]) -> dict[str, Any]:
    optimizers: dict[str, Any] = {}
    for name, content in plain.items():
        state: dict[int, dict[str, Any]] = {int(number): dict(values) for number, values in content["state"].items()}
        for path, tensor in tensors.items():
            owner, number, key = path.split("/", 2)
            if owner == name:
                state.setdefault(int(number), {})[key] = tensor
        optimizers[name] = {"param_groups": content["param_groups"], "state": state}
    return optimizers
