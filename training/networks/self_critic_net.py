"""dal2d's three networks (Tu 2020, section III-B): regressor, encoder and critic."""

from typing import Literal

import torch
from torch import nn

from training.networks.layers import scaled_width
from training.networks.resnet import ResNet

PARAMETERS = 62
LATENT = (32, 64, 128, 128, 256, 256)
CRITIC = (512, 1024, 1024, 1)


class SelfCriticNet(nn.Module):
    """Called with "regress", "encode" or "judge", so that one module holds all three (also when distributed).

    regress: picture and, with 4 channels, heat map (N, channels, H, W) -> parameters (N, 62), z-scored. encode: picture
    (N, 3, H, W), sides of at least 64 -> (N, 256 width). judge: code and parameters -> logits (N,) that they belong
    together. The paper's critic ends in a softmax over one number, which is always 1: this one ends in a sigmoid
    (CONVENTIONS H).
    """

    def __init__(self, depth: Literal[18, 50, 101] = 50, channels: int = 4, width: float = 1.0) -> None:
        super().__init__()
        self.regressor = ResNet({"out": PARAMETERS}, depth, channels, width)
        layers: list[nn.Module] = []
        before = 3
        latent = [scaled_width(wide, width) for wide in LATENT]
        for wide in latent:
            layers += [nn.Conv2d(before, wide, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2)]
            before = wide
        self.encoder = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        full: list[nn.Module] = []
        before = latent[-1] + PARAMETERS
        for wide in (*(scaled_width(wide, width) for wide in CRITIC[:-1]), CRITIC[-1]):
            full += [nn.Linear(before, wide), nn.ReLU()]
            before = wide
        self.critic = nn.Sequential(*full[:-1])

    def forward(self, what: Literal["regress", "encode", "judge"], *inputs: torch.Tensor) -> torch.Tensor:
        """What the named network gives."""
        if what == "regress":
            parameters: torch.Tensor = self.regressor(inputs[0])["out"]
            return parameters
        if what == "encode":
            code: torch.Tensor = self.encoder(inputs[0])
            return code
        judged: torch.Tensor = self.critic(torch.cat(inputs, dim=1))[:, 0]
        return judged
