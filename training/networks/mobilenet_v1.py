"""MobileNet-V1 (Howard et al. 2017) with any number of linear heads: the backbone of tddfa_v2."""

from collections.abc import Mapping

import torch
from torch import nn

from training.networks.layers import Heads, convolution, scaled_width

# Output channels and stride of the 13 depthwise separable blocks after the first convolution of 32 channels.
BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
FIRST = 32


class MobileNetV1(nn.Module):
    """Picture (N, C, H, W) -> name of a head -> (N, outputs).

    heads: name -> outputs; width: multiplier of all channels; channels: of the picture.
    """

    def __init__(self, heads: Mapping[str, int], width: float = 1.0, channels: int = 3) -> None:
        super().__init__()
        before = scaled_width(FIRST, width)
        layers: list[nn.Module] = [convolution(channels, before, stride=2)]
        for wide, stride in BLOCKS:
            after = scaled_width(wide, width)
            layers += [convolution(before, before, stride=stride, groups=before), convolution(before, after, size=1)]
            before = after
        self.features = nn.Sequential(*layers)
        self.heads = Heads(before, heads)

    def forward(self, picture: torch.Tensor) -> dict[str, torch.Tensor]:
        """Outputs of every head."""
        return self.heads(self.features(picture))
