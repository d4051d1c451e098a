"""Residual networks (He et al. 2016): 18, 50 and 101 layers with dilation for dense outputs, and tddfa_v2's 22."""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import nn

from training.networks.layers import Heads, convolution, scaled_width

# Blocks of each stage, and whether they are bottlenecks.
DEPTHS: dict[int, tuple[tuple[int, ...], bool]] = {
    18: ((2, 2, 2, 2), False),
    50: ((3, 4, 6, 3), True),
    101: ((3, 4, 23, 3), True),
}
WIDTHS = (64, 128, 256, 512)
EXPANSION = 4


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions around a shortcut."""

    def __init__(self, before: int, wide: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            convolution(before, wide, stride=stride, dilation=dilation),
            convolution(wide, wide, dilation=dilation, activation=None),
        )
        self.shortcut = _shortcut(before, wide, stride)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, wide, H / stride, W / stride)."""
        return nn.functional.relu(self.layers(features) + self.shortcut(features), inplace=True)


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3, 1 x 1 around a shortcut; the stride is that of the 3 x 3."""

    def __init__(self, before: int, wide: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        after = EXPANSION * wide
        self.layers = nn.Sequential(
            convolution(before, wide, size=1),
            convolution(wide, wide, stride=stride, dilation=dilation),
            convolution(wide, after, size=1, activation=None),
        )
        self.shortcut = _shortcut(before, after, stride)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, 4 wide, H / stride, W / stride)."""
        return nn.functional.relu(self.layers(features) + self.shortcut(features), inplace=True)


class ResNetTrunk(nn.Module):
    """Picture (N, C, H, W) -> features (N, `channels_out`, H / output_stride, W / output_stride).

    output_stride 8 or 16 keeps the resolution of the last stages and dilates them instead (densereg: 2 and 4). width
    multiplies all channels.
    """

    def __init__(
        self,
        depth: Literal[18, 50, 101] = 50,
        channels: int = 3,
        output_stride: Literal[8, 16, 32] = 32,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        counts, bottlenecks = DEPTHS[depth]
        block = Bottleneck if bottlenecks else BasicBlock
        widths = [scaled_width(wide, width) for wide in WIDTHS]
        self.channels_out = widths[-1] * (EXPANSION if bottlenecks else 1)
        before, reached, dilation = widths[0], 4, 1
        stages: list[nn.Module] = [convolution(channels, before, size=7, stride=2), nn.MaxPool2d(3, 2, 1)]
        for number, (wide, count) in enumerate(zip(widths, counts, strict=True)):
            stride = 1 if number == 0 else 2
            if stride == 2 and reached == output_stride:
                stride, dilation = 1, 2 * dilation
            reached *= stride
            blocks = []
            for repetition in range(count):
                blocks.append(block(before, wide, stride if repetition == 0 else 1, dilation))
                before = wide * (EXPANSION if bottlenecks else 1)
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """The features."""
        features: torch.Tensor = self.stages(picture)
        return features


class ResNet(nn.Module):
    """Picture (N, C, H, W) -> name of a head -> (N, outputs)."""

    def __init__(
        self, heads: Mapping[str, int], depth: Literal[18, 50, 101] = 50, channels: int = 3, width: float = 1.0
    ) -> None:
        super().__init__()
        self.trunk = ResNetTrunk(depth, channels, width=width)
        self.heads = Heads(self.trunk.channels_out, heads)

    def forward(self, picture: torch.Tensor) -> dict[str, torch.Tensor]:
        """Outputs of every head."""
        return self.heads(self.trunk(picture))


class ResNet22(nn.Module):
    """The 22 layers of tddfa_v2's table 5, 18.45 M parameters: two plain convolutions, then 3, 4 and 3 basic blocks.

    The paper does not describe it; the widths are those that give its number of parameters.
    """

    def __init__(self, heads: Mapping[str, int], channels: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = [convolution(channels, 32, size=5, stride=2), convolution(32, 64)]
        before = 64
        for wide, count in ((128, 3), (256, 4), (512, 3)):
            for repetition in range(count):
                layers.append(BasicBlock(before, wide, 2 if repetition == 0 else 1))
                before = wide
        self.features = nn.Sequential(*layers)
        self.heads = Heads(before, heads)

    def forward(self, picture: torch.Tensor) -> dict[str, torch.Tensor]:
        """Outputs of every head."""
        return self.heads(self.features(picture))


def _shortcut(before: int, after: int, stride: int) -> nn.Module:
    if before == after and stride == 1:
        return nn.Identity()
    return convolution(before, after, size=1, stride=stride, activation=None)
