"""How large a network is, and how much work: parameters and multiply-adds."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


def count_parameters(network: nn.Module) -> int:
    """Numbers that training changes."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def count_multiply_adds(network: nn.Module, *inputs: torch.Tensor) -> int:
    """Multiply-adds of convolutions and linear layers for these inputs; activations and normalisation count nothing."""
    with _counted(network) as total, torch.no_grad():
        was_training = network.training
        network.eval()
        network(*inputs)
        network.train(was_training)
    return total[0]


@contextmanager
def _counted(network: nn.Module) -> Iterator[list[int]]:
    total = [0]

    def note(layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        if isinstance(layer, nn.ConvTranspose2d):
            # Each number that comes in meets every weight of its channel once.
            total[0] += inputs[0].numel() * layer.weight[0].numel()
        elif isinstance(layer, nn.Conv2d | nn.Linear):
            total[0] += output.numel() * layer.weight[0].numel()

    hooks = [layer.register_forward_hook(note) for layer in network.modules()]
    try:
        yield total
    finally:
        for hook in hooks:
            hook.remove()
