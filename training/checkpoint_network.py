"""Checkpoints behind the interface that ONNX files have."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.predict.card import Arrays, Network, NetworkCard
from synthgen.predict.onnx_network import open_onnx
from training.deployed import Deployed, network_card
from training.restore import restore


class CheckpointNetwork:
    """See predict.card.Network."""

    def __init__(self, module: Deployed, card: NetworkCard, device: str) -> None:
        self.card = card
        self._module, self._device = module.to(device), device

    def run(self, inputs: dict[str, NDArray[np.float32]]) -> Arrays:
        """Outputs by name."""
        given = [torch.from_numpy(inputs[name]).to(self._device) for name in self.card.inputs]
        with torch.no_grad():
            found = self._module(*given)
        return {name: one.cpu().numpy() for name, one in zip(self.card.outputs, found, strict=True)}


def open_checkpoint(folder: Path, device: str = "cpu") -> CheckpointNetwork:
    """The network of a checkpoint, folder `last` or `best` of a run. Raises DatasetError, ModelError."""
    restored = restore(folder)
    module = Deployed(restored).eval()
    return CheckpointNetwork(module, network_card(restored, module), device)


def open_network(path: Path, device: str = "cpu") -> Network:
    """The network of a checkpoint folder or of an ONNX file. Raises DatasetError, ModelError."""
    return open_onnx(path) if path.suffix == ".onnx" else open_checkpoint(path, device)
