"""MobileNet-V3 (Howard et al. 2019), large and small: squeeze-and-excitation, hard swish, any number of heads."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from torch import nn

from training.networks.layers import Activation, Heads, convolution, relu, scaled_width

DIVISOR, FIRST = 8, 16


class Bottleneck(NamedTuple):
    """A row of tables 1 and 2 of the paper. attention: squeeze-and-excitation; swish: hard swish, else ReLU."""

    kernel: int
    expanded: int
    out: int
    attention: bool
    swish: bool
    stride: int


_LARGE = (
    (3, 16, 16, False, False, 1),
    (3, 64, 24, False, False, 2),
    (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2),
    (5, 120, 40, True, False, 1),
    (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2),
    (3, 200, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 480, 112, True, True, 1),
    (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2),
    (5, 960, 160, True, True, 1),
    (5, 960, 160, True, True, 1),
)
_SMALL = (
    (3, 16, 16, True, False, 2),
    (3, 72, 24, False, False, 2),
    (3, 88, 24, False, False, 1),
    (5, 96, 40, True, True, 2),
    (5, 240, 40, True, True, 1),
    (5, 240, 40, True, True, 1),
    (5, 120, 48, True, True, 1),
    (5, 144, 48, True, True, 1),
    (5, 288, 96, True, True, 2),
    (5, 576, 96, True, True, 1),
    (5, 576, 96, True, True, 1),
)
# Rows, and the channels of the layer between the mean over the picture and the heads.
VARIANTS: dict[str, tuple[tuple[Bottleneck, ...], int]] = {
    "large": (tuple(Bottleneck(*row) for row in _LARGE), 1280),
    "small": (tuple(Bottleneck(*row) for row in _SMALL), 1024),
}


def hard_swish() -> nn.Module:
    """x ReLU6(x + 3) / 6."""
    return nn.Hardswish(inplace=True)


class Attention(nn.Module):
    """Channels weighed by what their means over the picture say (squeeze-and-excitation)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = scaled_width(channels // 4, 1.0, DIVISOR)
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.excite = nn.Conv2d(squeezed, channels, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Features of the same shape."""
        mean = features.mean(dim=(2, 3), keepdim=True)
        weight = nn.functional.hardsigmoid(self.excite(nn.functional.relu(self.squeeze(mean))))
        return features * weight


class InvertedResidual(nn.Module):
    """One bottleneck; added to the input where both have the same shape."""

    def __init__(self, before: int, row: Bottleneck, width: float) -> None:
        super().__init__()
        activation: Activation = hard_swish if row.swish else relu
        wide, after = (scaled_width(channels, width, DIVISOR) for channels in (row.expanded, row.out))
        layers: list[nn.Module] = []
        if wide != before:
            layers.append(convolution(before, wide, size=1, activation=activation))
        layers.append(convolution(wide, wide, row.kernel, row.stride, groups=wide, activation=activation))
        if row.attention:
            layers.append(Attention(wide))
        layers.append(convolution(wide, after, size=1, activation=None))
        self.layers = nn.Sequential(*layers)
        self.residual = row.stride == 1 and before == after

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, after, H / stride, W / stride)."""
        out: torch.Tensor = self.layers(features)
        return features + out if self.residual else out


class MobileNetV3(nn.Module):
    """Picture (N, C, H, W) -> name of a head -> (N, outputs); arguments as those of `MobileNetV1`."""

    def __init__(
        self,
        heads: Mapping[str, int],
        width: float = 1.0,
        channels: int = 3,
        variant: Literal["large", "small"] = "large",
    ) -> None:
        super().__init__()
        rows, last = VARIANTS[variant]
        before = scaled_width(FIRST, width, DIVISOR)
        layers: list[nn.Module] = [convolution(channels, before, stride=2, activation=hard_swish)]
        for row in rows:
            layers.append(InvertedResidual(before, row, width))
            before = scaled_width(row.out, width, DIVISOR)
        wide = 6 * before
        self.features = nn.Sequential(*layers, convolution(before, wide, size=1, activation=hard_swish))
        # As in MobileNet-V2, not made narrower: tddfa_v2's 1.65 M parameters at a width of 0.5 have all 1280.
        last = scaled_width(last, max(width, 1.0), DIVISOR)
        self.wide = nn.Sequential(nn.Linear(wide, last), nn.Hardswish(inplace=True))
        self.heads = Heads(last, heads)

    def forward(self, picture: torch.Tensor) -> dict[str, torch.Tensor]:
        """Outputs of every head."""
        return self.heads(self.wide(self.features(picture).mean(dim=(2, 3))))
