"""MobileNet-V2 (Sandler et al. 2018): inverted residuals, with any number of linear heads."""

from collections.abc import Mapping

import torch
from torch import nn

from training.networks.layers import Heads, convolution, scaled_width

# Expansion, output channels, repetitions and stride of the first repetition (table 2 of the paper).
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
FIRST, LAST, DIVISOR = 32, 1280, 8


def relu6() -> nn.Module:
    """A rectifier that saturates at 6."""
    return nn.ReLU6(inplace=True)


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; added to the input where both have the same shape."""

    def __init__(self, before: int, after: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = before * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers.append(convolution(before, wide, size=1, activation=relu6))
        layers.append(convolution(wide, wide, stride=stride, groups=wide, activation=relu6))
        layers.append(convolution(wide, after, size=1, activation=None))
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and before == after

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, after, H / stride, W / stride)."""
        out: torch.Tensor = self.layers(features)
        return features + out if self.residual else out


class MobileNetV2(nn.Module):
    """Picture (N, C, H, W) -> name of a head -> (N, outputs); arguments as those of `MobileNetV1`."""

    def __init__(self, heads: Mapping[str, int], width: float = 1.0, channels: int = 3) -> None:
        super().__init__()
        before = scaled_width(FIRST, width, DIVISOR)
        layers: list[nn.Module] = [convolution(channels, before, stride=2, activation=relu6)]
        for expansion, wide, repetitions, stride in STAGES:
            after = scaled_width(wide, width, DIVISOR)
            for number in range(repetitions):
                layers.append(InvertedResidual(before, after, stride if number == 0 else 1, expansion))
                before = after
        # The last layer is not made narrower than 1280, as in the paper.
        last = scaled_width(LAST, max(width, 1.0), DIVISOR)
        self.features = nn.Sequential(*layers, convolution(before, last, size=1, activation=relu6))
        self.heads = Heads(last, heads)

    def forward(self, picture: torch.Tensor) -> dict[str, torch.Tensor]:
        """Outputs of every head."""
        return self.heads(self.features(picture))
