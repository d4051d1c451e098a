"""Layers that several networks share."""

from collections.abc import Callable, Mapping

import torch
from torch import nn

Activation = Callable[[], nn.Module]


def relu() -> nn.Module:
    """A rectifier that works in place."""
    return nn.ReLU(inplace=True)


def convolution(
    before: int,
    after: int,
    size: int = 3,
    stride: int = 1,
    groups: int = 1,
    dilation: int = 1,
    activation: Activation | None = relu,
) -> nn.Sequential:
    """Convolution that keeps the picture's size but for its stride, batch normalisation, activation (None: none)."""
    padding = dilation * (size - 1) // 2
    layers: list[nn.Module] = [
        nn.Conv2d(before, after, size, stride, padding, dilation, groups, bias=False),
        nn.BatchNorm2d(after),
    ]
    if activation is not None:
        layers.append(activation())
    return nn.Sequential(*layers)


def scaled_width(channels: int, width: float, divisor: int = 1) -> int:
    """Channels times a multiplier, rounded to a multiple of `divisor`, and never more than a tenth lost by rounding."""
    wanted = channels * width
    rounded = max(divisor, int(wanted + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * wanted else rounded


class Heads(nn.Module):
    """Features (N, C, H, W) -> name -> (N, outputs): the mean over the picture, then one linear layer each."""

    def __init__(self, channels: int, outputs: Mapping[str, int]) -> None:
        super().__init__()
        self.names = tuple(outputs)
        self.linear = nn.ModuleList(nn.Linear(channels, count) for count in outputs.values())

    def forward(self, features: torch.Tensor) -> dict[str, torch.Tensor]:
        """Outputs of every head."""
        pooled = features.mean(dim=(2, 3)) if features.ndim == 4 else features
        return {name: linear(pooled) for name, linear in zip(self.names, self.linear, strict=True)}
