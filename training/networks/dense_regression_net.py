"""densereg's network (Güler 2017, section 3): a dilated residual trunk and 1 x 1 heads, upsampled before the losses."""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import nn

from training.networks.resnet import ResNetTrunk

STRIDE: Literal[8] = 8


class DenseRegressionNet(nn.Module):
    """Picture (N, 3, H, W) -> name of a head -> (N, outputs, H, W).

    heads: name -> channels; depth and width: of the trunk. The features of stride 8 are interpolated bilinearly.
    """

    def __init__(self, heads: Mapping[str, int], depth: Literal[18, 50, 101] = 101, width: float = 1.0) -> None:
        super().__init__()
        self.trunk = ResNetTrunk(depth, output_stride=STRIDE, width=width)
        self.names = tuple(heads)
        layers = [nn.Conv2d(self.trunk.channels_out, count, 1) for count in heads.values()]
        for name, layer in zip(heads, layers, strict=True):
            # The release's initial deviations: 0.01 for classes, 0.001 for residuals (CONVENTIONS F).
            nn.init.normal_(layer.weight, std=0.001 if name.startswith("residual") else 0.01)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        self.layers = nn.ModuleList(layers)

    def forward(self, picture: torch.Tensor) -> dict[str, torch.Tensor]:
        """Outputs of every head at the resolution of the picture."""
        features = self.trunk(picture)
        size = picture.shape[2:]
        return {
            name: nn.functional.interpolate(layer(features), size, mode="bilinear", align_corners=True)
            for name, layer in zip(self.names, self.layers, strict=True)
        }
